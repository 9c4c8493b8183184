//! Where a key falls on the ring, and where the points of a node are.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::name::{MAX_NAME, NodeName};

/// A place on the ring of 2^64 places.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// The position of a decoded key: XXH3-64 with seed 0 of its bytes.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(xxh3_64(key))
    }

    /// The position of point `i` of a node: XXH3-64 of its name, a zero byte, and `i` as a little-endian u32.
    #[must_use]
    pub fn of_point(name: &NodeName, i: u32) -> Self {
        Self(PointHasher::of(name).hash(i))
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Hashes one node's points from one buffer: a ring has millions of them, so the name is copied once.
pub(crate) struct PointHasher {
    bytes: [u8; MAX_NAME + 5],
    number_at: usize,
}

impl PointHasher {
    pub(crate) fn of(name: &NodeName) -> Self {
        let name = name.as_str().as_bytes();
        let mut bytes = [0; MAX_NAME + 5];
        bytes[..name.len()].copy_from_slice(name);
        Self { bytes, number_at: name.len() + 1 }
    }

    pub(crate) fn hash(&mut self, i: u32) -> u64 {
        let end = self.number_at + 4;
        self.bytes[self.number_at..end].copy_from_slice(&i.to_le_bytes());
        xxh3_64(&self.bytes[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_points_of_n1_are_the_ones_that_the_design_names() {
        let n1: NodeName = "n1".parse().unwrap();
        assert_eq!(Position::of_point(&n1, 0), Position(0xc39c_e744_6ee2_0c42));
        assert_eq!(Position::of_point(&n1, 1), Position(0x3ae2_53c6_ec82_78ed));
    }

    #[test]
    fn the_longest_name_fits_the_buffer() {
        let longest: NodeName = "x".repeat(MAX_NAME).parse().unwrap();
        let mut bytes = longest.as_str().as_bytes().to_vec();
        bytes.extend_from_slice(&[0, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(Position::of_point(&longest, u32::MAX), Position::of(&bytes));
    }

    #[test]
    fn a_position_is_shown_as_sixteen_hexadecimal_digits() {
        assert_eq!(Position(0xab).to_string(), "00000000000000ab");
    }
}
