//! A history made ready for the search.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::time::Duration;

use super::search::{Configuration, Holds};
use crate::operation::{Action, OnlyIf, Operation, Told, Write};

/// Operations that are shown in a message.
const SHOWN: usize = 16;

pub(super) struct Puzzle {
    /// What must be explained, by start.
    pub(super) must: Vec<Must>,
    /// What may have happened, unseen by anyone.
    pub(super) spare: Spare,
    /// Who must see a value, by value.
    needs: HashMap<u64, Vec<usize>>,
    /// Who could tell a value from others, by value: who must see it, and who must find that it is not there.
    tells: HashMap<u64, Vec<usize>>,
}

/// An operation that happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Must {
    pub(super) start: Duration,
    /// It happened before this time: its answer, or that of the first who saw it.
    pub(super) end: Duration,
    pub(super) action: Action,
}

/// Starts of the writes without an answer that nobody saw, in order. Those of a list are alike: whoever takes
/// one may take the earliest.
#[derive(Debug, Default)]
pub(super) struct Spare {
    pub(super) puts: Vec<Duration>,
    pub(super) creates: Vec<Duration>,
    pub(super) deletes: Vec<Duration>,
    /// By the value that must be there: the earliest put and the earliest delete. As no value is written twice,
    /// one of each is all that can ever happen.
    pub(super) conditional: HashMap<u64, [Option<Duration>; 2]>,
}

impl Puzzle {
    pub(super) fn of(operations: &[Operation]) -> Result<Self, String> {
        unique(operations)?;
        let seen = seen(operations);
        named(operations, &seen)?;
        let mut must = Vec::with_capacity(operations.len());
        let mut spare = Spare::default();
        for operation in operations {
            let &Operation { start, end, action } = operation;
            match (action, end) {
                // A read that nobody saw tells nothing.
                (Action::Get(_), None) => {}
                (Action::Get(_), Some(end)) => must.push(Must { start, end, action }),
                (Action::Write(_, told), Some(end)) if told != Told::Nothing => {
                    must.push(Must { start, end, action });
                }
                (Action::Write(write, _), _) => match write.after.and_then(|value| seen.get(&value)) {
                    Some(&end) => {
                        must.push(Must { start, end, action: Action::Write(write, Told::Nothing) });
                    }
                    None => spare.add(start, write),
                },
            }
        }
        must.sort_by_key(|one| one.start);
        spare.sort();
        let by_value = |of: fn(&Action) -> Option<u64>| {
            let mut by_value: HashMap<u64, Vec<usize>> = HashMap::new();
            for (i, one) in must.iter().enumerate() {
                if let Some(value) = of(&one.action) {
                    by_value.entry(value).or_default().push(i);
                }
            }
            by_value
        };
        let (needs, tells) = (by_value(sees), by_value(|action| sees(action).or(names(action))));
        Ok(Self { must, spare, needs, tells })
    }

    /// Who must see this value.
    pub(super) fn needs(&self, value: u64) -> &[usize] {
        self.needs.get(&value).map_or(&[], Vec::as_slice)
    }

    /// Who could tell this value from another one; `None` where someone could whose time is not known.
    pub(super) fn tells(&self, value: u64) -> Option<&[usize]> {
        let unknown = self.spare.conditional.contains_key(&value);
        (!unknown).then(|| self.tells.get(&value).map_or(&[][..], Vec::as_slice))
    }

    /// How far the best order came, and what does not fit.
    pub(super) fn describe(&self, best: &Configuration) -> String {
        let open = || self.must.iter().enumerate().filter(|(i, _)| !best.contains(*i)).map(|(_, one)| one);
        let Some(stuck) = open().min_by_key(|one| one.end) else { return String::new() };
        let holds = match best.holds {
            Holds::Nothing => "nothing".to_owned(),
            Holds::Value(value) => format!("value {value:x}"),
            Holds::Unseen => "a value that nobody sees any more".to_owned(),
        };
        let mut text = format!(
            "{} of {} are explained, then the key holds {holds} and this does not follow:\n  {stuck}\nOpen beside it:",
            best.explained(),
            self.must.len()
        );
        for one in open().filter(|one| one.start <= stuck.end && one.start != stuck.start).take(SHOWN) {
            let _ = write!(text, "\n  {one}");
        }
        let mut before: Vec<&Must> =
            self.must.iter().enumerate().filter(|(i, _)| best.contains(*i)).map(|(_, one)| one).collect();
        before.sort_by_key(|one| std::cmp::Reverse(one.end));
        let _ = write!(text, "\nExplained before it, the latest first:");
        for one in before.iter().take(SHOWN) {
            let _ = write!(text, "\n  {one}");
        }
        text
    }
}

impl Must {
    /// Whether it leaves what is there, whatever that is, wherever its answer fits. Not so a put of a value that
    /// nobody sees over another such: it may be what ends a third one.
    pub(super) fn looks(&self) -> bool {
        match self.action {
            Action::Get(_) => true,
            Action::Write(write, told) => {
                told == Told::Refused || (write.after.is_none() && told == Told::WasAbsent)
            }
        }
    }

    /// Operations of one kind fit the same states.
    pub(super) fn kind(&self) -> Option<(OnlyIf, Told)> {
        match self.action {
            Action::Get(_) => None,
            Action::Write(write, told) => Some((write.only_if, told)),
        }
    }
}

impl Spare {
    fn add(&mut self, start: Duration, write: Write) {
        match (write.only_if, write.after) {
            (OnlyIf::Always, Some(_)) => self.puts.push(start),
            (OnlyIf::Always, None) => self.deletes.push(start),
            (OnlyIf::Absent, Some(_)) => self.creates.push(start),
            (OnlyIf::Absent, None) => {}
            (OnlyIf::Is(expected), after) => {
                let earliest =
                    &mut self.conditional.entry(expected).or_default()[usize::from(after.is_none())];
                *earliest = Some(earliest.map_or(start, |other| other.min(start)));
            }
        }
    }

    fn sort(&mut self) {
        for starts in [&mut self.puts, &mut self.creates, &mut self.deletes] {
            starts.sort_unstable();
        }
    }
}

impl std::fmt::Display for Must {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { start, end, action } = self;
        write!(f, "{:.6}..{:.6} s: {action:x?}", start.as_secs_f64(), end.as_secs_f64())
    }
}

/// Which value this operation shows to have been there.
fn sees(action: &Action) -> Option<u64> {
    match action {
        Action::Get(read) => *read,
        // A write that was seen by others must have happened, too.
        Action::Write(_, Told::Refused) => None,
        Action::Write(..) => names(action),
    }
}

/// Which value this operation names.
fn names(action: &Action) -> Option<u64> {
    match action {
        Action::Write(Write { only_if: OnlyIf::Is(expected), .. }, _) => Some(*expected),
        _ => None,
    }
}

/// When the first who saw a value was answered.
fn seen(operations: &[Operation]) -> HashMap<u64, Duration> {
    let mut seen: HashMap<u64, Duration> = HashMap::new();
    for operation in operations {
        if matches!(operation.action, Action::Write(_, Told::Nothing)) {
            continue;
        }
        if let (Some(value), Some(end)) = (sees(&operation.action), operation.end) {
            let first = seen.entry(value).or_insert(end);
            *first = end.min(*first);
        }
    }
    seen
}

/// A client can only name what it has seen, or what it wrote itself and was told of.
fn named(operations: &[Operation], seen: &HashMap<u64, Duration>) -> Result<(), String> {
    let named: HashSet<u64> = operations.iter().filter_map(|operation| names(&operation.action)).collect();
    for operation in operations {
        let Action::Write(Write { after: Some(value), .. }, told) = operation.action else { continue };
        let told = told != Told::Nothing && operation.end.is_some();
        if !told && named.contains(&value) && !seen.contains_key(&value) {
            return Err(format!("value {value:x} was named by a condition, but nobody saw it"));
        }
    }
    Ok(())
}

fn unique(operations: &[Operation]) -> Result<(), String> {
    let mut written = HashSet::new();
    let values = operations.iter().filter_map(|operation| match operation.action {
        Action::Write(write, _) => write.after,
        Action::Get(_) => None,
    });
    for value in values {
        if !written.insert(value) {
            return Err(format!("value {value:x} was written by two operations"));
        }
    }
    Ok(())
}
