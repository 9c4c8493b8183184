//! The view: the one record in which every decision about the cluster stands.
//!
//! It changes only by compare-and-swap on its epoch, and nobody acts on a decision before it stands in a
//! persisted view. Every change of the ring has one form: the weight of one node goes from `before` to
//! `after` (adding a node: from 0; removing one: to 0), so adding, removing, re-weighting and reversing share
//! every step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::id::Id;
use crate::name::NodeName;
use crate::plan::Plan;
use crate::ring::{Member, Ring};

/// The format of the record; another one is refused.
pub const FORMAT: u16 = 1;

/// How many finished changes are remembered, with their receipts.
pub const REMEMBERED_CHANGES: usize = 50;

/// How many processes of the coordinator are remembered. A node that slept through more is taken at its word.
pub const REMEMBERED_DECIDERS: usize = 256;

/// Everything that has been decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// [`FORMAT`].
    pub format: u16,
    /// The cluster, made at its first start.
    pub cluster: Id,
    /// The history of decisions: a new one is made when an operator recovers from a lost view.
    pub history: Id,
    /// Grows by one with every decision.
    pub epoch: u64,
    /// Digest of the view before this one; zero in the first.
    pub previous: Id,
    /// The processes that decided, oldest first: two copies of one view part ways only where two processes go on
    /// from it. At most [`REMEMBERED_DECIDERS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deciders: Vec<Decider>,
    /// Points per unit of weight, fixed when the cluster is created.
    pub points: u32,
    /// Copies of each key (k).
    pub copies: u8,
    /// The members, with the weights of the *serving* ring.
    pub nodes: BTreeMap<NodeName, Node>,
    /// New owners that were given up: what they took over, their old owners keep.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lost: BTreeMap<NodeName, Lost>,
    /// Nodes that were removed; their folders may come back only erased.
    pub removed: Vec<Removed>,
    /// The change that is being carried out.
    pub open: Option<OpenChange>,
    /// Changes that wait, first in first out.
    pub queue: VecDeque<Change>,
    /// What the last change left to delete; the next change waits for it.
    pub cleaning: Option<Cleaning>,
    /// The last changes, newest last, at most [`REMEMBERED_CHANGES`].
    pub finished: VecDeque<FinishedChange>,
    /// The id of the next change.
    pub next_change: u64,
    /// The number of the next node that the proxy starts itself: `n<i>` is never used twice.
    pub next_own: u32,
}

/// A process of the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decider {
    /// Random at each of its starts.
    pub process: Id,
    /// The epoch of its first decision.
    pub from: u64,
    /// An operator said that this line of decisions prevails over whatever any node has acted on before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prevails: bool,
}

/// One member of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The identity of its data folder; unknown until its first hello.
    pub id: Option<Id>,
    /// The process that may serve; a node with another boot says hello first.
    pub boot: Option<Id>,
    /// The epoch that heads its versions: raised when its boot is recorded, and when it gains ranges.
    pub grant: u64,
    /// Where it listens, such as `http://127.0.0.1:5001`. May change.
    pub url: String,
    /// Its weight on the serving ring.
    pub weight: u16,
    /// Whether this proxy starts and stops its process.
    pub own: bool,
}

/// A new owner that was given up after the switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    /// The epoch of that decision: a node that has acted on it or on a later one is back.
    pub since: u64,
    /// It is back with what it took over.
    pub back: bool,
    /// What its old owners keep, and delete once it is back.
    pub kept: Option<Cleaning>,
}

/// A node that is no member any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// Its name.
    pub name: NodeName,
    /// The identity of its folder, where it was known.
    pub id: Option<Id>,
    /// The change that removed it.
    pub change: u64,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A node joins the ring.
    AddServer,
    /// A node leaves the ring and the cluster.
    RemoveServer,
    /// A node's weight changes.
    Reweight,
}

/// One membership operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Its number.
    pub id: u64,
    /// What it does.
    pub kind: Kind,
    /// To which node.
    pub node: NodeName,
    /// The weight that the node has afterwards.
    pub weight: u16,
    /// When it was asked for: milliseconds since 1970, informational.
    pub requested_ms: u64,
    /// The client's `Idempotency-Key`.
    pub idempotency: Option<String>,
    /// For an added node: where it listens, who it must be, and whether we start it.
    pub newcomer: Option<Newcomer>,
    /// The change that this one takes back.
    pub reverses: Option<u64>,
    /// A dead node goes although its keys exist nowhere else.
    pub force: bool,
    /// What goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Loss>,
    /// Start on hold.
    pub paused: bool,
    /// Bytes a second that the copy may use; `None` = as fast as it goes.
    pub rate: Option<u64>,
}

/// What a dead node takes with it, as far as it is known when its removal is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Arcs of the ring that it owns.
    pub ranges: usize,
    /// Live records that it reported last; unknown if it was not heard since the proxy started.
    pub keys: Option<u64>,
    /// Bytes of these keys and their values.
    pub bytes: Option<u64>,
    /// How long ago it reported them, in seconds.
    pub reported_seconds_ago: Option<u64>,
}

/// A node that is to join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Newcomer {
    /// Where it listens.
    pub url: String,
    /// Its folder's identity, when it was seen already.
    pub id: Option<Id>,
    /// Whether this proxy starts its process.
    pub own: bool,
    /// A removed node of this cluster may be erased to join again.
    pub erase: bool,
}

/// The change that is being carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenChange {
    /// What was asked for.
    pub change: Change,
    /// The node's weight when the change began.
    pub before: u16,
    /// When it began: milliseconds since 1970, informational.
    pub started_ms: u64,
    /// How far it is.
    pub phase: Phase,
    /// Names this attempt: the epoch that decided it. Messages of another session are void.
    pub session: u64,
    /// How many sessions ended because the two sides' digests differed.
    pub mismatches: u32,
    /// Why it was paused, when it was not by request.
    pub stopped: Option<String>,
    /// Per move: what both sides counted before the switch.
    pub receipts: Vec<Receipt>,
    /// Nodes that an operator asserts to be stopped, once the new ring serves: the change ends without them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub given_up: BTreeSet<NodeName>,
}

/// How far an open change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The new node has not said hello yet.
    Arriving,
    /// The old ring serves; the new owners receive copies and every write.
    Moving,
    /// The new ring serves; the old owners seal, the new ones act once they have.
    Switched,
}

/// What one side of a move holds: count, bytes and an order-independent digest of its live records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Live records.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Sum modulo 2^128 of the XXH3-128 of every record.
    pub digest: Id,
}

/// The two tallies of one move, equal before ownership switched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The old owner.
    pub from: NodeName,
    /// The new owner.
    pub to: NodeName,
    /// What the old owner counted.
    pub source: Tally,
    /// What the new owner counted.
    pub target: Tally,
    /// How long writes to these ranges were held at the switch, in microseconds.
    pub hold_us: Option<u64>,
}

/// Ranges that old owners still have to delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cleaning {
    /// The change that moved them.
    pub change: u64,
    /// The ring before it.
    pub before: Vec<Member>,
    /// The ring after it.
    pub after: Vec<Member>,
    /// The nodes that have not reported yet.
    pub nodes: BTreeSet<NodeName>,
    /// New owners that were given up: what went to them is kept, for there is no other copy of it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub spared: BTreeSet<NodeName>,
}

/// How a change ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Carried out.
    Done,
    /// Dropped before the switch, or before it began.
    Cancelled,
    /// Could not be carried out; the reason says why.
    Failed,
}

/// A change that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishedChange {
    /// What was asked for.
    pub change: Change,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, when it was not carried out.
    pub reason: Option<String>,
    /// When it began and ended: milliseconds since 1970, informational.
    pub started_ms: u64,
    /// See `started_ms`.
    pub finished_ms: u64,
    /// Per move: what both sides counted, and the hold.
    pub receipts: Vec<Receipt>,
    /// Nodes without which it ended.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub given_up: BTreeSet<NodeName>,
}

impl OpenChange {
    /// Whether this old owner need not seal: it is asserted to be stopped, so it serves nothing any more.
    #[must_use]
    pub fn needs_no_seal(&self, from: &NodeName) -> bool {
        self.given_up.contains(from) || (self.change.force && self.change.node == *from)
    }
}

impl View {
    /// The first view of a new cluster without nodes.
    #[must_use]
    pub fn first(cluster: Id, history: Id, points: u32) -> Self {
        Self {
            format: FORMAT,
            cluster,
            history,
            epoch: 1,
            previous: Id(0),
            deciders: Vec::new(),
            points,
            copies: 1,
            nodes: BTreeMap::new(),
            lost: BTreeMap::new(),
            removed: Vec::new(),
            open: None,
            queue: VecDeque::new(),
            cleaning: None,
            finished: VecDeque::new(),
            next_change: 1,
            next_own: 1,
        }
    }

    /// A copy with the next epoch, to be edited into the next decision.
    #[must_use]
    pub fn successor(&self) -> Self {
        Self { epoch: self.epoch + 1, previous: self.digest(), ..self.clone() }
    }

    /// The same, as a decision of this process.
    #[must_use]
    pub fn decided_by(mut self, process: Id) -> Self {
        if self.decider() != Some(process) {
            self.deciders.push(Decider { process, from: self.epoch, prevails: false });
        }
        if self.deciders.len() > REMEMBERED_DECIDERS {
            self.deciders.remove(0);
        }
        self
    }

    /// A copy to be edited into the decision that this line of decisions prevails: its epoch is above `highest`, and
    /// whatever nodes have acted on up to then gives way.
    #[must_use]
    pub fn prevailing(&self, process: Id, highest: u64) -> Self {
        let mut next = self.successor();
        next.epoch = next.epoch.max(highest + 1);
        next = next.decided_by(process);
        if let Some(decider) = next.deciders.last_mut() {
            (decider.from, decider.prevails) = (next.epoch, true);
        }
        next
    }

    /// Whether this view is the first of a line that prevails.
    #[must_use]
    pub fn begins_to_prevail(&self) -> bool {
        self.deciders.last().is_some_and(|decider| decider.prevails && decider.from == self.epoch)
    }

    /// The process that decided this view; unknown in the first.
    #[must_use]
    pub fn decider(&self) -> Option<Id> {
        self.deciders.last().map(|decider| decider.process)
    }

    /// Whether the view that `decider` made at `epoch` stands in the line of decisions that leads to this one.
    #[must_use]
    pub fn descends_from(&self, epoch: u64, decider: Option<Id>) -> bool {
        let Some(process) = decider else { return true };
        if self.deciders.iter().any(|one| one.prevails && one.from > epoch) {
            return true;
        }
        match self.deciders.iter().position(|one| one.process == process) {
            Some(at) => {
                let end = self.deciders.get(at + 1).map_or(self.epoch + 1, |next| next.from);
                (self.deciders[at].from..end).contains(&epoch)
            }
            None => {
                let forgotten = self.deciders.len() == REMEMBERED_DECIDERS;
                forgotten && self.deciders.first().is_some_and(|first| first.from > epoch)
            }
        }
    }

    /// XXH3-128 of the view's JSON form.
    #[must_use]
    pub fn digest(&self) -> Id {
        // A view has only string keys and no floats, so it always has a JSON form.
        Id(xxh3_128(&serde_json::to_vec(self).unwrap_or_default()))
    }

    /// The members of the serving ring.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        self.nodes.iter().map(|(name, node)| Member { name: name.clone(), weight: node.weight }).collect()
    }

    /// The ring that serves.
    #[must_use]
    pub fn ring(&self) -> Ring {
        Ring::new(self.points, self.members())
    }

    /// The members before and after the open change.
    #[must_use]
    pub fn open_members(&self) -> Option<(Vec<Member>, Vec<Member>)> {
        let open = self.open.as_ref()?;
        Some((
            self.members_with(&open.change.node, open.before),
            self.members_with(&open.change.node, open.change.weight),
        ))
    }

    /// What the open change moves.
    #[must_use]
    pub fn open_plan(&self) -> Option<Plan> {
        let (before, after) = self.open_members()?;
        Some(Plan::between(&Ring::new(self.points, before), &Ring::new(self.points, after)))
    }

    /// What the last change left to delete: its moves, restricted to nodes that have not reported yet, and without
    /// what went to a new owner that was given up.
    #[must_use]
    pub fn cleaning_plan(&self) -> Option<Plan> {
        let cleaning = self.cleaning.as_ref()?;
        let ring = |members: &[Member]| Ring::new(self.points, members.iter().cloned());
        let mut plan = Plan::between(&ring(&cleaning.before), &ring(&cleaning.after));
        plan.moves.retain(|one| cleaning.nodes.contains(&one.from) && !cleaning.spared.contains(&one.to));
        Some(plan)
    }

    /// The member with this identity.
    #[must_use]
    pub fn node_by_id(&self, id: Id) -> Option<(&NodeName, &Node)> {
        self.nodes.iter().find(|(_, node)| node.id == Some(id))
    }

    fn members_with(&self, changed: &NodeName, weight: u16) -> Vec<Member> {
        let mut members = self.members();
        for member in &mut members {
            if member.name == *changed {
                member.weight = weight;
            }
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decisions of these processes, one each, from the first view on.
    fn line(processes: &[u128]) -> View {
        let first = View::first(Id(1), Id(2), 16);
        processes.iter().fold(first, |view, process| view.successor().decided_by(Id(*process)))
    }

    #[test]
    fn a_view_descends_from_every_view_of_its_line_and_from_no_other() {
        let all = [1, 1, 2, 2, 2, 3];
        let view = line(&all);
        for length in 0..=all.len() {
            let before = line(&all[..length]);
            assert!(view.descends_from(before.epoch, before.decider()), "{length}");
        }
        for other in [&[1, 1, 1][..], &[1, 1, 2, 2, 2, 2], &[1, 1, 4], &[2]] {
            let other = line(other);
            assert!(!view.descends_from(other.epoch, other.decider()), "{other:?}");
        }
    }

    #[test]
    fn a_line_that_prevails_takes_in_every_line_up_to_its_beginning() {
        let (here, other) = (line(&[1, 1]), line(&[1, 2, 2, 2, 2]));
        let next = here.prevailing(Id(3), other.epoch);
        assert!(next.descends_from(other.epoch, other.decider()));
        let later = line(&[1, 2, 2, 2, 2, 2, 2]);
        assert!(!next.descends_from(later.epoch, later.decider()));
    }

    #[test]
    fn who_slept_through_very_many_starts_is_taken_at_its_word() {
        let first = line(&[1]);
        let many: Vec<u128> = (1..=400).collect();
        let view = line(&many);
        assert_eq!(view.deciders.len(), REMEMBERED_DECIDERS);
        assert!(view.descends_from(first.epoch, first.decider()));
    }
}
