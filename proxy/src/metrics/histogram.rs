//! A coarse histogram of durations: four buckets per doubling, from one microsecond to about a minute.

use std::time::Duration;

use super::Counter;

/// Doublings of a microsecond that are told apart; 2^26 us is 67 s.
const DOUBLINGS: usize = 26;
/// Buckets per doubling: a quantile is wrong by 19 % at most, which is what a coarse histogram is for.
const PER_DOUBLING: usize = 4;
const BUCKETS: usize = DOUBLINGS * PER_DOUBLING;
/// The limit of the last bucket. Whatever is longer is counted there, too.
pub const LONGEST: Duration = Duration::from_micros(1 << DOUBLINGS);

/// Durations by size. Only one thread may write it, as with [`Counter`].
#[derive(Debug)]
pub struct Histogram {
    buckets: [Counter; BUCKETS],
    sum_us: Counter,
}

/// What a [`Histogram`], or several, held at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramSnapshot {
    buckets: [u64; BUCKETS],
    sum_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [const { Counter::zero() }; BUCKETS], sum_us: Counter::zero() }
    }
}

impl Default for HistogramSnapshot {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], sum_us: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket_of(us)) {
            bucket.add(1);
        }
        self.sum_us.add(us);
    }
}

impl HistogramSnapshot {
    /// Adds what `histogram` holds now.
    pub fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum += bucket.get();
        }
        self.sum_us += histogram.sum_us.get();
    }

    /// Adds what another one holds.
    pub fn merge(&mut self, other: &Self) {
        for (sum, count) in self.buckets.iter_mut().zip(other.buckets) {
            *sum += count;
        }
        self.sum_us += other.sum_us;
    }

    /// What was counted since `earlier`, which is the same histogram at another time.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut new = self.clone();
        for (count, before) in new.buckets.iter_mut().zip(earlier.buckets) {
            *count = count.saturating_sub(before);
        }
        new.sum_us = new.sum_us.saturating_sub(earlier.sum_us);
        new
    }

    /// How many durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All durations together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us)
    }

    /// A duration that the share `q` (0 to 1) of all durations does not exceed; zero where there are none.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Duration {
        let (count, mut seen) = (self.count(), 0);
        self.cumulative()
            .find(|&(_, up_to)| {
                seen = up_to;
                count > 0 && seen as f64 >= q * count as f64
            })
            .map_or(Duration::ZERO, |(limit, _)| limit)
    }

    /// Per bucket: its upper limit, and how many durations are at most that long.
    pub fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.buckets.iter().enumerate().scan(0, |seen, (bucket, count)| {
            *seen += count;
            Some((limit_of(bucket), *seen))
        })
    }
}

/// The bucket of a duration in microseconds: its highest bit, then the two bits below that.
fn bucket_of(us: u64) -> usize {
    let us = us.max(1);
    let doubling = us.ilog2();
    let quarter = if doubling < 2 { us << (2 - doubling) } else { us >> (doubling - 2) } & 3;
    (doubling as usize * PER_DOUBLING + usize::try_from(quarter).unwrap_or(0)).min(BUCKETS - 1)
}

/// The first duration that is too long for a bucket.
fn limit_of(bucket: usize) -> Duration {
    let (doubling, quarter) = (bucket / PER_DOUBLING, bucket % PER_DOUBLING);
    Duration::from_nanos(((1000 * (quarter as u64 + 5)) << doubling) / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_falls_below_the_limit_of_its_bucket_and_not_far_below() {
        for us in (1..5000).chain([100_000, 1_000_000, 30_000_000]) {
            let (limit, duration) = (limit_of(bucket_of(us)), Duration::from_micros(us));
            assert!(duration < limit, "{us}");
            assert!(limit.as_secs_f64() <= duration.as_secs_f64() * 1.2501 + 1e-6, "{us}: {limit:?}");
        }
    }

    #[test]
    fn a_quantile_is_found_within_its_bucket() {
        let histogram = Histogram::default();
        for us in 1..=1000 {
            histogram.record(Duration::from_micros(us));
        }
        histogram.record(Duration::from_secs(3600));
        let mut snapshot = HistogramSnapshot::default();
        snapshot.add(&histogram);
        assert_eq!(snapshot.count(), 1001);
        let median = snapshot.quantile(0.5).as_micros();
        assert!((500..650).contains(&median), "{median}");
        assert_eq!(HistogramSnapshot::default().quantile(0.99), Duration::ZERO);
    }
}
