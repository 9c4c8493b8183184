//! What stands around the data: title, axes, legend.

use super::data::Data;
use super::scale::Scale;
use super::svg::{Anchor, cut, line, text, width};
use super::{Chart, Shape, palette, words};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 540.0;
/// Sizes of letters.
const TITLE: u32 = 20;
const LABEL: u32 = 14;
const SMALL: u32 = 12;
/// Between two entries of the legend.
const PITCH: f64 = 23.0;

/// Where the data is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plot {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Plot {
    /// As large as title and legend leave it.
    pub(super) fn new(data: &Data) -> Self {
        let longest = data.series.iter().map(|series| width(&series.name, LABEL)).fold(0.0, f64::max);
        let legend = if data.series.len() > 1 { longest.min(280.0) + 46.0 } else { 28.0 };
        Self { left: 84.0, right: WIDTH - legend, top: 104.0, bottom: HEIGHT - 66.0 }
    }

    /// The whole picture around `inner`.
    pub(super) fn around(self, chart: &Chart, data: &Data, inner: &str) -> String {
        let sides: Vec<String> = chart.y.iter().map(|column| words::short(column)).collect();
        let side = match chart.y.as_slice() {
            [one] => words::long(one),
            many if many.iter().all(|column| words::is_latency(column)) => "latency".to_owned(),
            _ => sides.join(", "),
        };
        let title =
            if chart.title.is_empty() { words::title(&chart.y, &chart.x) } else { chart.title.clone() };
        let room = WIDTH - 48.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" role=\"img\">\n<title>{}</title>\n<style>{}</style>\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" class=\"bg\"/>\n",
            super::svg::escaped(&title),
            palette::style(data)
        );
        svg += &text(24.0, 36.0, TITLE, Anchor::Start, "ink", &cut(&title, TITLE, room));
        svg += &text(24.0, 58.0, SMALL, Anchor::Start, "soft", &cut(&data.origin, SMALL, room));
        svg += &text(24.0, 88.0, LABEL, Anchor::Start, "ink", &side);
        let middle = f64::midpoint(self.left, self.right);
        svg += &text(middle, HEIGHT - 20.0, LABEL, Anchor::Middle, "ink", &words::long(&chart.x));
        svg += inner;
        svg += &self.legend(chart, data);
        svg + "</svg>\n"
    }

    /// Lines across at the steps of the side, and their numbers.
    pub(super) fn side(self, chart: &Chart, scale: &Scale) -> String {
        let unit = words::unit(&chart.y[0]);
        let steps = scale.ticks().iter().map(|&tick| {
            let y = scale.place(tick);
            let number = words::number(tick, scale.high(), unit);
            line((self.left, self.right), (y, y), "grid")
                + &text(self.left - 10.0, y + 4.5, LABEL, Anchor::End, "soft", &number)
        });
        steps.collect::<String>() + &line((self.left, self.right), (self.bottom, self.bottom), "axis")
    }

    /// Short lines at the steps of the bottom, and their numbers where they have room.
    pub(super) fn bottom(self, chart: &Chart, scale: &Scale) -> String {
        let unit = words::unit(&chart.x);
        let mut free = f64::NEG_INFINITY;
        let steps = scale.ticks().iter().map(|&tick| {
            let x = scale.place(tick);
            let number = words::number(tick, scale.high(), unit);
            let mut drawn = line((x, x), (self.top, self.bottom), "grid");
            let half = width(&number, LABEL) / 2.0;
            if x - half >= free {
                drawn += &text(x, self.bottom + 22.0, LABEL, Anchor::Middle, "soft", &number);
                free = x + half + 8.0;
            }
            drawn
        });
        steps.collect()
    }

    fn legend(self, chart: &Chart, data: &Data) -> String {
        if data.series.len() < 2 {
            return String::new();
        }
        let pitch = PITCH.min((self.bottom - self.top) / data.series.len() as f64);
        let entries = data.series.iter().enumerate().map(|(number, series)| {
            let y = self.top + 8.0 + number as f64 * pitch;
            let name = cut(&series.name, LABEL, 290.0);
            let sign = match chart.shape {
                Shape::Bars => palette::swatch(number, self.right + 22.0, y),
                Shape::Lines | Shape::Curve | Shape::Points => {
                    palette::mark(number, self.right + 22.0, y, "", "")
                }
            };
            sign + &text(self.right + 34.0, y + 5.0, LABEL, Anchor::Start, "ink", &name)
        });
        entries.collect()
    }
}
