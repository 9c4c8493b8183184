//! What was acknowledged, line by line, for a judge who has nothing but the file: also after the client was
//! killed, or lost its power.
//!
//! A client writes its line, and has it on the disk, before it counts an answer as received. So whatever a client
//! acted upon is in the file, and the file claims nothing that was not acknowledged. Only a removal is announced
//! before it is sent: one that was never acknowledged may explain why a key is gone, and a later version explains
//! itself.
//!
//! A line is text: its number, what it says, and a checksum. `12 put key7 000000010000002a 5bd1e9955bd1e995 9 <sum>`.

use std::collections::BTreeMap;
use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

pub use judge::{Broken, Found, Known};

mod judge;

/// One line, without its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A put was acknowledged.
    Put {
        /// The key; without white space, so percent-encode it.
        key: String,
        /// The version in the answer.
        version: u64,
        /// The [`crate::entry::digest`] of the value.
        value: u64,
        /// How many lines there were when it was sent: what they tell of was over by then.
        begun: u64,
    },
    /// A removal is going to be sent.
    Removing {
        /// The key.
        key: String,
    },
    /// A removal was acknowledged, or there was nothing to remove.
    Removed {
        /// The key.
        key: String,
        /// The number of its [`Line::Removing`].
        announced: u64,
    },
}

/// A line that is not what was written: the file is damaged, and not just cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The number of the line, from 0.
    pub line: u64,
    /// What is there.
    pub text: String,
}

impl Line {
    /// The line with its number and checksum, and the end of line.
    #[must_use]
    pub fn encode(&self, number: u64) -> String {
        let text = match self {
            Self::Put { key, version, value, begun } => {
                format!("{number} put {key} {version:016x} {value:016x} {begun}")
            }
            Self::Removing { key } => format!("{number} removing {key}"),
            Self::Removed { key, announced } => format!("{number} removed {key} {announced}"),
        };
        format!("{text} {:016x}\n", xxh3_64(text.as_bytes()))
    }

    fn decode(number: u64, line: &str) -> Option<Self> {
        let (text, sum) = line.rsplit_once(' ')?;
        if hexadecimal(sum)? != xxh3_64(text.as_bytes()) {
            return None;
        }
        let fields: Vec<&str> = text.split(' ').collect();
        if fields.first()?.parse::<u64>().ok()? != number {
            return None;
        }
        let key = (*fields.get(2)?).to_owned();
        match (*fields.get(1)?, fields.get(3..)?) {
            ("put", [version, value, begun]) => Some(Self::Put {
                key,
                version: hexadecimal(version)?,
                value: hexadecimal(value)?,
                begun: begun.parse().ok()?,
            }),
            ("removing", []) => Some(Self::Removing { key }),
            ("removed", [announced]) => Some(Self::Removed { key, announced: announced.parse().ok()? }),
            _ => None,
        }
    }

    /// The key that it is about.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Removing { key } | Self::Removed { key, .. } => key,
        }
    }
}

/// What the whole file says, by key. Its last line may be cut off: then it was never counted. Where a file system
/// leaves a hole in what was not synced yet, with lines behind it, that looks like damage and is told as such.
///
/// # Errors
/// [`Damaged`] where any other line is not as it was written.
pub fn read(file: &[u8]) -> Result<BTreeMap<String, Known>, Damaged> {
    let mut keys: BTreeMap<String, Known> = BTreeMap::new();
    let whole = file.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for (number, line) in (0..).zip(file[..whole].split_inclusive(|byte| *byte == b'\n')) {
        let text = String::from_utf8_lossy(&line[..line.len() - 1]);
        let decoded = Line::decode(number, &text);
        let line = decoded.ok_or_else(|| Damaged { line: number, text: text.into_owned() })?;
        keys.entry(line.key().to_owned()).or_default().add(number, &line);
    }
    Ok(keys)
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16)
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the ledger is damaged: {:?}", self.line, self.text)
    }
}

impl std::error::Error for Damaged {}

#[cfg(test)]
mod tests;
