//! What the ring promises, one promise a test.
//!
//! - `ownership`: who owns a position, and who would be next;
//! - `movement`: what moves, and what does not, when members change;
//! - `shares`: how much each node owns, exactly;
//! - `balance`: how even that is;
//! - `ranges`: sets of arcs behave as sets;
//! - `oracle`: the same ring written again, slowly, for the others to compare with.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod balance;
mod movement;
mod oracle;
mod ownership;
mod ranges;
mod shares;
