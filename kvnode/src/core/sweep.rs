//! Deleting whole ranges in small bites, so that clients' writes are never held up by it.

use std::sync::Arc;
use std::time::Duration;

use hashring::{NodeName, RangeSet};

use super::staging::{Fault, Staging};
use crate::fence::Fence;
use crate::rules::{Rule, holds};
use crate::store::engine::{Limit, Space};
use crate::store::record::{Segment, StoreKey};

/// Where rules are broken, a deletion takes many bites also on the small stores of a simulation.
const SMALL: bool = cfg!(feature = "mutants");
/// Entries of one bite.
const BITE: Limit = Limit { entries: if SMALL { 1 } else { 512 }, bytes: 4 << 20 };
/// Of one beside clients' writes, which wait for it.
const SMALL_BITE: Limit = Limit { entries: if SMALL { 1 } else { 128 }, bytes: 1 << 20 };
/// And until the next one then.
pub(super) const REST: Duration = Duration::from_millis(2);
/// Empty intervals that one bite may look into.
const BITE_SEGMENTS: usize = if SMALL { 2 } else { 256 };

/// Why ranges are deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The target makes itself ready for this session with this old owner.
    Wipe { from: NodeName, session: u64 },
    /// The old owner deletes what it sealed in this change.
    Clean { change: u64 },
    /// A removed node's folder is erased so that it may join again.
    Erase,
    /// The session is over: its tombstones are not needed any more.
    Forget,
}

impl Purpose {
    /// Its name, for tests.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Wipe { .. } => "wipe",
            Self::Clean { .. } => "clean",
            Self::Erase => "erase",
            Self::Forget => "forget",
        }
    }
}

/// A deletion that is under way.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) purpose: Purpose,
    ranges: Arc<RangeSet>,
    space: Space,
    segment: usize,
    after: Option<StoreKey>,
    /// What was staged before this began is on disk, where a bite looks.
    sees_all: bool,
}

impl Sweep {
    pub(crate) fn new(purpose: Purpose, ranges: Arc<RangeSet>) -> Self {
        let space = if purpose == Purpose::Forget { Space::Tombstones } else { Space::Records };
        Self { purpose, ranges, space, segment: 0, after: None, sees_all: !holds(Rule::SweepSeesAll) }
    }

    /// Whether nothing that came before it is out of its sight.
    pub(crate) fn may_begin(&self) -> bool {
        self.sees_all
    }

    /// A commit was made since this deletion was asked for: the records of that batch are on disk, and no others come
    /// into ranges that are being deleted.
    pub(crate) fn let_begin(&mut self) {
        self.sees_all = true;
    }

    /// Stages one bite, a small one where `clients_wait`; whether nothing is left.
    pub(crate) fn bite(
        &mut self,
        staging: &mut Staging,
        fence: &Fence,
        clients_wait: bool,
    ) -> Result<bool, Fault> {
        let limit = if clients_wait { SMALL_BITE } else { BITE };
        for _ in 0..BITE_SEGMENTS {
            let Some(&(low, high)) = self.ranges.segments().get(self.segment) else {
                if self.space == Space::Records {
                    (self.space, self.segment) = (Space::Tombstones, 0);
                    continue;
                }
                return Ok(true);
            };
            let segment = Segment::new(low, high);
            let bounds = segment.bounds(self.after.as_ref().map(|key| &key.0[..]));
            let entries = staging.engine().scan(self.space, bounds, limit)?;
            let Some((last, _)) = entries.last() else {
                self.segment += 1;
                self.after = None;
                continue;
            };
            let last = StoreKey(last.clone());
            for (key, _) in entries {
                self.delete(StoreKey(key), staging, fence)?;
            }
            // Only now: what could not be deleted is tried again.
            self.after = Some(last);
            return Ok(false);
        }
        Ok(false)
    }

    fn delete(&self, key: StoreKey, staging: &mut Staging, fence: &Fence) -> Result<(), Fault> {
        if self.space == Space::Tombstones {
            staging.unbury(key);
            return Ok(());
        }
        if fence.owns(key.position()) && holds(Rule::NeverDeleteOwned) {
            // A node never deletes what it serves; only a mistake of ours could ask for it.
            tracing::error!(purpose = ?self.purpose, position = %key.position(), "refused to delete an owned record");
            return Ok(());
        }
        staging.sweep(key.clone())?;
        staging.hide_where_broken(&key);
        Ok(())
    }
}
