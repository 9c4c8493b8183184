//! Whether what clients were told can be true. Everything here is a function of a recorded history: the
//! simulation and the tests of real processes judge by the same rules, and neither drags in the other.
//!
//! Read in this order:
//!
//! - [`operation`]: what was asked and told, in the words of both judges;
//! - [`linear`]: the order of one key's operations is searched for; it knows nothing of versions;
//! - [`versions`]: the order is given by the versions in the answers; judges millions of operations;
//! - [`entry`]: the compact record that both can be fed from;
//! - [`ledger`]: what was acknowledged, for a judge who has nothing but a file;
//! - [`contents`]: whether two sets of records are equal.

pub mod contents;
pub mod entry;
pub mod ledger;
pub mod linear;
pub mod operation;
pub mod versions;

pub use entry::Entry;
pub use operation::{Action, OnlyIf, Operation, Told, Write};
