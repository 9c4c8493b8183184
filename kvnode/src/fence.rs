//! The fence: what this node may serve at this moment, judged before and after every read and at every write.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hashring::{Id, NodeName, Position, RangeSet, Ring};
use tokio::sync::watch;

use crate::node::{Refused, Route};

/// An unchanging statement of what the node may serve.
#[derive(Debug)]
pub struct Fence {
    /// The epoch of the persisted view; 0 = none.
    pub epoch: u64,
    /// The node's relation to a cluster.
    pub standing: Standing,
    /// `<cluster>/<id>/<boot>`, as the proxy addresses this process.
    pub address: String,
}

/// A node's relation to a cluster.
#[derive(Debug)]
pub enum Standing {
    /// It belongs to none and serves every key.
    Alone,
    /// Its persisted view does not name this process yet.
    Unconfirmed,
    /// It was removed, or never was a member.
    Outside,
    /// It serves its part of the ring.
    Member(Membership),
}

/// A member's part of the ring.
#[derive(Debug)]
pub struct Membership {
    /// The serving ring.
    pub ring: Arc<Ring>,
    /// This node's name.
    pub me: NodeName,
    /// Where the members listen, in the ring's order.
    pub urls: Arc<Vec<String>>,
    /// Ranges of this node whose old owner has not sealed them yet.
    pub awaited: Vec<Arc<RangeSet>>,
}

const BEHIND: &str = "it waits for a newer view";
const UNCONFIRMED: &str = "it has not been admitted since its start";
const AWAITED: &str = "the old owner of the key is finishing its last writes";

impl Fence {
    /// The fence of a node in no cluster.
    #[must_use]
    pub fn alone(id: Id, boot: Id) -> Self {
        Self { epoch: 0, standing: Standing::Alone, address: address(Id(0), id, boot) }
    }

    /// The fence of a node that is to join a cluster and has not heard of it yet.
    #[must_use]
    pub fn expectant(id: Id, boot: Id) -> Self {
        Self { standing: Standing::Unconfirmed, ..Self::alone(id, boot) }
    }

    /// Whether a request for `position` may be served.
    ///
    /// # Errors
    /// [`Refused::NotOwner`] where it went to the wrong node; [`Refused::NotYet`] where waiting may help.
    pub fn admit(&self, position: Position, route: &Route) -> Result<(), Refused> {
        if route.to.as_ref().is_some_and(|to| **to != *self.address) {
            return Err(Refused::NotOwner { epoch: self.epoch, owner_url: None });
        }
        if route.epoch.is_some_and(|epoch| epoch > self.epoch) {
            return Err(Refused::NotYet(BEHIND));
        }
        match &self.standing {
            Standing::Alone => Ok(()),
            Standing::Unconfirmed => Err(Refused::NotYet(UNCONFIRMED)),
            Standing::Outside => Err(Refused::NotOwner { epoch: self.epoch, owner_url: None }),
            Standing::Member(membership) => membership.admit(position, self.epoch),
        }
    }

    /// Whether the serving ring gives `position` to this node, acting or not.
    #[must_use]
    pub fn owns(&self, position: Position) -> bool {
        match &self.standing {
            Standing::Alone => true,
            Standing::Member(membership) => membership.ring.owner(position) == Some(&membership.me),
            Standing::Unconfirmed | Standing::Outside => false,
        }
    }
}

impl Membership {
    fn admit(&self, position: Position, epoch: u64) -> Result<(), Refused> {
        let owner = self.ring.owner_index(position);
        let name = owner.and_then(|index| self.ring.members().get(index)).map(|member| &member.name);
        if name != Some(&self.me) {
            let owner_url = owner.and_then(|index| self.urls.get(index)).cloned();
            return Err(Refused::NotOwner { epoch, owner_url });
        }
        if self.awaited.iter().any(|ranges| ranges.contains(position)) {
            return Err(Refused::NotYet(AWAITED));
        }
        Ok(())
    }
}

/// How the proxy names one process of one node of one cluster.
#[must_use]
pub fn address(cluster: Id, id: Id, boot: Id) -> String {
    format!("{cluster}/{id}/{boot}")
}

/// Where readers find the present fence. Readers never wait for the writer: the lock is held for a pointer copy.
#[derive(Debug)]
pub struct FenceCell {
    current: Mutex<Arc<Fence>>,
    generation: AtomicU64,
    changed: watch::Sender<u64>,
}

impl FenceCell {
    /// A cell that holds `fence`.
    #[must_use]
    pub fn new(fence: Arc<Fence>) -> Self {
        Self { current: Mutex::new(fence), generation: AtomicU64::new(0), changed: watch::Sender::new(0) }
    }

    /// The present fence and its generation.
    #[must_use]
    pub fn load(&self) -> (Arc<Fence>, u64) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        (current.clone(), self.generation.load(Ordering::Acquire))
    }

    /// Whether the fence is still of this generation: asked after a read, it makes the read one moment.
    #[must_use]
    pub fn is_still(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Acquire) == generation
    }

    /// Replaces the fence and wakes everyone who waits for another one.
    pub fn publish(&self, fence: Arc<Fence>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = fence;
        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        drop(current);
        self.changed.send_replace(generation);
    }

    /// Waits until the fence is of a later generation.
    pub async fn after(&self, generation: u64) {
        let mut changes = self.changed.subscribe();
        // The sender lives in this cell, so it cannot be gone.
        let _ = changes.wait_for(|&now| now > generation).await;
    }
}
