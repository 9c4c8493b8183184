//! Judges the history of one key by the checker that the tests of real processes use, too.

pub use checkers::operation::{Action, OnlyIf, Operation, Told, Write};

/// Whether some order of the operations, true to their times, explains every answer.
///
/// # Errors
/// The history could not be explained; says how far the best order came.
pub fn check(operations: &[Operation]) -> Result<(), String> {
    checkers::linear::check(operations).map(drop).map_err(|unexplained| unexplained.to_string())
}
