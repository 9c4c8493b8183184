//! Tests of the whole system: real processes, real sockets, real disks. Each file under `tests/` is one
//! subject and each test a claim; `tests/README.md` tells which promise each one watches.
//!
//! [`elastic`] is the story that a user can run too, at any size: real input, clients at full speed, nodes
//! that come and go.

#![expect(clippy::panic, reason = "in a test a panic is the report")]

pub mod elastic;
pub mod receipt;
