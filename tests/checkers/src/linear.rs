//! Whether the history of one key can be explained by a single register: the search of Wing and Gong ("Testing
//! and verifying concurrent objects", 1993) with the memory of Lowe ("Testing for linearizability", 2017). It
//! knows nothing of versions, epochs or nodes.
//!
//! Four things keep the search short, so that the number of operations matters little and only how many overlap
//! does:
//!
//! - an operation that never changes anything and whose answer fits now is done now: no order is lost by that;
//! - a value is written once, so an order that leaves a value which someone has still to see is given up at once;
//! - values that nobody left can tell apart count as one, and of operations that are alike one is tried;
//! - a write without an answer that someone saw must have happened before that one was answered, so it is an
//!   operation like any other; those that nobody saw are alike, and are only counted.

use std::collections::HashSet;
use std::fmt;

use crate::linear::puzzle::Puzzle;
use crate::linear::search::{Configuration, Step};
use crate::operation::Operation;

mod done;
mod puzzle;
mod search;

/// Configurations after which a search is given up: some ten seconds, and a gigabyte.
const LIMIT: usize = 5_000_000;

/// Why a history was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unexplained {
    /// A value was written twice; then nothing can be told.
    Misused(String),
    /// No order of the operations explains every answer; says how far the best one came.
    Wrong(String),
    /// It was given up: too many operations overlap.
    Undecided(usize),
}

/// Whether some order of the operations, true to their times, explains every answer. Answers how many
/// configurations were looked at.
///
/// # Errors
/// [`Unexplained`].
pub fn check(operations: &[Operation]) -> Result<usize, Unexplained> {
    check_within(operations, LIMIT)
}

/// Like [`check`], but given up after so many configurations.
///
/// # Errors
/// [`Unexplained`].
pub fn check_within(operations: &[Operation], limit: usize) -> Result<usize, Unexplained> {
    let puzzle = Puzzle::of(operations).map_err(Unexplained::Misused)?;
    let mut seen = HashSet::new();
    let mut stack = vec![Configuration::default()];
    let mut best = Configuration::default();
    while let Some(mut configuration) = stack.pop() {
        // What changes nothing is not remembered either: each way into a configuration is saturated alike.
        if configuration.saturate(&puzzle) == Step::Finished {
            return Ok(seen.len() + 1);
        }
        if configuration.explained() > best.explained() {
            best = configuration.clone();
        }
        if seen.contains(&configuration) {
            continue;
        }
        configuration.branch(&puzzle, &mut stack);
        seen.insert(configuration);
        if seen.len() >= limit {
            return Err(Unexplained::Undecided(seen.len()));
        }
    }
    Err(Unexplained::Wrong(puzzle.describe(&best)))
}

impl fmt::Display for Unexplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misused(why) => write!(f, "this history cannot be judged: {why}"),
            Self::Wrong(how_far) => write!(f, "no order explains these answers: {how_far}"),
            Self::Undecided(looked) => write!(f, "undecided after {looked} configurations"),
        }
    }
}

impl std::error::Error for Unexplained {}

#[cfg(test)]
mod tests;
