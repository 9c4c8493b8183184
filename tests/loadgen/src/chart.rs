//! Pictures made from tables alone, in SVG. Written out by hand: the drawing is small, and no library of a few crates
//! has what a picture needs that is shown to others, one file that is legible on light and on dark.

mod bars;
mod data;
mod frame;
mod lines;
mod palette;
mod scale;
mod svg;
mod words;

use std::fmt;
use std::str::FromStr;

use crate::table::Table;

use data::Data;

/// How values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// A line from each x to the next.
    #[default]
    Lines,
    /// A line from each row to the next, for what goes back and forth: latency against throughput.
    Curve,
    /// A mark for each row.
    Points,
    /// A bar for each x and series.
    Bars,
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "lines" => Ok(Self::Lines),
            "curve" => Ok(Self::Curve),
            "points" => Ok(Self::Points),
            "bars" => Ok(Self::Bars),
            _ => Err("one of lines, curve, points, bars".to_owned()),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lines => "lines",
            Self::Curve => "curve",
            Self::Points => "points",
            Self::Bars => "bars",
        })
    }
}

/// Which steps an axis has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Steps {
    /// Equal ratios where the values span more than an order of magnitude, else equal differences.
    #[default]
    Fitting,
    /// Equal differences, from zero.
    Linear,
    /// Equal ratios.
    Log,
}

impl FromStr for Steps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Fitting),
            "linear" => Ok(Self::Linear),
            "log" => Ok(Self::Log),
            _ => Err("one of auto, linear, log".to_owned()),
        }
    }
}

/// What is to be drawn.
#[derive(Debug, Clone, Default)]
pub struct Chart {
    /// Above it; made of the columns where it is empty.
    pub title: String,
    /// How.
    pub shape: Shape,
    /// The column along the bottom.
    pub x: String,
    /// The columns along the side, all of one unit.
    pub y: Vec<String>,
    /// A line or colour for each value of these columns.
    pub series: Vec<String>,
    /// Only rows that have these values in these columns.
    pub only: Vec<(String, String)>,
    /// Only rows that have more than these numbers in these columns.
    pub above: Vec<(String, f64)>,
    /// Along the bottom.
    pub x_steps: Steps,
    /// Along the side.
    pub y_steps: Steps,
}

/// Draws it.
///
/// # Errors
/// Where a column is missing, or there is nothing to draw.
pub fn draw(chart: &Chart, table: &Table) -> Result<String, String> {
    let data = Data::new(chart, table)?;
    if data.series.iter().all(|series| series.points.is_empty()) {
        return Err(format!("no row has values for {} and {}", chart.x, chart.y.join(", ")));
    }
    Ok(match chart.shape {
        Shape::Bars => bars::draw(chart, &data),
        Shape::Lines | Shape::Curve | Shape::Points => lines::draw(chart, &data)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[[&str; 4]]) -> Table {
        Table {
            columns: ["nodes", "clients", "throughput", "median_us"].map(str::to_owned).to_vec(),
            rows: rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect(),
        }
    }

    fn chart(shape: Shape) -> Chart {
        let names = |name: &str| vec![name.to_owned()];
        Chart {
            shape,
            x: "throughput".to_owned(),
            y: names("median_us"),
            series: names("nodes"),
            ..Chart::default()
        }
    }

    const ROWS: [[&str; 4]; 6] = [
        ["1", "1", "1000", "90"],
        ["1", "10", "9000", "1100"],
        ["1", "100", "8500", "12000"],
        ["<3 & \"more\">", "1", "900", "110"],
        ["<3 & \"more\">", "10", "8000", "1200"],
        ["<3 & \"more\">", "100", "", ""],
    ];

    #[test]
    fn every_series_is_in_every_shape_and_no_number_is_none() {
        for shape in [Shape::Lines, Shape::Curve, Shape::Points, Shape::Bars] {
            let svg = draw(&chart(shape), &table(&ROWS)).unwrap();
            for name in ["1 node", "&lt;3 &amp; &quot;more&quot;&gt;"] {
                assert!(svg.contains(name), "{shape}: no {name} in {svg}");
            }
            for wrong in ["NaN", "inf", "<3"] {
                assert!(!svg.contains(wrong), "{shape}: {wrong} in {svg}");
            }
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        }
    }

    #[test]
    fn each_row_with_values_is_one_mark_and_rows_without_are_none() {
        let marks = |rows: &[[&str; 4]]| {
            draw(&chart(Shape::Curve), &table(rows)).unwrap().matches("class=\"mark").count()
        };
        // Each series has a mark of its own in the legend.
        assert_eq!(marks(&ROWS) - 2, 5);
        assert_eq!(marks(&ROWS[..1]), 1, "one series needs no legend");
    }

    #[test]
    fn equal_values_and_zeros_are_drawn_too() {
        for value in ["0", "5", "1e-9"] {
            for shape in [Shape::Lines, Shape::Points, Shape::Bars] {
                let rows = [["1", "1", value, value], ["2", "1", value, value]];
                let svg = draw(&chart(shape), &table(&rows)).unwrap();
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{value}: {svg}");
            }
        }
    }

    #[test]
    fn a_chart_of_nothing_or_of_an_unknown_column_is_refused_with_a_reason() {
        let refused = draw(&chart(Shape::Lines), &table(&[["1", "1", "", ""]])).unwrap_err();
        assert!(refused.contains("no row has values"), "{refused}");
        let mut wrong = chart(Shape::Lines);
        wrong.y = vec!["p99".to_owned()];
        let refused = draw(&wrong, &table(&ROWS)).unwrap_err();
        assert!(refused.contains("no column \"p99\"") && refused.contains("median_us"), "{refused}");
    }

    #[test]
    fn rows_can_be_chosen_by_their_values() {
        let mut few = chart(Shape::Lines);
        few.only = vec![("nodes".to_owned(), "1".to_owned())];
        assert!(!draw(&few, &table(&ROWS)).unwrap().contains("more"));
    }

    #[test]
    fn rows_that_have_no_place_on_an_axis_can_be_left_out() {
        let mut rows = ROWS;
        rows[0][2] = "0";
        let mut ratios = Chart { x_steps: Steps::Log, ..chart(Shape::Points) };
        assert!(draw(&ratios, &table(&rows)).unwrap_err().contains("no place"));
        ratios.above = vec![("throughput".to_owned(), 0.0)];
        let svg = draw(&ratios, &table(&rows)).unwrap();
        assert_eq!(
            svg.matches("class=\"mark").count() - 2,
            4,
            "one of the five, and two in the legend: {svg}"
        );
    }
}
