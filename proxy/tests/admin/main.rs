//! The admin API against a cluster that does nothing: what is asked of it, what is answered, and what is refused
//! before it is asked.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

mod access;
mod bad_input;
mod changes;
mod fake;
mod orders;
mod page;
mod reading;
