//! The compact record of one operation: 64 bytes, so that millions of them fit in memory.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::operation::{Action, OnlyIf, Operation, Told, Write};

/// The end of an operation that has none.
pub const NEVER: u64 = u64::MAX;

/// One operation on one key, as a client saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When it was asked, in nanoseconds since the recording began.
    pub start: u64,
    /// When it was answered; [`NEVER`] where no answer said what became of it.
    pub end: u64,
    /// The digest of the value that was written or shown; 0 = none. See [`digest`].
    pub value: u64,
    /// The version in the answer; 0 = none.
    pub version: u64,
    /// The condition of a write; it names a version.
    pub only_if: OnlyIf,
    /// The key, by number.
    pub key: u32,
    /// What was asked.
    pub asked: Asked,
    /// What was answered.
    pub told: Told,
}

/// What was asked, without its condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To read.
    Get,
    /// To store.
    Put,
    /// To remove.
    Delete,
}

/// The digest that stands for a value; never 0.
#[must_use]
pub fn digest(value: &[u8]) -> u64 {
    xxh3_64(value).max(1)
}

impl Entry {
    /// Whether an answer said what became of it.
    #[must_use]
    pub fn answered(&self) -> bool {
        self.end != NEVER && self.told != Told::Nothing
    }

    /// Whether it surely stored its value.
    #[must_use]
    pub fn stored(&self) -> bool {
        self.asked == Asked::Put && self.answered() && self.told.happened()
    }

    /// Whether it surely left nothing there.
    #[must_use]
    pub fn removed(&self) -> bool {
        self.asked == Asked::Delete && self.answered() && self.told == Told::WasPresent
    }

    /// Whether it may have done what it was asked to, for all that is known.
    #[must_use]
    pub fn open(&self) -> bool {
        self.asked != Asked::Get && !self.answered()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: u64| Duration::from_nanos(time).as_secs_f64();
        write!(f, "{:.6}..", seconds(self.start))?;
        if self.answered() {
            write!(f, "{:.6}", seconds(self.end))?;
        }
        write!(f, " s: {:?} {:x?} -> {:?}", self.asked, self.only_if, self.told)?;
        write!(f, ", version {:016x}, value {:x}", self.version, self.value)
    }
}

/// The operations on one key in the words of [`crate::linear`], which knows no versions: a condition names the
/// value that an answer with this version told of. Nothing else is made of the versions.
///
/// # Errors
/// Where a version stood for two values: then it is not known what a condition meant.
pub fn without_versions(entries: &[Entry]) -> Result<Vec<Operation>, String> {
    let mut named: HashMap<u64, u64> = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.answered() && entry.version != 0) {
        let value = *named.entry(entry.version).or_insert(entry.value);
        if value != entry.value {
            return Err(format!("version {:016x} stood for two values: {entry}", entry.version));
        }
    }
    let operation = |entry: &Entry| {
        let only_if = match entry.only_if {
            // A version that was never heard of names a value that is never there.
            OnlyIf::Is(version) => OnlyIf::Is(named.get(&version).copied().unwrap_or(0)),
            other => other,
        };
        let action = match entry.asked {
            Asked::Get => Action::Get((entry.told == Told::WasPresent).then_some(entry.value)),
            Asked::Put => Action::Write(Write { after: Some(entry.value), only_if }, entry.told),
            Asked::Delete => Action::Write(Write { after: None, only_if }, entry.told),
        };
        let end = entry.answered().then(|| Duration::from_nanos(entry.end));
        Operation { start: Duration::from_nanos(entry.start), end, action }
    };
    Ok(entries.iter().map(operation).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Entry>() <= 64, "{} bytes", size_of::<Entry>());
    }
}
