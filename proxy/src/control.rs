//! What the admin plane asks of the cluster, and what it is told: the types on the seam between `admin` and
//! `cluster`, which never import each other.
//!
//! The admin plane has checked the *form* of an [`Order`] before it gets here; whether it can be carried out is
//! decided behind [`Control`], and a [`Refusal`] says why not in words for the operator.

mod plan;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hashring::view::FinishedChange;
use hashring::{Id, NodeName, View};
use kvnode::problem;
use kvnode::protocol::{Census, Vitals};
use serde::{Deserialize, Serialize};

pub use plan::{MoveReport, PlanReport, ShareReport};

/// Who decides about the cluster, as the admin plane sees it.
pub trait Control: Send + Sync + 'static {
    /// The last decision.
    fn view(&self) -> Arc<View>;

    /// What is going on right now, from memory: it asks nobody and waits for nobody.
    fn progress(&self) -> Progress;

    /// Queues a change. When this returns `Ok`, the change stands in the persisted view.
    fn submit(&self, order: Order, terms: Terms) -> impl Future<Output = Result<Accepted, Refusal>> + Send;

    /// What `order` would do, with the same refusals as [`Control::submit`]. Changes nothing.
    fn dry_run(&self, order: Order) -> impl Future<Output = Result<PlanReport, Refusal>> + Send;

    /// Pauses, resumes or limits a change that has not ended.
    fn adjust(&self, change: u64, adjust: Adjust) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Cancels a change that has not ended.
    fn cancel(&self, change: u64) -> impl Future<Output = Result<Cancelled, Refusal>> + Send;

    /// A node that was started with `--join` says that it is there. It repeats this until it is a member.
    fn join(&self, hello: Hello) -> impl Future<Output = Result<Joined, Refusal>> + Send;

    /// A node that joined by itself wants to go. It repeats this until it is out.
    fn leave(&self, hello: Hello) -> impl Future<Output = Result<Leaving, Refusal>> + Send;

    /// Asks every node what it really stores.
    fn verify(&self) -> impl Future<Output = Result<Verification, Refusal>> + Send;

    /// The change once it has ended; `None` when `limit` is over first, or when there is no such change.
    fn wait_finished(
        &self,
        change: u64,
        limit: Duration,
    ) -> impl Future<Output = Option<FinishedChange>> + Send;
}

/// A change that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// A node joins.
    AddServer(AddServer),
    /// A node leaves.
    RemoveServer(RemoveServer),
    /// A node's weight changes.
    Reweight(Reweight),
}

/// `POST /add-server`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddServer {
    /// Its weight on the ring.
    pub weight: u16,
    /// A node that runs already; `None` = this proxy starts one on the next free port.
    pub adopt: Option<Adopt>,
}

/// A running node that is to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopt {
    /// Where it listens: scheme, host and port, nothing behind them.
    pub url: String,
    /// The name that it must have; `None` = the one that it says.
    pub name: Option<NodeName>,
    /// A removed node of this cluster may be erased to join again.
    pub erase: bool,
}

/// `POST /remove-server`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveServer {
    /// Which node.
    pub name: NodeName,
    /// It is dead, and its keys go with it.
    pub force: bool,
}

/// `PATCH /admin/nodes/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reweight {
    /// Which node.
    pub name: NodeName,
    /// Its new weight, 0..=256.
    pub weight: u16,
}

/// How a change is to be carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// The client's `Idempotency-Key`: the same key and order again is the same change.
    pub idempotency: Option<String>,
    /// Begin on hold.
    pub paused: bool,
    /// Bytes a second that the copy may use; `None` = as fast as it goes.
    pub rate: Option<u64>,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// A new change, queued durably.
    Queued(u64),
    /// A change that was there already: the same idempotency key, or the same order while it is open.
    Same(u64),
    /// Nothing to do, and why.
    AlreadySo(String),
}

/// `PATCH /admin/changes/ID`; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adjust {
    /// Hold it, or go on.
    pub paused: Option<bool>,
    /// The new limit in bytes a second; `Some(None)` = no limit.
    pub rate: Option<Option<u64>>,
    /// This old owner is stopped: the new owners need not wait for its seal.
    pub force_seal: Option<NodeName>,
}

/// What a cancellation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The old ring stays.
    Dropped,
    /// The new ring serves already: this change, first in the queue, takes it back.
    Reverse(u64),
}

/// A node with `--join` introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Its name.
    pub name: NodeName,
    /// Where it can be reached from the proxy.
    pub url: String,
    /// The identity of its data folder.
    pub id: Id,
}

/// What a node with `--join` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// It is a member; nothing else is needed.
    Member,
    /// This change takes it in.
    Queued(u64),
}

/// What a node that wants to go is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    /// It is no member, and nothing makes it one.
    Gone,
    /// This change removes it.
    Queued(u64),
}

/// An order that is not carried out. Nothing was changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The problem's type.
    pub kind: problem::Kind,
    /// What is wrong and what to do, in words for the operator.
    pub detail: String,
    /// Facts that belong to it, as further members of the answer.
    pub facts: serde_json::Map<String, serde_json::Value>,
}

impl Refusal {
    /// A refusal without further facts.
    #[must_use]
    pub fn new(kind: problem::Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), facts: serde_json::Map::new() }
    }

    /// With one more fact.
    #[must_use]
    pub fn with(mut self, name: &str, fact: impl Into<serde_json::Value>) -> Self {
        self.facts.insert(name.to_owned(), fact.into());
        self
    }
}

/// What is going on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// Every member, and a node that is arriving.
    pub nodes: BTreeMap<NodeName, NodeReport>,
    /// Changes that have not ended, where there is more to say than the view does.
    pub changes: BTreeMap<u64, ChangeProgress>,
}

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// It answers and serves what it owns.
    Up,
    /// It does not answer, or must not serve.
    Down,
    /// It has not said hello yet.
    Joining,
    /// We start it again and again.
    CrashLooping,
}

/// What is known about a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReport {
    /// How it is.
    pub state: NodeState,
    /// Why, where it is not up.
    pub trouble: Option<String>,
    /// How long ago it last answered; `None` = never since this proxy started.
    pub last_heard: Option<Duration>,
    /// Records at that time.
    pub records: Option<u64>,
    /// Bytes of their keys and values.
    pub bytes: Option<u64>,
    /// How it fared at that time.
    pub vitals: Option<Vitals>,
}

/// How far a change is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChangeProgress {
    /// Its moves.
    pub moves: Vec<MoveProgress>,
    /// All moves together.
    pub keys: Count,
    /// All moves together.
    pub bytes: Count,
    /// What it copies at the moment, in bytes a second.
    pub bytes_per_second: Option<u64>,
    /// How long the rest will take at that speed.
    pub eta_seconds: Option<u64>,
    /// The longest time that writes were held at the switch, in microseconds.
    pub longest_hold_us: Option<u64>,
    /// What it waits for, in plain words, and what to do.
    pub blocked: Option<String>,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Done.
    pub done: u64,
    /// In all, where that is known.
    pub total: Option<u64>,
}

/// How far one move is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveProgress {
    /// The old owner.
    pub from: NodeName,
    /// The new owner.
    pub to: NodeName,
    /// One word: `opening`, `copying`, `checking`, `caught-up`, `sealing`, `acting`, `done`.
    pub state: String,
    /// How many arcs of the ring, while that is known.
    pub ranges: Option<usize>,
    /// See [`ChangeProgress::keys`].
    pub keys: Count,
    /// See [`ChangeProgress::bytes`].
    pub bytes: Count,
    /// What is in the way.
    pub trouble: Option<String>,
}

/// What the nodes really store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The epoch that it was judged by.
    pub epoch: u64,
    /// What each node counted, or why it did not.
    pub nodes: BTreeMap<NodeName, Result<Census, String>>,
    /// What is wrong across nodes, in plain words. What is wrong on one node follows from its census.
    pub problems: Vec<String>,
}
