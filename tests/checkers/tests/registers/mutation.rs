//! Histories with something changed: often wrong then.

use checkers::entry::Asked;
use checkers::{Entry, Told};
use proptest::prelude::*;

/// One change, to the operation at a place (modulo their number).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mutation {
    /// A read shows what another operation wrote or read.
    Shows(usize, usize),
    /// A read shows nothing, or a write is told the opposite.
    Told(usize, Told),
    /// It was asked later, or answered earlier.
    Shrinks(usize, u64, u64),
    /// It happened at another time.
    Moves(usize, u64),
    /// It was never recorded.
    Vanishes(usize),
    /// Its version is that of another operation.
    Version(usize, usize),
    /// Its value is that of another operation.
    Value(usize, usize),
}

pub(crate) fn mutations() -> impl Strategy<Value = Mutation> {
    let at = any::<usize>;
    let told = prop_oneof![Just(Told::Refused), Just(Told::WasAbsent), Just(Told::WasPresent)];
    prop_oneof![
        (at(), at()).prop_map(|(to, from)| Mutation::Shows(to, from)),
        (at(), told).prop_map(|(to, told)| Mutation::Told(to, told)),
        (at(), 0..9_u64, 0..9_u64).prop_map(|(to, later, earlier)| Mutation::Shrinks(to, later, earlier)),
        (at(), 0..30_u64).prop_map(|(to, start)| Mutation::Moves(to, start)),
        at().prop_map(Mutation::Vanishes),
        (at(), at()).prop_map(|(to, from)| Mutation::Version(to, from)),
        (at(), at()).prop_map(|(to, from)| Mutation::Value(to, from)),
    ]
}

/// The history with this change; it stays one that clients could record.
pub(crate) fn mutated(entries: &[Entry], mutation: Mutation) -> Vec<Entry> {
    let mut entries = entries.to_vec();
    let length = entries.len();
    let other = |from: usize| entries[from % length];
    match mutation {
        Mutation::Shows(to, from) | Mutation::Version(to, from) | Mutation::Value(to, from) => {
            let from = other(from);
            let entry = &mut entries[to % length];
            if entry.asked == Asked::Get && entry.answered() && from.value != 0 && from.version != 0 {
                let shown = entry.told == Told::WasPresent;
                if !matches!(mutation, Mutation::Version(..)) || !shown {
                    entry.value = from.value;
                }
                if !matches!(mutation, Mutation::Value(..)) || !shown {
                    entry.version = from.version;
                }
                entry.told = Told::WasPresent;
            } else if matches!(mutation, Mutation::Version(..)) && entry.stored() && from.version != 0 {
                entry.version = from.version;
            }
        }
        Mutation::Told(to, told) => {
            let entry = &mut entries[to % length];
            let readable = entry.asked != Asked::Get || told == Told::WasAbsent;
            // What is stored has a version and what is refused has none, so only some changes can be recorded.
            let versioned =
                entry.asked == Asked::Put && (told == Told::Refused) != (entry.told == Told::Refused);
            if entry.answered() && readable && !versioned {
                entry.told = told;
                if entry.asked == Asked::Get {
                    (entry.value, entry.version) = (0, 0);
                }
            }
        }
        Mutation::Shrinks(to, later, earlier) => {
            let entry = &mut entries[to % length];
            if entry.answered() {
                entry.start = (entry.start + later).min(entry.end);
                entry.end = entry.end.saturating_sub(earlier).max(entry.start);
            }
        }
        Mutation::Moves(to, start) => {
            let entry = &mut entries[to % length];
            if entry.answered() {
                entry.end = start + (entry.end - entry.start);
                entry.start = start;
            }
        }
        Mutation::Vanishes(to) => {
            entries.remove(to % length);
        }
    }
    entries
}
