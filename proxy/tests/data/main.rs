//! The data path through real sockets: a proxy, fake nodes behind it, clients that say exactly what they want.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

mod access_log;
mod connection;
mod cuts;
mod drain;
mod framing;
mod identity;
mod owner_down;
mod resend;
mod routing;
mod streaming;
mod support;
