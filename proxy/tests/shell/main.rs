//! The program as a whole, started as a user starts it: local mode with real children, starts that must be refused,
//! and the command line.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

mod children;
mod commands;
mod logs;
mod program;
mod refusals;
mod restart;
#[cfg(feature = "otel")]
mod spans;
