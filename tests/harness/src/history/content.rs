//! What every write does, as a function of the seed: so a value read can be checked without having kept it.

use std::ops::Range;

use bytes::Bytes;

/// The keys of a story and what their writes do.
#[derive(Debug, Clone)]
pub struct Content {
    /// Another seed, other values.
    pub seed: u64,
    /// How many keys: `key0`, `key1` ..
    pub keys: u32,
    /// Of 100 writes (after the first of a key), how many remove it.
    pub removals: u8,
    /// The sizes of the values of a key.
    pub size: fn(u32) -> Range<usize>,
}

/// What one write does to its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It has this value afterwards.
    Value(Bytes),
    /// It is gone afterwards.
    Absence,
}

impl Content {
    /// So many keys with values of up to 200 bytes; one write in ten removes its key.
    #[must_use]
    pub fn small(seed: u64, keys: u32) -> Self {
        Self { seed, keys, removals: 10, size: |_| 0..200 }
    }

    /// The name of a key.
    #[must_use]
    pub fn name(&self, key: u32) -> String {
        format!("key{key}")
    }

    /// What a write does. The first write of a key never removes it.
    #[must_use]
    pub fn effect(&self, key: u32, number: u32) -> Effect {
        if self.removes(key, number) {
            return Effect::Absence;
        }
        let mut random = self.random(key, number);
        // Leaves the draw of `removes` behind.
        random.u8(..);
        let sizes = (self.size)(key);
        let length = if sizes.is_empty() { sizes.start } else { random.usize(sizes) };
        let mut value = format!("{key}.{number} of {};", self.seed).into_bytes();
        let head = value.len().min(length);
        value.resize(length, 0);
        random.fill(&mut value[head..]);
        Effect::Value(value.into())
    }

    /// Whether the key is absent after this write; before its first one it is.
    #[must_use]
    pub fn removes(&self, key: u32, number: u32) -> bool {
        number == 0 || (number > 1 && self.random(key, number).u8(0..100) < self.removals)
    }

    /// Bytes of all values after the first write of each key.
    #[must_use]
    pub fn first_bytes(&self) -> u64 {
        (0..self.keys)
            .map(|key| match self.effect(key, 1) {
                Effect::Value(value) => value.len() as u64,
                Effect::Absence => 0,
            })
            .sum()
    }

    /// Which write a value comes from, by what it says of itself.
    #[must_use]
    pub fn describe(&self, value: &[u8]) -> String {
        let head = value.split(|&byte| byte == b';').next().unwrap_or_default();
        String::from_utf8_lossy(&head[..head.len().min(60)]).into_owned()
    }

    fn random(&self, key: u32, number: u32) -> fastrand::Rng {
        let place = u64::from(key) << 32 | u64::from(number);
        // Two rounds, because neighbouring seeds give similar first draws.
        let mixed = fastrand::Rng::with_seed(self.seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15)).u64(..);
        fastrand::Rng::with_seed(mixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_write_always_does_the_same_and_no_two_are_alike() {
        let content = Content { size: |_| 30..31, removals: 0, ..Content::small(7, 2) };
        assert_eq!(content.effect(1, 3), content.effect(1, 3));
        assert_ne!(content.effect(1, 3), content.effect(1, 4));
        assert_ne!(content.effect(1, 3), content.effect(0, 3));
    }

    #[test]
    fn about_the_asked_share_of_writes_removes() {
        let content = Content::small(1, 1);
        let removals = (2..1002).filter(|&number| content.removes(0, number)).count();
        assert!((60..140).contains(&removals), "{removals}");
        assert!(!content.removes(0, 1) && content.removes(0, 0));
    }
}
