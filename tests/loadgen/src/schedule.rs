//! When the requests of an open loop are due, whatever the server does.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use fastrand::Rng;

/// How arrivals are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// At equal distances.
    Even,
    /// By chance, as those of many independent users are.
    Poisson,
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Even => "even",
            Self::Poisson => "poisson",
        })
    }
}

impl FromStr for Arrivals {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "even" => Ok(Self::Even),
            "poisson" => Ok(Self::Poisson),
            _ => Err("one of even, poisson".to_owned()),
        }
    }
}

/// The times at which one thread of several is to begin its requests, counted from the start.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Of this thread, a second.
    rate: f64,
    ramp: f64,
    /// In units of one request; the next one is due where the ramped rate has added up to this.
    due: f64,
    chance: Option<Rng>,
}

impl Schedule {
    /// Of thread `thread` of `threads`, which make `rate` together; the rate grows from nothing during `ramp`.
    #[must_use]
    pub fn new(rate: f64, arrivals: Arrivals, ramp: Duration, seed: u64, thread: u32, threads: u32) -> Self {
        let chance = (arrivals == Arrivals::Poisson)
            .then(|| Rng::with_seed(crate::stream::mixed(seed, !u64::from(thread))));
        // Even threads take turns; by chance none of them begins with a request.
        let due = f64::from(thread + 1) / f64::from(threads);
        let mut schedule = Self { rate: rate / f64::from(threads), ramp: ramp.as_secs_f64(), due, chance };
        if schedule.chance.is_some() {
            schedule.due = schedule.gap();
        }
        schedule
    }

    fn gap(&mut self) -> f64 {
        match &mut self.chance {
            None => 1.0,
            // The distance of events that happen by chance is exponential.
            Some(random) => -(1.0 - random.f64()).ln(),
        }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let within_ramp = self.rate * self.ramp / 2.0;
        let at = if self.due < within_ramp {
            (2.0 * self.due * self.ramp / self.rate).sqrt()
        } else {
            self.ramp + (self.due - within_ramp) / self.rate
        };
        self.due += self.gap();
        Duration::try_from_secs_f64(at).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(rate: f64, arrivals: Arrivals, ramp: u64, threads: u32, count: usize) -> Vec<f64> {
        let ramp = Duration::from_secs(ramp);
        let mut times: Vec<f64> = (0..threads)
            .flat_map(|thread| Schedule::new(rate, arrivals, ramp, 1, thread, threads).take(count))
            .map(|at| at.as_secs_f64())
            .collect();
        times.sort_by(f64::total_cmp);
        times.truncate(count);
        times
    }

    #[test]
    fn even_arrivals_have_equal_distances_over_all_threads() {
        for threads in [1, 3] {
            for (number, at) in merged(1000.0, Arrivals::Even, 0, threads, 3000).into_iter().enumerate() {
                let expected = (number + 1) as f64 / 1000.0;
                assert!((at - expected).abs() < 1e-6, "request {number} of {threads} threads at {at}");
            }
        }
    }

    #[test]
    fn the_rate_grows_during_the_ramp_and_stays_after_it() {
        let times = merged(1000.0, Arrivals::Even, 2, 1, 5000);
        let within = |from: f64, to: f64| times.iter().filter(|at| (from..to).contains(*at)).count();
        assert_eq!(
            [within(0.0, 1.0), within(1.0, 2.0), within(2.0, 3.0), within(3.0, 4.0)].map(|n| n / 10),
            [24, 75, 100, 100]
        );
    }

    #[test]
    fn poisson_arrivals_scatter_as_chance_does() {
        let times = merged(1000.0, Arrivals::Poisson, 0, 2, 100_000);
        let gaps: Vec<f64> = times.windows(2).map(|two| two[1] - two[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let spread = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        assert!((0.98..1.02).contains(&(mean * 1000.0)), "mean {mean}");
        assert!((0.97..1.03).contains(&(spread / mean)), "an exponential gap scatters as much as it is long");
    }
}
