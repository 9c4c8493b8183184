//! From rows to points.

use crate::table::Table;

use super::{Chart, Shape, words};

/// What a chart shows.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) series: Vec<Series>,
    /// The text of each x, in the order in which they first come.
    pub(super) categories: Vec<String>,
    /// Which runs these are: machine, commit.
    pub(super) origin: String,
}

#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: String,
    /// What its rows have in the column that makes the series, where that is a number.
    pub(super) number: Option<f64>,
    pub(super) points: Vec<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Of a line; whatever in bars.
    pub(super) x: f64,
    pub(super) category: usize,
    pub(super) y: f64,
}

impl Data {
    pub(super) fn new(chart: &Chart, table: &Table) -> Result<Self, String> {
        let x = table.column(&chart.x)?;
        let ys = chart.y.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>()?;
        let by = chart.series.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>()?;
        let only = chart.only.iter().map(|(name, value)| Ok((table.column(name)?, value)));
        let only = only.collect::<Result<Vec<_>, String>>()?;
        let above = chart.above.iter().map(|(name, least)| Ok((table.column(name)?, *least)));
        let above = above.collect::<Result<Vec<_>, String>>()?;
        let mut data = Self { series: Vec::new(), categories: Vec::new(), origin: origin(table) };
        let more = |text: &str, least: f64| text.parse().is_ok_and(|value: f64| value > least);
        let chosen = |row: &&Vec<String>| {
            only.iter().all(|(place, value)| row[*place] == **value)
                && above.iter().all(|(place, least)| more(&row[*place], *least))
        };
        for row in table.rows.iter().filter(chosen) {
            for (y, column) in ys.iter().zip(&chart.y) {
                let many = chart.y.len() > 1;
                let mut names: Vec<String> = by
                    .iter()
                    .zip(&chart.series)
                    .map(|(place, name)| words::named(name, &row[*place]))
                    .collect();
                if many {
                    names.push(words::short(column));
                }
                let number = match by.as_slice() {
                    [one] if !many => row[*one].parse().ok(),
                    _ => None,
                };
                let series = data.series(names.join(", "), number);
                if let Some(point) = data.point(chart, &row[x], &row[*y]) {
                    data.series[series].points.push(point);
                }
            }
        }
        data.series.retain(|series| !series.points.is_empty());
        if chart.shape != Shape::Points && chart.shape != Shape::Curve {
            data.series.iter_mut().for_each(Series::gather);
        }
        Ok(data)
    }

    fn series(&mut self, name: String, number: Option<f64>) -> usize {
        self.series.iter().position(|series| series.name == name).unwrap_or_else(|| {
            self.series.push(Series { name, number, points: Vec::new() });
            self.series.len() - 1
        })
    }

    fn point(&mut self, chart: &Chart, x: &str, y: &str) -> Option<Point> {
        let y: f64 = y.parse().ok().filter(|y: &f64| y.is_finite())?;
        let number = x.parse().ok().filter(|x: &f64| x.is_finite());
        let at = match (number, chart.shape) {
            (Some(number), _) => number,
            (None, Shape::Bars) => 0.0,
            (None, _) => return None,
        };
        let category = self.categories.iter().position(|known| known == x).unwrap_or_else(|| {
            self.categories.push(x.to_owned());
            self.categories.len() - 1
        });
        Some(Point { x: at, category, y })
    }

    /// From the least to the largest of one coordinate.
    pub(super) fn span(&self, of: fn(&Point) -> f64) -> (f64, f64) {
        let values = self.series.iter().flat_map(|series| series.points.iter().map(of));
        values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    }
}

impl Series {
    /// One point for each x: the median of those that were measured again and again.
    fn gather(&mut self) {
        self.points
            .sort_by(|a, b| a.x.total_cmp(&b.x).then(a.category.cmp(&b.category)).then(a.y.total_cmp(&b.y)));
        let same = |a: &Point, b: &Point| a.x.total_cmp(&b.x).is_eq() && a.category == b.category;
        let medians = self.points.chunk_by(same).map(|group| {
            let (low, high) = (group[(group.len() - 1) / 2], group[group.len() / 2]);
            Point { y: f64::midpoint(low.y, high.y), ..low }
        });
        self.points = medians.collect();
    }
}

/// What all rows have in common of where they come from.
fn origin(table: &Table) -> String {
    let said = ["machine", "commit", "build"].map(|name| {
        let place = table.column(name).ok()?;
        let first = table.rows.first().map(|row| row[place].clone())?;
        let alike = table.rows.iter().all(|row| row[place] == first);
        match name {
            _ if !alike || first.is_empty() => None,
            "commit" => Some(format!("commit {first}")),
            "build" if first == "release" => None,
            "build" => Some(format!("{first} build")),
            _ => Some(first),
        }
    });
    said.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
