//! What a workload did: how much, how fast, and what was wrong.

use std::fmt;
use std::time::Instant;

use checkers::contents::Contents;

use super::Sample;

/// The outcome of a workload.
#[derive(Debug, Clone)]
pub struct Report {
    /// Per phase: its name, its length in seconds, figures of reads and of writes.
    pub phases: Vec<(String, f64, Figures, Figures)>,
    /// Operations with a wrong outcome.
    pub wrong: u64,
    /// Operations that failed as the story expects.
    pub forgiven: u64,
    /// The first few wrong ones.
    pub examples: Vec<String>,
    /// What the reads have shown; after [`super::Workload::read_back`] that is all that is stored.
    pub read: Contents,
}

/// Count and latencies (in microseconds) of one kind of operation in one phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many.
    pub count: usize,
    /// Median.
    pub p50: u32,
    /// 99th percentile.
    pub p99: u32,
    /// The slowest.
    pub max: u32,
}

impl Report {
    pub(super) fn new(
        phases: &[(String, Instant)],
        samples: &[Sample],
        wrong: u64,
        forgiven: u64,
        examples: Vec<String>,
    ) -> Self {
        let now = Instant::now();
        let ends = phases.iter().skip(1).map(|&(_, start)| start).chain([now]);
        let phases = phases
            .iter()
            .zip(ends)
            .enumerate()
            .map(|(phase, ((name, start), end))| {
                let figures = |write: bool| {
                    let mine = samples.iter().filter(|sample| sample.phase == phase && sample.write == write);
                    Figures::of(mine.map(|sample| sample.micros).collect())
                };
                (name.clone(), end.duration_since(*start).as_secs_f64(), figures(false), figures(true))
            })
            .collect();
        Self { phases, wrong, forgiven, examples, read: Contents::default() }
    }

    /// How many operations there were.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.phases.iter().map(|(_, _, reads, writes)| reads.count + writes.count).sum()
    }

    /// Fails where anything was wrong, or where there was too little traffic to prove anything.
    #[track_caller]
    pub fn clean(&self, at_least: usize) {
        assert_eq!(self.wrong, 0, "{self}\n{}", self.examples.join("\n"));
        assert!(self.operations() >= at_least, "only {} operations, {at_least} expected", self.operations());
    }
}

impl Figures {
    fn of(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let at = |hundredths: usize| {
            micros.get((micros.len() * hundredths / 100).min(micros.len().saturating_sub(1)))
        };
        let [p50, p99, max] = [at(50), at(99), micros.last()].map(|found| found.copied().unwrap_or(0));
        Self { count: micros.len(), p50, p99, max }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<34} {:>7} {:>9} {:>28} {:>28}",
            "", "seconds", "op/s", "reads p50/p99/max ms", "writes p50/p99/max ms"
        )?;
        for (name, seconds, reads, writes) in &self.phases {
            let rate = (reads.count + writes.count) as f64 / seconds.max(1e-3);
            writeln!(f, "{name:<34} {seconds:>7.1} {rate:>9.0} {reads:>28} {writes:>28}")?;
        }
        write!(f, "{} wrong, {} failed as expected", self.wrong, self.forgiven)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |micros: u32| f64::from(micros) / 1000.0;
        f.pad(&format!("{:.2} / {:.2} / {:.1}", ms(self.p50), ms(self.p99), ms(self.max)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_samples() {
        let figures = Figures::of((1..=200).rev().collect());
        assert_eq!(figures, Figures { count: 200, p50: 101, p99: 199, max: 200 });
        assert_eq!(Figures::of(Vec::new()), Figures::default());
    }
}
