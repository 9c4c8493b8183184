//! The JSON documents of the admin plane: what its paths answer and what the command line reads.

use hashring::view::{Kind, Loss, Phase, Receipt, Tally};
use hashring::{Id, NodeName};
use kvnode::protocol::Vitals;
use serde::{Deserialize, Serialize};

use crate::control::{Count, MoveProgress, NodeState};

/// `GET /admin/changes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// The open one, then those that wait in their order, then those that ended, newest first.
    pub changes: Vec<Change>,
}

/// `GET /admin/changes/ID`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its number.
    pub id: u64,
    /// What it does.
    pub kind: Kind,
    /// To which node.
    pub node: NodeName,
    /// The weight that the node has afterwards.
    pub weight: u16,
    /// Where it is in its life.
    pub state: ChangeState,
    /// How far the open change is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Why it stopped, failed or was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it waits for, in plain words, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// When it was asked for.
    pub requested_at: String,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// The change that this one takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverses: Option<u64>,
    /// A dead node goes although its keys exist nowhere else.
    pub force: bool,
    /// What goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Loss>,
    /// Keys that were or are to be moved.
    pub keys: Count,
    /// Bytes of these keys and their values.
    pub bytes: Count,
    /// The limit in bytes a second; `null` = none.
    pub rate: Option<u64>,
    /// What it copies at the moment, in bytes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// How long the rest will take at that speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta_seconds: Option<u64>,
    /// The longest time that writes were held at the switch, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_hold_us: Option<u64>,
    /// What goes from where to where.
    pub moves: Vec<MoveProgress>,
    /// Per move, what both sides counted before ownership switched; empty before that.
    pub receipt: Vec<Receipt>,
}

/// Where a change is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeState {
    /// It waits for its turn.
    Queued,
    /// It is being carried out.
    Running,
    /// It is on hold, by request or because something is wrong.
    Paused,
    /// Carried out.
    Done,
    /// Dropped without effect.
    Cancelled,
    /// Could not be carried out; nothing was changed.
    Failed,
}

/// An order for what is so already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlreadySo {
    /// Always false.
    pub changed: bool,
    /// What is so already.
    pub detail: String,
}

/// `GET /admin/ring`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ring {
    /// The cluster.
    pub cluster: Id,
    /// The number of the last decision.
    pub epoch: u64,
    /// Equal on two proxies that route alike.
    pub digest: Id,
    /// Points per unit of weight.
    pub points: u32,
    /// Copies of each key.
    pub copies: u8,
    /// In name order.
    pub nodes: Vec<Node>,
}

/// A node of the ring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// The identity of its data folder; `null` before its first hello.
    pub id: Option<Id>,
    /// Where it listens.
    pub url: String,
    /// Its weight.
    pub weight: u16,
    /// Its part of the ring, 0 to 1.
    pub share: f64,
    /// How it is.
    pub state: NodeState,
    /// Why, where it is not up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Whether this proxy starts and stops its process.
    pub own: bool,
}

/// `GET /admin/stats.json`: the ring, the changes, and what moves all the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The proxy's version.
    pub version: String,
    /// When this was gathered.
    pub now: String,
    /// How long the proxy has been running.
    pub uptime_seconds: u64,
    /// As `GET /admin/ring` has it.
    pub ring: Ring,
    /// The data path.
    pub traffic: Traffic,
    /// What the nodes last reported and what they are asked, in name order.
    pub nodes: Vec<Report>,
    /// As `GET /admin/changes` has them.
    pub changes: Vec<Change>,
    /// The last minutes.
    pub history: Samples,
}

/// What went through the data path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// In the last seconds.
    #[serde(flatten)]
    pub speed: Speed,
    /// Requests that are being answered now.
    pub in_flight: u64,
    /// Client connections that are open now.
    pub connections: u64,
    /// Answers to data requests since the proxy started.
    pub requests: u64,
    /// Those of class 5xx.
    pub errors: u64,
    /// Requests that may have been applied although they got no answer.
    pub unknown_outcomes: u64,
    /// Requests that were sent to a node once more.
    pub resends: u64,
}

/// How much there was to do in a time, and how fast it was done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Requests a second.
    pub requests_per_second: f64,
    /// Those that failed: answers of class 5xx; for a node also attempts without an answer.
    pub errors_per_second: f64,
    /// The median latency in milliseconds; `null` where there were no requests.
    pub p50_ms: Option<f64>,
    /// The latency in milliseconds that 99 of 100 did not exceed.
    pub p99_ms: Option<f64>,
}

/// Samples of the last minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// The time between two samples.
    pub every_ms: u64,
    /// Oldest first.
    pub samples: Vec<Sample>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its number since the proxy started, from 1.
    pub n: u64,
    /// When it was taken, in milliseconds since 1970.
    pub at_ms: u64,
    /// Since the sample before.
    #[serde(flatten)]
    pub speed: Speed,
    /// What the open change copied, in bytes a second.
    pub moved_bytes_per_second: u64,
}

impl Stats {
    /// What the node of this name last reported.
    #[must_use]
    pub fn report(&self, name: &NodeName) -> Option<&Report> {
        self.nodes.iter().find(|report| report.name == *name)
    }
}

/// What a node last reported, and what it is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Its name.
    pub name: NodeName,
    /// How long ago; `null` = never since this proxy started.
    pub last_heard_ms: Option<u64>,
    /// Its records.
    pub records: Option<u64>,
    /// The bytes of their keys and values.
    pub bytes: Option<u64>,
    /// How it fared.
    pub vitals: Option<Vitals>,
    /// In the last seconds: from handing a request to its link to the head of its answer.
    #[serde(flatten)]
    pub speed: Speed,
    /// Requests that are under way to it now.
    pub in_flight: u64,
    /// Attempts that have ended since the proxy started.
    pub requests: u64,
    /// Those without an answer, or with one of class 5xx.
    pub errors: u64,
    /// Requests a second in the last minute, one number a second, oldest first.
    pub requests_history: Vec<f64>,
}

/// `GET /admin/slices`: a picture of the ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slices {
    /// The epoch of the ring.
    pub epoch: u64,
    /// Its nodes, in name order.
    pub nodes: Vec<NodeName>,
    /// For each of equal slices of the circle, from position 0 on: the index of the node that owns its middle.
    pub owners: Vec<usize>,
}

/// A piece of the circle between two neighbouring points; it belongs to the node whose point is at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arc {
    /// The point before it, which does not belong to it: 16 hexadecimal digits.
    pub from: String,
    /// The point at its end, which belongs to it.
    pub to: String,
    /// Whose it is.
    pub owner: NodeName,
}

/// `GET /admin/locate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where the key falls on the ring: 16 hexadecimal digits.
    pub position: String,
    /// The node that serves it.
    pub owner: NodeName,
    /// Where that node listens, if it is a member.
    pub url: Option<String>,
    /// The nodes that hold it, owner first.
    pub replicas: Vec<NodeName>,
    /// The epoch of the ring that was looked at.
    pub epoch: u64,
    /// With `arcs=M`: up to M arcs before that of the key, that arc, and up to M after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arcs: Vec<Arc>,
}

/// `POST /admin/verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Every key is on its owner and nowhere else.
    pub ok: bool,
    /// The epoch that it was judged by.
    pub epoch: u64,
    /// Keys on their owners.
    pub keys: u64,
    /// Bytes of these keys and their values.
    pub bytes: u64,
    /// What is wrong, in plain words.
    pub problems: Vec<String>,
    /// What each node counted.
    pub nodes: Vec<Counted>,
}

/// What one node counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Its name.
    pub name: NodeName,
    /// Why it did not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Records that it owns.
    pub owned: Tally,
    /// Records in ranges that it has still to delete after a change.
    pub cleaning: Tally,
    /// Records that it receives in an open change.
    pub arriving: Tally,
    /// Records that should not be there.
    pub foreign: Tally,
    /// Records whose checksum or position is wrong.
    pub damaged: u64,
    /// Keys of a few foreign or damaged records, percent-encoded.
    pub examples: Vec<String>,
}

/// `GET /admin/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// All of the ring can be served.
    pub ready: bool,
    /// What cannot be, in plain words.
    pub problems: Vec<String>,
}

/// `POST /admin/join` and `POST /admin/leave`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joining {
    /// Whether the node is a member.
    pub member: bool,
    /// The change that takes it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<u64>,
}

/// The word for a value, as the documents have it: `crash-looping`.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
