//! Versions of records: opaque to clients, totally ordered, never reused.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bits of a version that count writes under one grant.
const COUNTER_BITS: u32 = 40;

/// A grant in the high 24 bits (the epoch that was given at a hello or at a switch), a counter in the low 40.
///
/// A node gets a new grant at every start and whenever it gains ranges, and a range never goes to a node with
/// a lower grant than its old owner held, so no version appears twice and the larger one is the later write.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

/// No version is left under this grant, or the grant is too large for a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no versions are left under grant {grant}: restart the node to get a new one")]
pub struct Exhausted {
    /// The grant that ran out.
    pub grant: u64,
}

impl Version {
    /// The version with this grant and counter.
    ///
    /// # Errors
    /// [`Exhausted`] where the grant exceeds 24 bits or the counter 40.
    pub fn new(grant: u64, counter: u64) -> Result<Self, Exhausted> {
        if grant >> (64 - COUNTER_BITS) != 0 || counter >> COUNTER_BITS != 0 {
            return Err(Exhausted { grant });
        }
        Ok(Self(grant << COUNTER_BITS | counter))
    }

    /// The epoch under which it was given.
    #[must_use]
    pub fn grant(self) -> u64 {
        self.0 >> COUNTER_BITS
    }
}

/// Sixteen hexadecimal digits: what stands between the quotes of an `ETag`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.grant(), self.0 & ((1 << COUNTER_BITS) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_grant_beats_any_counter() {
        let last = Version::new(7, (1 << COUNTER_BITS) - 1).unwrap();
        assert!(last < Version::new(8, 0).unwrap());
        assert_eq!(last.grant(), 7);
    }

    #[test]
    fn neither_half_overflows_into_the_other() {
        assert!(Version::new(1 << 24, 0).is_err());
        assert!(Version::new(0, 1 << COUNTER_BITS).is_err());
    }
}
