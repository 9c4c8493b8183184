//! Whether two sets of records are equal, without ordering or keeping them.

use xxhash_rust::xxh3::Xxh3;

/// The count, the size and the digest of a set of keys with their values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contents {
    /// How many keys have a value.
    pub records: u64,
    /// Bytes of these keys and their values.
    pub bytes: u64,
    /// Sum modulo 2^128 of the XXH3-128 of each key (after its length) and its value.
    pub digest: u128,
}

impl Contents {
    /// Counts one more key with its value; the order does not matter.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.records += 1;
        self.bytes += (key.len() + value.len()) as u64;
        let mut hash = Xxh3::new();
        hash.update(&(key.len() as u64).to_le_bytes());
        hash.update(key);
        hash.update(value);
        self.digest = self.digest.wrapping_add(hash.digest128());
    }
}

impl std::ops::Add for Contents {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            bytes: self.bytes + other.bytes,
            digest: self.digest.wrapping_add(other.digest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(records: &[(&str, &str)]) -> Contents {
        let mut contents = Contents::default();
        records.iter().for_each(|(key, value)| contents.add(key.as_bytes(), value.as_bytes()));
        contents
    }

    #[test]
    fn the_order_does_not_matter_and_parts_add_up() {
        let all = of(&[("a", "1"), ("b", "2"), ("c", "")]);
        assert_eq!(all, of(&[("c", ""), ("a", "1"), ("b", "2")]));
        assert_eq!(all, of(&[("b", "2")]) + of(&[("a", "1"), ("c", "")]));
        assert_eq!((all.records, all.bytes), (3, 5));
    }

    #[test]
    fn each_difference_shows_in_the_digest() {
        let all = of(&[("a", "1"), ("b", "2")]).digest;
        for other in [
            &[("a", "2"), ("b", "1")][..],
            &[("a", "1"), ("b", "3")],
            &[("a1", ""), ("b", "2")],
            &[("a", "1"), ("a", "1")],
            &[("a", "1")],
        ] {
            assert_ne!(of(other).digest, all, "{other:?}");
        }
    }
}
