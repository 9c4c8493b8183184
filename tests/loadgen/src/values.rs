//! What is written: text of the wanted size, either any, or one that says which write it is.

use std::ops::RangeInclusive;

use bytes::Bytes;
use fastrand::Rng;

/// Values for all clients.
#[derive(Debug, Clone)]
pub struct Values {
    sizes: RangeInclusive<usize>,
    /// Letters that all values are cut from; clones share them.
    letters: Bytes,
}

/// More letters than the largest value has, so that values differ.
const SPARE: usize = 4096;

impl Values {
    /// Of these sizes.
    #[must_use]
    pub fn new(sizes: RangeInclusive<usize>) -> Self {
        let mut random = Rng::with_seed(0x6b65_7977_6179);
        let letters: Vec<u8> = (0..sizes.end() + SPARE).map(|_| random.u8(b'a'..=b'z')).collect();
        Self { sizes, letters: letters.into() }
    }

    /// A size by chance.
    pub fn size(&self, random: &mut Rng) -> usize {
        random.usize(self.sizes.clone())
    }

    /// Some letters; cheap.
    #[must_use]
    pub fn any(&self, size: usize, number: u64) -> Bytes {
        let from = usize::try_from(number % SPARE as u64).unwrap_or(0);
        self.letters.slice(from..from + size)
    }

    /// A value that says what it is, as far as its size allows: never cut, so it may be longer than asked for.
    #[must_use]
    pub fn signed(&self, size: usize, signature: &str) -> Bytes {
        let mut value = Vec::with_capacity(size.max(signature.len() + 1));
        value.extend_from_slice(signature.as_bytes());
        value.push(b' ');
        value.extend_from_slice(&self.letters[..size.saturating_sub(value.len())]);
        value.into()
    }
}

/// What a signed value says of itself.
#[must_use]
pub fn signature(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()?.split_once(' ').map(|(signature, _)| signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_value_has_its_size_and_says_what_it_is() {
        let values = Values::new(0..=200);
        for size in [20, 100, 200] {
            let value = values.signed(size, "key1:7:x");
            assert_eq!((value.len(), signature(&value)), (size, Some("key1:7:x")));
        }
        assert_eq!(signature(&values.signed(0, "key1:7:x")), Some("key1:7:x"), "a small one is not cut");
        assert_eq!(values.any(100, 3).len(), 100);
        assert_ne!(values.any(100, 3), values.any(100, 4));
    }
}
