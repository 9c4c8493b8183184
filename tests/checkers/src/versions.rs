//! Whether answers agree with the order that their versions give, for any number of writers and millions of
//! operations: sorts, and sweeps once over each key.
//!
//! Of a key, a larger version is a later write. With *what came before* an operation being everything that was
//! answered before it was asked:
//!
//! - a version belongs to one write, and whoever reads it gets the value of that write; no read ends before that
//!   write began;
//! - a read shows nothing older than any version that came before it, a write gets a larger one;
//! - a removal, or an answer that there is nothing, hides all versions that came before it for ever;
//! - where something was and now is said to be nothing, there is a removal that can have come between; where
//!   nothing was and now is said to be something, a write;
//! - a write that created follows a removal of what has the next smaller version; one on condition of a version
//!   follows just that one;
//! - a write without an answer may have happened or not; whoever sees it gives it its version.
//!
//! Each rule is a necessary one: what is found is wrong. That nothing else is wrong, [`crate::linear`] decides,
//! for as many operations as it can.

use std::fmt;
use std::ops::Range;

use crate::entry::{Asked, Entry};
use crate::operation::{OnlyIf, Told};
use crate::versions::sweep::Sweep;
use crate::versions::writes::Writes;

mod spans;
mod sweep;
mod writes;

/// One answer that cannot be true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong with it.
    pub wrong: Wrong,
    /// The answer.
    pub entry: Entry,
}

/// What can be wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// It is acknowledged or shows a value, but has no version.
    NoVersion,
    /// Its version was given to another write already.
    VersionReused,
    /// It shows another value than the one that was written under its version.
    OtherValue,
    /// It shows a value that nobody wrote.
    FromNowhere,
    /// It ended before the write began that it shows.
    FromTheFuture,
    /// It is older than something that came before it; a read is stale then, a write lost.
    Older,
    /// It shows what was removed.
    Resurrected,
    /// It says that there is nothing, but there is something that nobody removed.
    Lost,
    /// It says that there is something, but nobody wrote since there was nothing.
    NeverWritten,
    /// It says that it created the value, but nobody removed what has the next smaller version.
    CreatedTwice,
    /// Another write came between it and the version that it was made to follow.
    LostUpdate,
    /// This answer does not belong to this question.
    Impossible,
}

/// What was judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judged {
    /// Operations.
    pub operations: usize,
    /// Keys.
    pub keys: usize,
    /// Writes without an answer that someone saw.
    pub seen_unanswered: usize,
}

/// Judges a whole history; every key is absent before it. Sorts `entries` by key and start.
///
/// # Errors
/// The findings of each wrong key, by key.
pub fn check(entries: &mut [Entry]) -> Result<Judged, Vec<Finding>> {
    entries.sort_unstable_by_key(|entry| (entry.key, entry.start, entry.end));
    let mut judged = Judged { operations: entries.len(), ..Judged::default() };
    let mut findings = Vec::new();
    for key in entries.chunk_by(|a, b| a.key == b.key) {
        judged.keys += 1;
        judged.seen_unanswered += check_key(key, &mut findings);
    }
    if findings.is_empty() { Ok(judged) } else { Err(findings) }
}

fn check_key(entries: &[Entry], findings: &mut Vec<Finding>) -> usize {
    let mut found = |wrong: Wrong, entry: &Entry| findings.push(Finding { wrong, entry: *entry });
    for entry in entries.iter().filter(|entry| entry.answered()) {
        if let Err(wrong) = plausible(entry) {
            found(wrong, entry);
        }
    }
    let writes = Writes::of(entries, &mut found);
    let mut sweep = Sweep::new(entries, &writes);
    for entry in entries.iter().filter(|entry| entry.answered()) {
        if let Err(wrong) = sweep.next(entry) {
            found(wrong, entry);
        }
    }
    writes.seen_unanswered
}

/// Whether such an answer can be given at all.
fn plausible(entry: &Entry) -> Result<(), Wrong> {
    let versioned = match entry.asked {
        Asked::Put => entry.told.happened(),
        Asked::Get => entry.told == Told::WasPresent,
        Asked::Delete => false,
    };
    let fits = match (entry.only_if, entry.told) {
        (OnlyIf::Always, Told::Refused) | (OnlyIf::Absent, Told::WasPresent) => false,
        (OnlyIf::Is(_), Told::WasAbsent) => false,
        _ => entry.end >= entry.start,
    };
    match (fits, versioned && entry.version == 0) {
        (false, _) => Err(Wrong::Impossible),
        (true, true) => Err(Wrong::NoVersion),
        (true, false) => Ok(()),
    }
}

/// The times at which an operation may have taken effect.
fn span(entry: &Entry) -> Range<u64> {
    entry.start..if entry.answered() { entry.end } else { crate::entry::NEVER }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.wrong, self.entry)
    }
}

#[cfg(test)]
mod tests;
