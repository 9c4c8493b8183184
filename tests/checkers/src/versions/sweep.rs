//! One pass over the operations of a key in the order of their starts, with what came before each.

use super::Wrong;
use super::writes::Writes;
use crate::entry::{Asked, Entry};
use crate::operation::{OnlyIf, Told};

/// What is surely so from some time on. Larger is later.
///
/// The first number is twice a version for "there was this version", and one more for "after that it was gone";
/// the second is when the operation began that shows it.
type Fact = (u64, u64);

pub(super) struct Sweep<'a> {
    writes: &'a Writes,
    /// By end, the facts of operations that have begun.
    begun: std::collections::BinaryHeap<std::cmp::Reverse<(u64, Fact)>>,
    /// The latest fact of all that was answered before the present operation was asked.
    floor: Fact,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(entries: &[Entry], writes: &'a Writes) -> Self {
        let begun = std::collections::BinaryHeap::with_capacity(entries.len().min(64));
        Self { writes, begun, floor: (0, 0) }
    }

    /// Judges the next answered operation, by start.
    pub(super) fn next(&mut self, entry: &Entry) -> Result<(), Wrong> {
        while let Some(std::cmp::Reverse((end, fact))) = self.begun.peek()
            && *end < entry.start
        {
            self.floor = self.floor.max(*fact);
            self.begun.pop();
        }
        if let Some(version) = after(entry) {
            self.begun.push(std::cmp::Reverse((entry.end, (self.place(version), entry.start))));
        }
        self.judge(entry)
    }

    fn judge(&self, entry: &Entry) -> Result<(), Wrong> {
        if let (OnlyIf::Is(expected), true) = (entry.only_if, entry.told.happened()) {
            self.reaches(2 * expected)?;
        }
        match (entry.asked, entry.told) {
            (_, Told::Nothing) => Ok(()),
            (Asked::Get, Told::WasPresent) => self.reaches(2 * entry.version),
            (Asked::Put, Told::WasAbsent | Told::WasPresent) => {
                self.exceeds(2 * entry.version)?;
                let created = entry.told == Told::WasAbsent;
                if created {
                    self.nothing(entry)?;
                } else {
                    self.something(entry, Some(entry.version))?;
                }
                self.writes.follows(entry, created)
            }
            (Asked::Get | Asked::Delete, Told::WasAbsent) => self.nothing(entry),
            (Asked::Delete, Told::WasPresent) => self.something(entry, None),
            (_, Told::Refused) if entry.only_if == OnlyIf::Absent => self.something(entry, None),
            (_, Told::Refused) => Ok(()),
        }
    }

    /// A version is shown: it is not older than what came before.
    fn reaches(&self, shown: u64) -> Result<(), Wrong> {
        if shown >= self.floor.0 {
            Ok(())
        } else if shown + 1 == self.floor.0 {
            Err(Wrong::Resurrected)
        } else {
            Err(Wrong::Older)
        }
    }

    fn exceeds(&self, written: u64) -> Result<(), Wrong> {
        if written > self.floor.0 { Ok(()) } else { Err(Wrong::Older) }
    }

    /// There was nothing at some time during this operation: who removed what came before?
    fn nothing(&self, entry: &Entry) -> Result<(), Wrong> {
        let (fact, since) = self.floor;
        let was_there = fact > 0 && fact % 2 == 0;
        if was_there && !self.writes.removals.any_within(since, entry.end, None) {
            return Err(Wrong::Lost);
        }
        Ok(())
    }

    /// There was something at some time during this operation: who wrote it since there was nothing?
    fn something(&self, entry: &Entry, but: Option<u64>) -> Result<(), Wrong> {
        let (fact, since) = self.floor;
        let was_gone = fact == 0 || fact % 2 == 1;
        if was_gone && !self.writes.puts.any_within(since, entry.end, but) {
            return Err(Wrong::NeverWritten);
        }
        Ok(())
    }

    fn place(&self, after: After) -> u64 {
        match after {
            After::Version(version) => 2 * version,
            After::NothingAfter(version) => (2 * version).max(self.floor.0) | 1,
        }
    }
}

#[derive(Clone, Copy)]
enum After {
    /// This version was there.
    Version(u64),
    /// There was nothing, after this version and all that came before.
    NothingAfter(u64),
}

/// What was surely there at some time during this operation.
fn after(entry: &Entry) -> Option<After> {
    let expected = match entry.only_if {
        OnlyIf::Is(expected) => expected,
        OnlyIf::Always | OnlyIf::Absent => 0,
    };
    match (entry.asked, entry.told) {
        (Asked::Get, Told::WasPresent) | (Asked::Put, Told::WasAbsent | Told::WasPresent) => {
            Some(After::Version(entry.version))
        }
        (Asked::Get, Told::WasAbsent) | (Asked::Delete, Told::WasAbsent | Told::WasPresent) => {
            Some(After::NothingAfter(expected))
        }
        (_, Told::Nothing | Told::Refused) => None,
    }
}
