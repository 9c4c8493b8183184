//! What a node and the coordinator tell each other: the bodies of the node's inner paths.
//!
//! The coordinator asks, the node answers; a node never decides anything about the cluster. Every message may
//! be repeated, delayed or lost: each states what *is*, not what to do next.

use hashring::view::Tally;
use hashring::{Id, Member, NodeName, View};
use serde::{Deserialize, Serialize};

/// `POST` here with a [`Beat`] is answered by a [`Status`].
pub const BEAT_PATH: &str = "/inner/v1/beat";
/// `POST` here with a binary move message is answered by a binary acknowledgement; from node to node.
pub const MOVE_PATH: &str = "/inner/v1/move";
/// `POST` here with a [`CensusQuestion`] is answered by a [`Census`] of what the node really stores.
pub const CENSUS_PATH: &str = "/inner/v1/census";
/// The header that carries the cluster's secret on every inner path.
pub const SECRET_HEADER: &str = "keyway-secret";
/// On a data request from the proxy: the epoch of the view that it was routed by. On an answer: the node's.
pub const EPOCH_HEADER: &str = "keyway-epoch";
/// On a data request from the proxy: `<cluster>/<node id>/<boot>` of the node that it means.
pub const TO_HEADER: &str = "keyway-to";
/// On a data request from the proxy: `no` when its body is not kept, so that it cannot be sent again.
pub const REPLAY_HEADER: &str = "keyway-replay";
/// On an answer: the name of the node that gave it.
pub const NODE_HEADER: &str = "keyway-node";

/// The coordinator's regular question: who are you, and how far are you?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The cluster that asks.
    pub cluster: Id,
    /// The view, where the node may not have it yet.
    pub view: Option<View>,
    /// Whom the coordinator believes it asks; another node answers with its own identity and takes nothing in.
    pub expect: Option<Id>,
    /// Take in the view although this folder was removed from the cluster or holds records: erase them first.
    pub erase: bool,
}

/// What a node says about itself. Reading it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub name: NodeName,
    /// The identity of its data folder.
    pub id: Id,
    /// This start of its process.
    pub boot: Id,
    /// The boots that its folder remembers: the last one that a view confirmed and those tried since. A folder
    /// without the boot that the view has was rolled back.
    pub known_boots: Vec<Id>,
    /// Its cluster; none on a folder that never joined one.
    pub cluster: Option<Id>,
    /// The history of the view that it persisted.
    pub history: Option<Id>,
    /// The process of the coordinator that made that view.
    #[serde(default)]
    pub decider: Option<Id>,
    /// The epoch of the view that it persisted; 0 = none.
    pub epoch: u64,
    /// Points per unit of weight that its view was made with.
    pub points: Option<u32>,
    /// Whether its persisted view names this boot, so that it serves what it owns.
    pub serving: bool,
    /// Records and the bytes of their keys and values, all that is stored.
    pub records: u64,
    /// See `records`.
    pub bytes: u64,
    /// Why it did not take in the view of this beat.
    pub refusal: Option<String>,
    /// Its part in the open change, one entry for each other node involved.
    pub moves: Vec<MoveStatus>,
    /// The last change whose moved ranges it has deleted.
    pub cleaned: Option<u64>,
    /// How it fares; nothing is decided by it.
    #[serde(default)]
    pub vitals: Option<Vitals>,
}

/// How a node fares: counted since the start of its process, or as it is right now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vitals {
    /// Batches of writes that were applied and synced.
    pub commits: u64,
    /// Clients' writes in them.
    pub writes: u64,
    /// The time that these commits took together, in microseconds.
    pub commit_us: u64,
    /// Clients' writes that wait for the writer now.
    pub queued: u64,
    /// Reads that the read cache answered.
    pub cache_hits: u64,
    /// Reads that went to the disk.
    pub cache_misses: u64,
    /// Bytes that the read cache holds now.
    pub cache_bytes: u64,
    /// Free bytes of the disk that the data folder is on, where the system tells.
    pub free_bytes: Option<u64>,
}

/// Which side of a move a node is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The old owner.
    Source,
    /// The new owner.
    Target,
}

/// A node's part in one move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveStatus {
    /// The session that it belongs to.
    pub session: u64,
    /// The node on the other side.
    pub peer: NodeName,
    /// Which side this node is on.
    pub side: Side,
    /// How far it is.
    pub state: MoveState,
    /// Records copied so far.
    pub records: u64,
    /// Bytes copied so far.
    pub bytes: u64,
    /// Records in the moved ranges when the copy began, where that is known.
    pub total: Option<u64>,
    /// What is in the way, in plain words.
    pub trouble: Option<String>,
}

/// The states of a move, on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum MoveState {
    /// Source: asks the target to make itself ready. Target: wipes.
    Opening,
    /// Source: every write goes to the target first; pages are under way. Target: takes them in.
    Copying,
    /// Everything is copied; both sides count.
    Checking,
    /// Source: both sides hold the same; the source may not end this session by itself any more.
    CaughtUp {
        /// What the source counted at the mark.
        source: Tally,
        /// What the target counted at the mark.
        target: Tally,
        /// The boot of the source that promises.
        boot: Id,
        /// The identity of the target.
        target_id: Id,
    },
    /// Source: the new ring serves; the last writes are being finished.
    Sealing,
    /// Source: it serves nothing of these ranges any more, and the target knows.
    Sealed {
        /// From the first refused write until the target could act, in microseconds.
        hold_us: u64,
    },
    /// Target: it serves these ranges.
    Acting,
    /// Source: the session ended without effect.
    Void {
        /// Why.
        reason: String,
        /// What is to follow.
        sequel: Sequel,
    },
}

/// What is to follow when a session ended without effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sequel {
    /// Another session.
    Again,
    /// Another session; if that ends alike, a person must look: the two sides differ, or one cannot be read.
    Doubt,
    /// Nothing, until a person has seen to it: another session would end alike.
    Person,
}

/// What a node really stores, by whether it belongs there under its persisted view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// The epoch that it was judged by.
    pub epoch: u64,
    /// Records that the node owns.
    pub owned: Tally,
    /// Records in ranges that it has still to delete.
    pub cleaning: Tally,
    /// Records that it receives in an open change and does not own yet.
    pub arriving: Tally,
    /// Records that should not be here.
    pub foreign: Tally,
    /// Records whose checksum or position is wrong.
    pub damaged: u64,
    /// Keys of a few foreign or damaged records, percent-encoded.
    pub examples: Vec<String>,
    /// What would go to each other node under the ring that was asked about.
    pub leaving: Vec<Arrival>,
}

/// What one node would get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The new owner.
    pub to: NodeName,
    /// What it would get.
    pub tally: Tally,
}

/// What a census is asked besides: the body of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CensusQuestion {
    /// Count also what would go to whom if this were the ring.
    pub next: Option<Vec<Member>>,
}
