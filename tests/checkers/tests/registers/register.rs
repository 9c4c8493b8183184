//! A register that many clients use at once, each operation taking effect at a random time between its start
//! and its end. Its histories are right by the way they come about.

use checkers::entry::{Asked, NEVER};
use checkers::{Entry, OnlyIf, Told, Write};
use proptest::prelude::*;

/// One operation to be.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    start: u64,
    until_effect: u64,
    until_end: u64,
    kind: u8,
    /// Which of the versions told of so far a condition names.
    choice: usize,
    /// Whether an answer comes, and if not, whether it happened.
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Answered,
    HappenedUnanswered,
    NeverHappened,
}

/// Operations of which up to `length / crowd` overlap on average.
pub(crate) fn plans(length: std::ops::Range<usize>, spread: u64) -> impl Strategy<Value = Vec<Plan>> {
    let fate = prop_oneof![
        8 => Just(Fate::Answered),
        1 => Just(Fate::HappenedUnanswered),
        1 => Just(Fate::NeverHappened),
    ];
    let plan = (0..spread, 0..9_u64, 0..9_u64, 0..12_u8, any::<usize>(), fate).prop_map(
        |(start, until_effect, until_end, kind, choice, fate)| Plan {
            start,
            until_effect,
            until_end,
            kind,
            choice,
            fate,
        },
    );
    prop::collection::vec(plan, length)
}

/// What the clients see of it.
pub(crate) fn play(plans: &[Plan]) -> Vec<Entry> {
    let mut plans: Vec<&Plan> = plans.iter().collect();
    plans.sort_by_key(|plan| plan.start + plan.until_effect);
    let mut holds: Option<u64> = None;
    // The version is the value in disguise, so that one can be told from the other in messages.
    let mut told_of: Vec<u64> = Vec::new();
    let mut entries = Vec::new();
    for (plan, value) in plans.into_iter().zip(1..) {
        let expected = told_of.get(plan.choice % (told_of.len() + 1)).copied().unwrap_or(9_999);
        let expected =
            if plan.choice % 2 == 0 { told_of.last().copied().unwrap_or(expected) } else { expected };
        let (asked, write) = match plan.kind {
            0..4 => (Asked::Get, None),
            4..6 => (Asked::Put, Some(Write::put(value))),
            6 => (Asked::Put, Some(Write::create(value))),
            7 | 8 => (Asked::Put, Some(Write::swap(expected - VERSION, value))),
            9 | 10 => (Asked::Delete, Some(Write::delete())),
            _ => (Asked::Delete, Some(Write::remove(expected - VERSION))),
        };
        let (told, after) = match &write {
            None if holds.is_some() => (Told::WasPresent, holds),
            None => (Told::WasAbsent, holds),
            Some(write) => write.apply(holds),
        };
        let answered = plan.fate == Fate::Answered;
        if plan.fate != Fate::NeverHappened {
            holds = after;
        }
        let shown = match asked {
            Asked::Get => holds,
            Asked::Put => Some(value),
            Asked::Delete => None,
        };
        let versioned = answered && shown.is_some() && told.happened();
        if versioned {
            told_of.extend(shown.map(|value| value + VERSION));
        }
        let only_if = match write.map(|write| write.only_if) {
            Some(OnlyIf::Is(value)) => OnlyIf::Is(value + VERSION),
            Some(other) => other,
            None => OnlyIf::Always,
        };
        let effect = plan.start + plan.until_effect;
        entries.push(Entry {
            start: plan.start,
            end: if answered { effect + plan.until_end } else { NEVER },
            value: shown.unwrap_or(0),
            version: if versioned { shown.unwrap_or(0) + VERSION } else { 0 },
            only_if,
            key: 1,
            asked,
            told: if answered { told } else { Told::Nothing },
        });
    }
    entries
}

/// What a version has more than its value.
pub(crate) const VERSION: u64 = 1000;
