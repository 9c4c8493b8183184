//! The tool against a small server: real sockets, and a server that does what it is told.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod charts;
mod command_line;
mod experiments;
mod failures;
mod honesty;
mod ports;
mod server;
mod wrong_values;
