//! The writes of one key by version, also those that only readers know of.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;

use super::spans::Spans;
use super::{Wrong, span};
use crate::entry::{Asked, Entry};
use crate::operation::OnlyIf;

/// What is known of the writes of a key.
pub(super) struct Writes {
    /// By version.
    known: HashMap<u64, Known>,
    /// All versions in order.
    order: Vec<u64>,
    /// Puts that happened, or may have; marked with the version, or 0 where it is not known.
    pub(super) puts: Spans,
    /// Removals that happened, or may have.
    pub(super) removals: Spans,
    /// Writes without an answer that someone saw.
    pub(super) seen_unanswered: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) value: u64,
    pub(super) start: u64,
}

impl Writes {
    pub(super) fn of(entries: &[Entry], found: &mut impl FnMut(Wrong, &Entry)) -> Self {
        let mut known: HashMap<u64, Known> = HashMap::new();
        for entry in entries.iter().filter(|entry| entry.stored() && entry.version != 0) {
            match known.entry(entry.version) {
                Place::Occupied(_) => found(Wrong::VersionReused, entry),
                Place::Vacant(place) => {
                    place.insert(Known { value: entry.value, start: entry.start });
                }
            }
        }
        // Those without an answer, by value: the start, and the version under which it was seen.
        let unanswered = entries.iter().filter(|entry| entry.asked == Asked::Put && entry.open());
        let mut unanswered: HashMap<u64, (u64, Option<u64>)> =
            unanswered.map(|entry| (entry.value, (entry.start, None))).collect();
        let shown = entries.iter().filter(|entry| entry.asked == Asked::Get && entry.answered());
        for entry in shown.filter(|entry| entry.version != 0) {
            if let Err(wrong) = show(entry, &mut known, &mut unanswered) {
                let elsewhere = wrong == Wrong::FromNowhere
                    && entries.iter().any(|other| other.stored() && other.value == entry.value);
                found(if elsewhere { Wrong::OtherValue } else { wrong }, entry);
            }
        }
        let mut order: Vec<u64> = known.keys().copied().collect();
        order.sort_unstable();
        let puts = entries.iter().filter(|entry| entry.stored() || entry.asked == Asked::Put && entry.open());
        let removals =
            entries.iter().filter(|entry| entry.removed() || entry.asked == Asked::Delete && entry.open());
        Self {
            known,
            order,
            puts: Spans::of(puts.map(|entry| (span(entry), entry.version))),
            removals: Spans::of(removals.map(|entry| (span(entry), 0))),
            seen_unanswered: unanswered.values().filter(|(_, version)| version.is_some()).count(),
        }
    }

    /// Whether a write that was acknowledged fits to the one with the next smaller version.
    pub(super) fn follows(&self, entry: &Entry, created: bool) -> Result<(), Wrong> {
        let at = self.order.partition_point(|version| *version < entry.version);
        let before = at.checked_sub(1).and_then(|at| self.order.get(at)).copied();
        if let OnlyIf::Is(expected) = entry.only_if {
            // A version that nobody has heard of is none of ours to judge.
            let unheard = !self.known.contains_key(&expected) && before.is_none_or(|it| it < expected);
            if before != Some(expected) && !(unheard && expected < entry.version) {
                return Err(Wrong::LostUpdate);
            }
        }
        match before.and_then(|version| self.known.get(&version)) {
            Some(before) if created && !self.removals.any_within(before.start, entry.end, None) => {
                Err(Wrong::CreatedTwice)
            }
            _ => Ok(()),
        }
    }
}

/// A read shows a value under a version.
fn show(
    entry: &Entry,
    known: &mut HashMap<u64, Known>,
    unanswered: &mut HashMap<u64, (u64, Option<u64>)>,
) -> Result<(), Wrong> {
    let place = match known.entry(entry.version) {
        Place::Occupied(place) => {
            let write = place.get();
            if write.value != entry.value {
                return Err(Wrong::OtherValue);
            }
            return if entry.end < write.start { Err(Wrong::FromTheFuture) } else { Ok(()) };
        }
        Place::Vacant(place) => place,
    };
    match unanswered.get_mut(&entry.value) {
        None => Err(Wrong::FromNowhere),
        // One write, two versions: it was carried out twice.
        Some((_, Some(_))) => Err(Wrong::VersionReused),
        Some((start, seen @ None)) => {
            *seen = Some(entry.version);
            place.insert(Known { value: entry.value, start: *start });
            if entry.end < *start { Err(Wrong::FromTheFuture) } else { Ok(()) }
        }
    }
}
