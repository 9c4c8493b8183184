//! The link: how a proxy asks a node, many requests at once over one connection, answered in any order.
//!
//! `docs/link.md` specifies it and says why it is there beside HTTP. In short: both sides begin with the
//! [preface](PREFACE), the proxy says [hello](hello::Hello) with the cluster's secret, and from then on
//! [frames](frame::Header) go both ways. A request is one frame, and so is its answer, unless a body is large: the
//! rest of it follows in pieces of at most [`PIECE`] bytes, as far as the receiver has given a window for them.
//!
//! - [`frame`]: what a frame looks like;
//! - [`head`], [`fields`], [`hello`]: what is in them;
//! - [`input`], [`output`]: frames from a socket, frames to a socket, as few system calls as can be;
//! - [`waiting`]: who waits for a frame, or for room;
//! - [`server`]: the node's half. The proxy's half is in `proxy/src/data/link.rs`.

pub mod fields;
pub mod frame;
pub mod head;
pub mod hello;
pub mod input;
pub mod output;
pub mod server;
pub mod waiting;

/// What each side sends first: no HTTP method, and the version of what follows.
pub const PREFACE: [u8; 8] = *b"KEYWAY\x00\x01";

/// The largest piece of a body in one frame: microseconds on a wire, so that no large value holds up small ones.
pub const PIECE: usize = 64 << 10;

/// The largest payload of a frame: the largest head that either side may be configured for, and a piece.
pub const MAX_PAYLOAD: usize = (1 << 20) + PIECE;

/// The bytes are not what the link allows; the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed link frame: {0}")]
pub struct Malformed(pub &'static str);
