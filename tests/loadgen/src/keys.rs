//! Which key comes next.

pub(crate) mod zipf;

#[cfg(test)]
pub(crate) mod chi_square;

use std::fmt;
use std::str::FromStr;

use fastrand::Rng;

use zipf::{Scramble, Zipf};

/// How keys are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// All alike.
    Uniform,
    /// Few are popular, by Zipf's law with this exponent; which ones is scattered over all keys.
    Zipf(f64),
    /// As `Zipf`, but the newest key is the most popular.
    Latest(f64),
    /// One after the other, and from the beginning again; clients share them out.
    Sequential,
}

impl Eq for Distribution {}

impl Distribution {
    /// What YCSB calls zipfian.
    pub const YCSB: Self = Self::Zipf(0.99);
    /// What YCSB calls latest.
    pub const YCSB_LATEST: Self = Self::Latest(0.99);

    /// The same with another exponent.
    #[must_use]
    pub fn with_theta(self, theta: f64) -> Self {
        match self {
            Self::Zipf(_) => Self::Zipf(theta),
            Self::Latest(_) => Self::Latest(theta),
            other => other,
        }
    }

    /// The exponent, where there is one.
    #[must_use]
    pub fn theta(self) -> Option<f64> {
        match self {
            Self::Zipf(theta) | Self::Latest(theta) => Some(theta),
            Self::Uniform | Self::Sequential => None,
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uniform => "uniform",
            Self::Zipf(_) => "zipf",
            Self::Latest(_) => "latest",
            Self::Sequential => "sequential",
        })
    }
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "uniform" => Ok(Self::Uniform),
            "zipf" => Ok(Self::YCSB),
            "latest" => Ok(Self::YCSB_LATEST),
            "sequential" => Ok(Self::Sequential),
            _ => Err("one of uniform, zipf, latest, sequential".to_owned()),
        }
    }
}

/// Chooses keys by their numbers, for one stream of operations among several.
#[derive(Debug, Clone)]
pub struct Chooser {
    keys: u64,
    stream: u64,
    streams: u64,
    /// Keys that this stream has added.
    inserted: u64,
    /// Keys that this stream has taken in turn.
    taken: u64,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    Uniform,
    Zipf(Zipf, Scramble),
    Latest(Zipf),
    Sequential,
}

impl Chooser {
    /// Of `keys` keys, for stream number `stream` of `streams`.
    #[must_use]
    pub fn new(distribution: Distribution, keys: u64, stream: u64, streams: u64) -> Self {
        let how = match distribution {
            Distribution::Uniform => How::Uniform,
            Distribution::Zipf(theta) => How::Zipf(Zipf::new(keys, theta), Scramble::new(keys)),
            Distribution::Latest(theta) => How::Latest(Zipf::new(keys, theta)),
            Distribution::Sequential => How::Sequential,
        };
        Self { keys, stream, streams, inserted: 0, taken: 0, how }
    }

    /// A key that there may be.
    pub fn existing(&mut self, random: &mut Rng) -> u64 {
        match &self.how {
            How::Uniform => random.u64(0..self.keys),
            How::Zipf(zipf, scramble) => scramble.place(zipf.rank(random)),
            How::Latest(zipf) => self.counted_back(zipf.rank(random)),
            How::Sequential => self.in_turn().unwrap_or_else(|| {
                self.taken = 0;
                self.in_turn().unwrap_or(self.stream % self.keys)
            }),
        }
    }

    /// The next key of this stream, each of them once.
    pub fn in_turn(&mut self) -> Option<u64> {
        let key = self.stream + self.taken * self.streams;
        self.taken += 1;
        (key < self.keys).then_some(key)
    }

    /// A key that nobody has written. What a stream adds depends on nothing that the others do, so that a seed
    /// means one sequence.
    pub fn fresh(&mut self) -> u64 {
        let key = self.keys + self.stream + self.inserted * self.streams;
        self.inserted += 1;
        key
    }

    /// The `rank`-th newest of the keys that this stream knows: its own, then those from before.
    fn counted_back(&self, rank: u64) -> u64 {
        if rank < self.inserted {
            return self.keys + self.stream + (self.inserted - 1 - rank) * self.streams;
        }
        self.keys - 1 - (rank - self.inserted).min(self.keys - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::chi_square::{fits, scaled};
    use super::*;

    const DRAWS: u64 = 200_000;

    fn counts(chooser: &mut Chooser, keys: usize, seed: u64) -> Vec<u64> {
        let mut random = Rng::with_seed(seed);
        let mut counts = vec![0; keys];
        for _ in 0..DRAWS {
            counts[usize::try_from(chooser.existing(&mut random)).unwrap()] += 1;
        }
        counts
    }

    fn zipf(theta: f64, keys: usize) -> Vec<f64> {
        let parts: Vec<f64> = (1..=keys).map(|rank| (rank as f64).powf(-theta)).collect();
        scaled(&parts, DRAWS as f64)
    }

    #[test]
    fn uniform_keys_are_uniform_and_not_anything_else() {
        let seen = counts(&mut Chooser::new(Distribution::Uniform, 100, 0, 1), 100, 1);
        assert!(fits(&seen, &scaled(&[1.0; 100], 200_000.0)));
        assert!(!fits(&seen, &zipf(0.1, 100)), "the test tells a slight slope from none");
    }

    #[test]
    fn popular_keys_follow_zipfs_law_with_the_given_exponent() {
        for theta in [0.5, 0.99, 1.0, 1.3] {
            let seen = counts(&mut Chooser::new(Distribution::Zipf(theta), 100, 0, 1), 100, 2);
            let scramble = Scramble::new(100);
            let by_rank: Vec<u64> =
                (0..100).map(|rank| seen[usize::try_from(scramble.place(rank)).unwrap()]).collect();
            assert!(fits(&by_rank, &zipf(theta, 100)), "theta {theta}: {by_rank:?}");
            assert!(!fits(&by_rank, &zipf(theta + 0.05, 100)), "theta {theta} is not {}", theta + 0.05);
        }
    }

    #[test]
    fn the_latest_key_is_the_most_popular_also_after_inserts() {
        let mut chooser = Chooser::new(Distribution::Latest(0.99), 50, 3, 4);
        assert_eq!((chooser.fresh(), chooser.fresh()), (53, 57), "streams do not insert each other's keys");
        let seen = counts(&mut chooser, 58, 3);
        let newest_first: Vec<u64> =
            [57, 53].into_iter().chain((2..50).rev()).map(|key: usize| seen[key]).collect();
        assert!(fits(&newest_first, &zipf(0.99, 50)), "{newest_first:?}");
    }

    #[test]
    fn streams_share_the_keys_out_in_turn() {
        let mut all = BTreeSet::new();
        for stream in 0..3 {
            let mut chooser = Chooser::new(Distribution::Sequential, 10, stream, 3);
            while let Some(key) = chooser.in_turn() {
                assert!(all.insert(key), "key {key} twice");
            }
        }
        assert_eq!(all, (0..10).collect());
        let mut chooser = Chooser::new(Distribution::Sequential, 2, 0, 1);
        let mut random = Rng::with_seed(1);
        let turns: Vec<u64> = (0..5).map(|_| chooser.existing(&mut random)).collect();
        assert_eq!(turns, [0, 1, 0, 1, 0]);
    }
}
