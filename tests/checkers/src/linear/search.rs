//! The steps of the search: what has been put in order, and what can come next.

use std::collections::HashSet;
use std::time::Duration;

use super::done::Done;
use super::puzzle::{Must, Puzzle};
use crate::operation::{Action, OnlyIf, Told};

/// What has been put in order so far, and what the register holds then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Configuration {
    done: Done,
    pub(super) holds: Holds,
    /// How many writes that nobody saw were taken: puts, creates, deletes.
    taken: [u32; 3],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Holds {
    #[default]
    Nothing,
    Value(u64),
    /// Some value that none of the operations which are left can tell from another.
    Unseen,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Finished,
    Stuck,
}

impl Configuration {
    pub(super) fn contains(&self, operation: usize) -> bool {
        self.done.contains(operation)
    }

    /// How many operations are in order.
    pub(super) fn explained(&self) -> usize {
        self.done.len()
    }

    /// Does whatever can be done and never changes anything.
    pub(super) fn saturate(&mut self, puzzle: &Puzzle) -> Step {
        loop {
            let before = self.done.len();
            let horizon = self.horizon(puzzle);
            for (i, one) in next(puzzle, self.done.first_missing(), horizon) {
                if one.looks() && !self.done.contains(i) && self.holds.after(one).is_some() {
                    self.done.insert(i);
                }
            }
            self.holds = self.blurred(puzzle, self.holds, None);
            if self.done.len() == puzzle.must.len() {
                return Step::Finished;
            }
            if self.done.len() == before {
                return Step::Stuck;
            }
        }
    }

    /// Pushes every configuration that can follow; the most promising last. Of operations that are alike only
    /// the first to be answered is tried: whatever order has another one first has them exchanged, too.
    pub(super) fn branch(&self, puzzle: &Puzzle, stack: &mut Vec<Self>) {
        let horizon = self.horizon(puzzle);
        if self.may_leave(puzzle, None) {
            self.take_spare(puzzle, horizon, stack);
        }
        let mut candidates: Vec<(Duration, usize, Holds)> = next(puzzle, self.done.first_missing(), horizon)
            .filter(|&(i, _)| !self.done.contains(i) && self.may_leave(puzzle, Some(i)))
            .filter_map(|(i, one)| Some((one.end, i, self.after(puzzle, i, one)?)))
            .collect();
        candidates.sort_by_key(|&(end, ..)| end);
        let mut tried = HashSet::new();
        candidates.retain(|&(_, i, holds)| tried.insert((puzzle.must[i].kind(), holds)));
        for (_, i, holds) in candidates.into_iter().rev() {
            let mut follower = Self { holds, ..self.clone() };
            follower.done.insert(i);
            stack.push(follower);
        }
    }

    /// What the register holds after operation `i`, or `None` where that cannot come now.
    fn after(&self, puzzle: &Puzzle, i: usize, one: &Must) -> Option<Holds> {
        self.holds.after(one).map(|holds| self.blurred(puzzle, holds, Some(i)))
    }

    /// A value that nobody but operation `but` can tell from another one is like any such.
    fn blurred(&self, puzzle: &Puzzle, holds: Holds, but: Option<usize>) -> Holds {
        let Holds::Value(value) = holds else { return holds };
        let told_by = puzzle.tells(value);
        let told = told_by.is_none_or(|all| all.iter().any(|&i| !self.done.contains(i) && Some(i) != but));
        if told { holds } else { Holds::Unseen }
    }

    /// What is not in order yet and was answered first: nothing that began later can come before it.
    fn horizon(&self, puzzle: &Puzzle) -> Duration {
        let first = self.done.first_missing();
        let mut horizon = Duration::MAX;
        for (i, one) in puzzle.must.iter().enumerate().skip(first) {
            if one.start > horizon {
                break;
            }
            if !self.done.contains(i) {
                horizon = horizon.min(one.end);
            }
        }
        horizon
    }

    /// Whether everyone who must see the present value has seen it, or does so with operation `but`.
    fn may_leave(&self, puzzle: &Puzzle, but: Option<usize>) -> bool {
        let Holds::Value(value) = self.holds else { return true };
        puzzle.needs(value).iter().all(|&i| self.done.contains(i) || Some(i) == but)
    }

    fn take_spare(&self, puzzle: &Puzzle, horizon: Duration, stack: &mut Vec<Self>) {
        let spare = &puzzle.spare;
        let lists = [&spare.puts, &spare.creates, &spare.deletes];
        for (kind, (starts, holds)) in
            lists.into_iter().zip([Holds::Unseen, Holds::Unseen, Holds::Nothing]).enumerate()
        {
            let free = starts.get(self.taken[kind] as usize).is_some_and(|start| *start <= horizon);
            let possible = kind != 1 || self.holds == Holds::Nothing;
            if free && possible && holds != self.holds {
                let mut follower = Self { holds, ..self.clone() };
                follower.taken[kind] += 1;
                stack.push(follower);
            }
        }
        let Holds::Value(value) = self.holds else { return };
        let conditional = spare.conditional.get(&value).copied().unwrap_or_default();
        for (start, holds) in conditional.into_iter().zip([Holds::Unseen, Holds::Nothing]) {
            if start.is_some_and(|start| start <= horizon) {
                stack.push(Self { holds, ..self.clone() });
            }
        }
    }
}

impl Holds {
    /// What is there after this operation, or `None` where it cannot come now: its answer does not fit, or a
    /// write that was seen would have no effect.
    fn after(self, one: &Must) -> Option<Self> {
        match one.action {
            Action::Get(read) => (self == Self::of(read)).then_some(self),
            Action::Write(write, told) => {
                // A value that nobody saw is none that a client could name.
                let before = match self {
                    Self::Nothing => None,
                    Self::Value(value) => Some(value),
                    Self::Unseen => return self.after_unseen(one),
                };
                let (answer, after) = write.apply(before);
                let fits = if told == Told::Nothing { answer.happened() } else { answer == told };
                fits.then_some(Self::of(after))
            }
        }
    }

    fn after_unseen(self, one: &Must) -> Option<Self> {
        let Action::Write(write, told) = one.action else { return None };
        let fails = write.only_if != OnlyIf::Always;
        match (fails, told) {
            (true, Told::Refused) => Some(self),
            (false, Told::WasPresent | Told::Nothing) => Some(Self::of(write.after)),
            _ => None,
        }
    }

    fn of(value: Option<u64>) -> Self {
        value.map_or(Self::Nothing, Self::Value)
    }
}

/// Operations from `first` on that began before the horizon, with their places.
fn next(puzzle: &Puzzle, first: usize, horizon: Duration) -> impl Iterator<Item = (usize, &Must)> {
    puzzle.must.iter().enumerate().skip(first).take_while(move |(_, one)| one.start <= horizon)
}
