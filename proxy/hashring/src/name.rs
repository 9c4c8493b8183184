//! Names of nodes: stable, chosen by people, part of what the ring hashes.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name of a node, in bytes.
pub const MAX_NAME: usize = 63;

/// A node's name: `[a-z0-9][a-z0-9._-]{0,62}`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

/// The text is no name of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a node's name: 1 to 63 of a-z, 0-9, '.', '_' and '-', and the first a letter or a digit"
)]
pub struct InvalidName(pub String);

impl NodeName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let letter_or_digit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        let well_formed = bytes.first().copied().is_some_and(letter_or_digit)
            && bytes.len() <= MAX_NAME
            && bytes.iter().all(|&b| letter_or_digit(b) || matches!(b, b'.' | b'_' | b'-'));
        if well_formed { Ok(Self(text.into())) } else { Err(InvalidName(text.to_owned())) }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for NodeName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for NodeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NodeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_grammar_are_taken() {
        for good in ["n1", "0", "a.b_c-d", &"x".repeat(63)] {
            assert_eq!(good.parse::<NodeName>().map(|n| n.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "../x", "N1", ".a", "-a", "a/b", "a b", "é", "a\n", &"x".repeat(64)] {
            assert!(bad.parse::<NodeName>().is_err(), "{bad:?}");
        }
    }
}
