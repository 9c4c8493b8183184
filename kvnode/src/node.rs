//! A node as the rest of the program sees it: reads, writes, and the inner messages.

mod handle;

use std::sync::Arc;

use bytes::Bytes;

pub use self::handle::{Node, NodeOptions, OpenError};
use crate::conditions::Conditions;
use crate::store::record::Record;
use crate::version::{Exhausted, Version};

/// What a write does to its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Store this value.
    Put {
        /// The client's `Content-Type`, kept as it came.
        content_type: Option<Bytes>,
        /// The client's `Content-Encoding`, kept as it came.
        content_encoding: Option<Bytes>,
        /// The value.
        value: Bytes,
    },
    /// Remove the record.
    Delete,
}

/// A write whose whole value has been taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The decoded key.
    pub key: Bytes,
    /// What to do.
    pub operation: Operation,
    /// What the present record must be like.
    pub conditions: Conditions,
}

/// What a write did. It is durable when this is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// There was no record before.
    Created(Version),
    /// There was one.
    Replaced(Version),
    /// The record is gone.
    Deleted,
    /// There was none to delete.
    Absent,
    /// A condition did not hold; nothing was changed.
    PreconditionFailed,
}

/// Why a node did not do what was asked. Nothing was changed, except perhaps after [`Refused::OutcomeUnknown`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another node owns the key: answered with 421 and the epoch.
    #[error("another node owns this key since epoch {epoch}")]
    NotOwner {
        /// The epoch of this node's view.
        epoch: u64,
        /// Where the owner listens.
        owner_url: Option<String>,
    },
    /// The node owns the key, or will, but may not serve it yet: 503 + Retry-After.
    #[error("this node may not serve this key yet: {0}")]
    NotYet(&'static str),
    /// Too much is waiting: 503 + Retry-After.
    #[error("too many requests are waiting")]
    Overloaded,
    /// No room: 507, reads go on.
    #[error("the disk of this node is full")]
    DiskFull,
    /// The node is going down, or its disk failed, and it was not begun: 503 + Retry-After.
    #[error("the node is stopping, or its disk failed")]
    Stopped,
    /// A write that was begun; nobody here can say what became of it: 500, after which clients do not repeat it unasked.
    #[error("it is unknown whether the write was applied: {0}")]
    OutcomeUnknown(&'static str),
    /// A write needs a version, and there is none: 503 + Retry-After, until the node is restarted.
    #[error(transparent)]
    NoVersions(#[from] Exhausted),
    /// A record on disk is damaged: 500.
    #[error("the record of this key is damaged: {0}")]
    Damaged(String),
}

/// Whom a request was meant for, as its sender saw the cluster. Empty for a request from anyone else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// The epoch of the sender's view: a node that is behind gets that view first.
    pub epoch: Option<u64>,
    /// `<cluster>/<node id>/<boot>`: a node that is someone else answers [`Refused::NotOwner`].
    pub to: Option<Arc<str>>,
    /// The sender keeps no copy of the body: a node that does not own the key any more passes it on.
    pub unkept: bool,
}

/// A record that was read, or that there is none.
pub type Read = Option<Record>;
