//! The text form of Prometheus: families of samples.

use std::fmt::{Display, Write};
use std::time::Duration;

use crate::metrics::{HistogramSnapshot, LONGEST};

/// Shorter than any answer over a network: what is below need not be told apart.
const SHORTEST: Duration = Duration::from_micros(32);

/// What a family's values are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// They only grow, until the process starts again.
    Counter,
    /// They go up and down.
    Gauge,
    /// Counts by upper limit.
    Histogram,
}

/// A label with its value. None of our values needs escapes: names of nodes, words, numbers.
pub(super) type Label<'a> = (&'a str, &'a str);

/// The text so far.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// A family whose samples are being written.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
}

impl Text {
    /// Begins a family.
    pub(super) fn family<'a>(&'a mut self, name: &'a str, kind: Kind, help: &str) -> Family<'a> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { text: &mut self.0, name }
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// One sample.
    pub(super) fn value(&mut self, labels: &[Label<'_>], value: impl Display) -> &mut Self {
        self.sample("", labels, value);
        self
    }

    /// A histogram of seconds: one bucket per doubling.
    pub(super) fn histogram(&mut self, labels: &[Label<'_>], histogram: &HistogramSnapshot) -> &mut Self {
        let mut last = SHORTEST / 2;
        for (limit, count) in histogram.cumulative() {
            // The last one holds whatever is longer, too: that is below infinity and nothing else.
            if limit >= last * 2 && limit < LONGEST {
                last = limit;
                self.bucket(labels, &limit.as_secs_f64().to_string(), count);
            }
        }
        self.bucket(labels, "+Inf", histogram.count());
        self.sample("_sum", labels, histogram.sum().as_secs_f64());
        self.sample("_count", labels, histogram.count());
        self
    }

    fn bucket(&mut self, labels: &[Label<'_>], limit: &str, count: u64) {
        let labels: Vec<Label<'_>> = labels.iter().copied().chain([("le", limit)]).collect();
        self.sample("_bucket", &labels, count);
    }

    fn sample(&mut self, suffix: &str, labels: &[Label<'_>], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{}{suffix}{labels} {value}", self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Histogram;

    #[test]
    fn a_histogram_has_a_bucket_for_each_doubling_and_all_below_infinity() {
        let histogram = Histogram::default();
        [10, 40, 1000, 3_600_000_000].into_iter().for_each(|us| histogram.record(Duration::from_micros(us)));
        let mut snapshot = HistogramSnapshot::default();
        snapshot.add(&histogram);
        let mut text = Text::default();
        text.family("x_seconds", Kind::Histogram, "X.").histogram(&[("node", "n1")], &snapshot);
        let text = text.into_string();
        for line in [
            "# TYPE x_seconds histogram",
            "x_seconds_bucket{node=\"n1\",le=\"0.000032\"} 1",
            "x_seconds_bucket{node=\"n1\",le=\"0.000064\"} 2",
            "x_seconds_bucket{node=\"n1\",le=\"0.001024\"} 3",
            "x_seconds_bucket{node=\"n1\",le=\"33.554432\"} 3",
            "x_seconds_bucket{node=\"n1\",le=\"+Inf\"} 4",
            "x_seconds_sum{node=\"n1\"} 3600.00105",
            "x_seconds_count{node=\"n1\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert_eq!(text.lines().filter(|line| line.contains("_bucket")).count(), 22, "{text}");
    }
}
