//! The slow and obvious judge: tries every order.

use checkers::entry::Asked;
use checkers::{Action, Entry, OnlyIf, Operation, Told};

/// Whether some order of the operations, true to their times, explains every answer.
pub(crate) fn explains(operations: &[Operation]) -> bool {
    let mut left: Vec<&Operation> = operations.iter().collect();
    explains_from(&mut left, None)
}

fn explains_from(left: &mut Vec<&Operation>, holds: Option<u64>) -> bool {
    if left.iter().all(|operation| operation.end.is_none()) {
        return true;
    }
    for i in 0..left.len() {
        let first = left[i];
        if left.iter().any(|other| other.end.is_some_and(|end| end < first.start)) {
            continue;
        }
        let after = match first.action {
            Action::Get(read) => (read == holds || first.end.is_none()).then_some(holds),
            Action::Write(write, told) => {
                let (answer, after) = write.apply(holds);
                (first.end.is_none() || answer == told).then_some(after)
            }
        };
        if let Some(after) = after {
            left.remove(i);
            let explained = explains_from(left, after);
            left.insert(i, first);
            if explained {
                return true;
            }
        }
    }
    false
}

/// Like [`explains`], where the versions in the answers must be those of the writes, and grow with the order.
/// A write without an answer has the version that a read shows with its value; nobody can name any other.
pub(crate) fn explains_versions(entries: &[Entry]) -> bool {
    let shown = |value: u64| {
        let read = entries.iter().find(|entry| {
            entry.asked == Asked::Get && entry.answered() && entry.value == value && value != 0
        });
        read.map(|entry| entry.version)
    };
    let known: Vec<Entry> = entries
        .iter()
        .map(|entry| match entry.asked {
            Asked::Put if !entry.answered() => Entry { version: shown(entry.value).unwrap_or(0), ..*entry },
            _ => *entry,
        })
        .collect();
    let mut left: Vec<&Entry> = known.iter().collect();
    versions_from(&mut left, None, 0)
}

/// A value and its version.
type Holds = Option<(u64, u64)>;

fn versions_from(left: &mut Vec<&Entry>, holds: Holds, highest: u64) -> bool {
    if left.iter().all(|entry| !entry.answered()) {
        return true;
    }
    for i in 0..left.len() {
        let first = left[i];
        if left.iter().any(|other| other.answered() && other.end < first.start) {
            continue;
        }
        if let Some(after) = follow(first, holds, highest) {
            left.remove(i);
            let highest = after.map_or(highest, |(_, version)| highest.max(version));
            let explained = versions_from(left, after, highest);
            left.insert(i, first);
            if explained {
                return true;
            }
        }
    }
    false
}

/// What is there after an operation, or `None` where it cannot come now.
fn follow(entry: &Entry, holds: Holds, highest: u64) -> Option<Holds> {
    if entry.asked == Asked::Get {
        let shows = (entry.told == Told::WasPresent).then_some((entry.value, entry.version));
        return (!entry.answered() || shows == holds).then_some(holds);
    }
    let happens = match entry.only_if {
        OnlyIf::Always => true,
        OnlyIf::Absent => holds.is_none(),
        OnlyIf::Is(expected) => holds.is_some_and(|(_, version)| version == expected),
    };
    let told = match (happens, holds) {
        (false, _) => Told::Refused,
        (true, None) => Told::WasAbsent,
        (true, Some(_)) => Told::WasPresent,
    };
    if entry.answered() && told != entry.told {
        return None;
    }
    match (happens, entry.asked) {
        (false, _) => Some(holds),
        // A version that nobody saw may be any that fits.
        (true, Asked::Put) if entry.version == 0 => Some(Some((entry.value, 0))),
        (true, Asked::Put) => (entry.version > highest).then_some(Some((entry.value, entry.version))),
        (true, _) => Some(None),
    }
}
