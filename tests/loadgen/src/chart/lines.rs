//! Lines, curves and points.

use std::fmt::Write as _;

use super::data::Data;
use super::frame::Plot;
use super::scale::Scale;
use super::svg::escaped;
use super::{Chart, Shape, palette, words};

/// With more points than this a line shows its way without marks.
const MANY: usize = 60;

pub(super) fn draw(chart: &Chart, data: &Data) -> Result<String, String> {
    let plot = Plot::new(data);
    let x = Scale::new(chart.x_steps, data.span(|point| point.x), plot.left, plot.right)?;
    let y = Scale::new(chart.y_steps, data.span(|point| point.y), plot.bottom, plot.top)?;
    let mut inner = plot.bottom(chart, &x) + &plot.side(chart, &y);
    // First all lines, so that no line hides a mark.
    if chart.shape != Shape::Points {
        for (number, series) in data.series.iter().enumerate() {
            let mut way = String::new();
            for (at, point) in series.points.iter().enumerate() {
                let letter = if at == 0 { 'M' } else { 'L' };
                // Writing to a string cannot fail.
                let _ = write!(way, "{letter}{:.1} {:.1}", x.place(point.x), y.place(point.y));
            }
            let _ = writeln!(inner, "<path d=\"{way}\" class=\"line s{number}\"/>");
        }
    }
    let (across, along) = (words::unit(&chart.x), words::unit(&chart.y[0]));
    for (number, series) in data.series.iter().enumerate() {
        if chart.shape == Shape::Lines && series.points.len() > MANY {
            continue;
        }
        let class = if chart.shape == Shape::Points { " faint" } else { "" };
        for point in &series.points {
            let title = format!(
                "{} {}: {}",
                series.name,
                words::measured(point.x, across),
                words::measured(point.y, along)
            );
            inner +=
                &palette::mark(number, x.place(point.x), y.place(point.y), class, &escaped(title.trim()));
        }
    }
    Ok(plot.around(chart, data, &inner))
}
