//! What share of the operations does what.

use std::fmt;
use std::str::FromStr;

use fastrand::Rng;

use crate::keys::Distribution;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Reads a key.
    Read,
    /// Writes a key that is there, or may be.
    Write,
    /// Deletes a key.
    Delete,
    /// Writes a key that was never written.
    Insert,
    /// Reads a key, then writes it; its latency is that of both.
    Modify,
}

impl Kind {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::Delete, Self::Insert, Self::Modify];

    /// Its place in [`Kind::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Insert => "insert",
            Self::Modify => "modify",
        })
    }
}

/// Parts of each kind; they need not add up to 100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    name: String,
    parts: [u32; 5],
    /// What the workload of this name says about keys.
    distribution: Option<Distribution>,
}

/// A name, parts in the order of [`Kind::ALL`], and the keys that belong to it.
type Preset = (&'static str, [u32; 5], Option<Distribution>);

const PRESETS: [Preset; 12] = [
    ("read-only", [1, 0, 0, 0, 0], None),
    ("write-only", [0, 1, 0, 0, 0], None),
    ("delete-only", [0, 0, 1, 0, 0], None),
    ("read-mostly", [90, 10, 0, 0, 0], None),
    ("write-mostly", [10, 90, 0, 0, 0], None),
    ("thirds", [1, 1, 1, 0, 0], None),
    ("ycsb-a", [50, 50, 0, 0, 0], Some(Distribution::YCSB)),
    ("ycsb-b", [95, 5, 0, 0, 0], Some(Distribution::YCSB)),
    ("ycsb-c", [1, 0, 0, 0, 0], Some(Distribution::YCSB)),
    ("ycsb-d", [95, 0, 0, 5, 0], Some(Distribution::YCSB_LATEST)),
    ("ycsb-f", [50, 0, 0, 0, 50], Some(Distribution::YCSB)),
    ("mixed", [60, 30, 10, 0, 0], None),
];

impl Mix {
    /// The names of all presets.
    #[must_use]
    pub fn presets() -> Vec<&'static str> {
        PRESETS.iter().map(|preset| preset.0).collect()
    }

    /// Nothing but this.
    #[must_use]
    pub fn only(kind: Kind) -> Self {
        let mut parts = [0; 5];
        parts[kind.index()] = 1;
        Self { name: format!("{kind}-only"), parts, distribution: None }
    }

    /// How keys are chosen where nothing else is said.
    #[must_use]
    pub fn distribution(&self) -> Option<Distribution> {
        self.distribution
    }

    /// Whether this kind is in it.
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        self.parts[kind.index()] > 0
    }

    /// Which of 100 operations are of this kind.
    #[must_use]
    pub fn percent(&self, kind: Kind) -> f64 {
        f64::from(self.parts[kind.index()]) * 100.0 / f64::from(self.parts.iter().sum::<u32>())
    }

    /// One kind by chance.
    pub fn draw(&self, random: &mut Rng) -> Kind {
        let mut left = random.u32(0..self.parts.iter().sum());
        for kind in Kind::ALL {
            let part = self.parts[kind.index()];
            if left < part {
                return kind;
            }
            left -= part;
        }
        Kind::Read
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((name, parts, distribution)) = PRESETS.iter().find(|preset| preset.0 == text) {
            return Ok(Self { name: (*name).to_owned(), parts: *parts, distribution: *distribution });
        }
        let mut parts = [0; 5];
        for part in text.split(',') {
            let said = part.split_once('=').and_then(|(name, number)| {
                let kind = Kind::ALL.into_iter().find(|kind| kind.to_string() == name.trim())?;
                Some((kind, number.trim().parse::<u16>().ok()?))
            });
            let Some((kind, number)) = said else {
                let presets = Self::presets().join(", ");
                return Err(format!(
                    "{part:?}: write parts such as read=80,write=15,delete=5, or one of {presets}"
                ));
            };
            parts[kind.index()] = u32::from(number);
        }
        if parts.iter().all(|part| *part == 0) {
            return Err("a mix of nothing".to_owned());
        }
        Ok(Self { name: text.to_owned(), parts, distribution: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::chi_square::{fits, scaled};

    #[test]
    fn each_preset_draws_the_shares_that_it_promises() {
        for name in Mix::presets() {
            let mix: Mix = name.parse().unwrap();
            let mut random = Rng::with_seed(7);
            let mut seen = [0_u64; 5];
            for _ in 0..100_000 {
                seen[mix.draw(&mut random).index()] += 1;
            }
            let (mut counts, mut expected) = (Vec::new(), Vec::new());
            for kind in Kind::ALL {
                if mix.has(kind) {
                    counts.push(seen[kind.index()]);
                    expected.push(mix.percent(kind));
                } else {
                    assert_eq!(seen[kind.index()], 0, "{name} has no {kind}");
                }
            }
            assert!(fits(&counts, &scaled(&expected, 100_000.0)), "{name}: {counts:?} of {expected:?}");
        }
    }

    #[test]
    fn the_presets_of_ycsb_are_those_of_its_paper() {
        let percents = |name: &str| {
            let mix: Mix = name.parse().unwrap();
            (Kind::ALL.map(|kind| mix.percent(kind)), mix.distribution())
        };
        assert_eq!(percents("ycsb-a"), ([50.0, 50.0, 0.0, 0.0, 0.0], Some(Distribution::Zipf(0.99))));
        assert_eq!(percents("ycsb-b"), ([95.0, 5.0, 0.0, 0.0, 0.0], Some(Distribution::Zipf(0.99))));
        assert_eq!(percents("ycsb-c"), ([100.0, 0.0, 0.0, 0.0, 0.0], Some(Distribution::Zipf(0.99))));
        assert_eq!(percents("ycsb-d"), ([95.0, 0.0, 0.0, 5.0, 0.0], Some(Distribution::Latest(0.99))));
        assert_eq!(percents("ycsb-f"), ([50.0, 0.0, 0.0, 0.0, 50.0], Some(Distribution::Zipf(0.99))));
    }

    #[test]
    fn parts_of_ones_own_are_read_and_nonsense_is_refused() {
        let mix: Mix = "read=3,delete=1".parse().unwrap();
        assert_eq!((mix.percent(Kind::Read), mix.percent(Kind::Delete)), (75.0, 25.0));
        for wrong in ["", "reads=1", "read", "read=0", "read=-1", "ycsb-e"] {
            assert!(wrong.parse::<Mix>().is_err(), "{wrong}");
        }
    }
}
