//! Bars in groups. Their lengths are compared, so they always begin at zero.

use std::fmt::Write as _;

use super::data::Data;
use super::frame::Plot;
use super::scale::Scale;
use super::svg::{Anchor, cut, escaped, text, width};
use super::{Chart, Steps, words};

const LABEL: u32 = 14;
const VALUE: u32 = 12;
/// The part of a group's place that its bars fill.
const FULL: f64 = 0.8;

pub(super) fn draw(chart: &Chart, data: &Data) -> String {
    let plot = Plot::new(data);
    let span = data.span(|point| point.y);
    // Linear steps fit any values.
    let Ok(y) = Scale::new(Steps::Linear, (0.0, span.1.max(0.0)), plot.bottom, plot.top) else {
        return String::new();
    };
    let unit = words::unit(&chart.y[0]);
    let mut inner = plot.side(chart, &y);
    let place = (plot.right - plot.left) / data.categories.len() as f64;
    let thick = place * FULL / data.series.len() as f64;
    for (number, category) in data.categories.iter().enumerate() {
        let middle = plot.left + (number as f64 + 0.5) * place;
        let name = cut(category, LABEL, place);
        inner += &text(middle, plot.bottom + 22.0, LABEL, Anchor::Middle, "ink", &name);
    }
    for (number, series) in data.series.iter().enumerate() {
        for point in &series.points {
            let left =
                plot.left + (point.category as f64 + (1.0 - FULL) / 2.0) * place + number as f64 * thick;
            let top = y.place(point.y.max(0.0));
            let value = words::measured(point.y, unit);
            // Writing to a string cannot fail.
            let _ = writeln!(
                inner,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" class=\"mark s{number}\"><title>{}: {value}</title></rect>",
                (thick - 2.0).max(1.0),
                plot.bottom - top,
                escaped(&series.name),
            );
            if width(&value, VALUE) <= thick + 6.0 {
                inner += &text(left + thick / 2.0 - 1.0, top - 5.0, VALUE, Anchor::Middle, "ink", &value);
            }
        }
    }
    plot.around(chart, data, &inner)
}
