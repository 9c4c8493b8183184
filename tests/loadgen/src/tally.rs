//! What happened: counted, and latencies in histograms with a bounded relative error.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use http::StatusCode;

use crate::connection::Trouble;
use crate::mix::Kind;

/// Three digits hold: an error of at most one in a thousand, from nanoseconds to hours.
const DIGITS: u8 = 3;

/// Counts of one stretch of time, or of several together.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Latencies of operations that were answered as they should, by kind; in an open loop from the moment they
    /// were due.
    pub kinds: [Latencies; 5],
    /// From the moment they were sent, all kinds.
    pub service: Latencies,
    /// Operations that failed, by kind of failure.
    pub troubles: BTreeMap<Trouble, u64>,
    /// Operations that failed, by kind of operation.
    pub failed: [u64; 5],
    /// From sending a request to its answer, whatever it says, by the hundreds of its status: 1xx to 5xx.
    pub classes: [Latencies; 5],
    /// Reads and deletes that found nothing.
    pub absent: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// Of bodies of answers.
    pub bytes_in: u64,
    /// Of values that were written.
    pub bytes_out: u64,
    /// Clients at work, at most at one time.
    pub clients: u64,
}

/// Latencies of some operations.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    /// In nanoseconds. Made when it is first needed.
    histogram: Option<Histogram<u64>>,
    nanos: u128,
}

impl Tally {
    /// An operation went well.
    pub fn done(&mut self, kind: Kind, latency: Duration, service: Duration) {
        self.kinds[kind.index()].record(latency);
        self.service.record(service);
    }

    /// An operation failed.
    pub fn failed(&mut self, kind: Kind, trouble: Trouble) {
        self.failed[kind.index()] += 1;
        *self.troubles.entry(trouble).or_default() += 1;
    }

    /// An answer came.
    pub fn answered(&mut self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(these) = self.classes.get_mut(class) {
            these.record(took);
        }
    }

    /// Adds another tally to this one. The clients are those of the same moment.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.kinds.iter_mut().zip(&other.kinds) {
            mine.add(theirs);
        }
        self.service.add(&other.service);
        for (trouble, count) in &other.troubles {
            *self.troubles.entry(*trouble).or_default() += count;
        }
        for (mine, theirs) in self.failed.iter_mut().zip(other.failed) {
            *mine += theirs;
        }
        for (mine, theirs) in self.classes.iter_mut().zip(&other.classes) {
            mine.add(theirs);
        }
        self.absent += other.absent;
        self.connections += other.connections;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.clients += other.clients;
    }

    /// The latencies of all kinds together.
    #[must_use]
    pub fn all(&self) -> Latencies {
        let mut all = Latencies::default();
        for one in &self.kinds {
            all.add(one);
        }
        all
    }

    /// Operations that went well.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.kinds.iter().map(Latencies::count).sum()
    }

    /// Operations that failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }
}

impl Latencies {
    /// One more.
    pub fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.nanos += u128::from(nanos);
        if self.histogram.is_none() {
            self.histogram = Histogram::new(DIGITS).ok();
        }
        // It grows with what it is given, so nothing is too large for it.
        if let Some(histogram) = &mut self.histogram {
            let _ = histogram.record(nanos);
        }
    }

    /// Adds others to these.
    pub fn add(&mut self, other: &Self) {
        self.nanos += other.nanos;
        match (&mut self.histogram, &other.histogram) {
            (_, None) => {}
            (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
            // It grows by itself, so no value of the other is too large for it.
            (Some(mine), Some(theirs)) => drop(mine.add(theirs)),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    /// Their exact mean, in microseconds.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.nanos as f64 / self.count() as f64 / 1e3)
    }

    /// So many of 100 take at most this many microseconds.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let histogram = self.histogram.as_ref().filter(|histogram| !histogram.is_empty())?;
        Some(histogram.value_at_percentile(percent).min(histogram.max()) as f64 / 1e3)
    }

    /// The longest, in microseconds.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.percentile(100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "tenths of percents")]
    fn percentiles_are_within_one_in_a_thousand_of_the_exact_ones() {
        let mut random = fastrand::Rng::with_seed(4);
        let mut exact: Vec<u64> =
            (0..20_000).map(|_| 10_u64.pow(random.u32(3..9)) * random.u64(1..10_000) / 1000).collect();
        let (mut one, mut two) = (Latencies::default(), Latencies::default());
        for (at, &nanos) in exact.iter().enumerate() {
            if at % 3 == 0 { &mut one } else { &mut two }.record(Duration::from_nanos(nanos));
        }
        one.add(&two);
        exact.sort_unstable();
        for percent in [50.0_f64, 90.0, 99.0, 99.9, 100.0] {
            let place = exact.len() * (percent * 10.0).round() as usize / 1000 - 1;
            let (found, right) = (one.percentile(percent).unwrap(), exact[place] as f64 / 1e3);
            assert!((found / right - 1.0).abs() <= 0.001, "p{percent}: {found} for {right}");
        }
        let mean = exact.iter().sum::<u64>() as f64 / exact.len() as f64 / 1e3;
        assert!((one.mean().unwrap() / mean - 1.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_has_no_latency() {
        let none = Latencies::default();
        assert_eq!((none.mean(), none.percentile(50.0), none.max()), (None, None, None));
    }

    #[test]
    fn failures_are_counted_and_have_no_latency() {
        let mut tally = Tally::default();
        tally.failed(Kind::Read, Trouble::Timeout);
        tally.done(Kind::Write, Duration::from_micros(5), Duration::from_micros(5));
        let mut sum = Tally::default();
        sum.add(&tally);
        sum.add(&tally);
        assert_eq!((sum.operations(), sum.failures(), sum.troubles[&Trouble::Timeout]), (2, 2, 2));
        assert_eq!(sum.all().count(), 2);
    }
}
