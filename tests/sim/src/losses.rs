//! Judges the history of a key of which a part was lost in a way that the manual admits: with the disk of its owner,
//! which was removed by force, or with a line of decisions over which another one prevailed.
//!
//! Whatever else was answered still has to be explained, before the loss and after it.

use std::time::Duration;

use hashring::NodeName;

use crate::clients::Seen;
use crate::linear::{Action, Operation, Told, check};

/// A key that lost a part of its history.
#[derive(Debug, Clone)]
pub struct Loss {
    /// From then on the next owner serves the key.
    pub at: Duration,
    /// What is lost.
    pub extent: Extent,
}

/// How much of a key's history is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// All: this node was removed by force with the only copy, so there is nothing under the key.
    Whole(NodeName),
    /// What this node answered from this time on. It was given up while it took over from a node that still has the key
    /// as it was then, and serves it again.
    SinceSwitch(NodeName, Duration),
    /// What others than this node answered from this time on, when two lines of decisions were acted on; it may show.
    OtherLine(NodeName, Duration),
}

/// Whether one order of the operations on a key explains all that was seen up to each loss, and one what was seen
/// without the operations that were lost; `losses` by time.
///
/// # Errors
/// What could not be explained.
pub fn judge(seen: &[Seen], losses: &[Loss]) -> Result<(), String> {
    let mut left = seen.to_vec();
    for loss in losses {
        // While two lines were acted on, nothing is promised.
        if !matches!(loss.extent, Extent::OtherLine(..)) {
            let before = left.iter().filter(|one| one.took_place_before(loss.at));
            explain(before).map_err(|error| format!("before the loss at {:?}: {error}", loss.at))?;
        }
        left = left.into_iter().filter_map(|one| loss.leaves(one)).collect();
    }
    explain(left.iter())
}

fn explain<'a>(seen: impl Iterator<Item = &'a Seen>) -> Result<(), String> {
    let operations: Vec<Operation> = seen.map(|one| one.operation.clone()).collect();
    check(&operations)
}

impl Seen {
    fn took_place_before(&self, time: Duration) -> bool {
        self.served.unwrap_or(self.operation.start) < time
    }
}

impl Loss {
    /// What an operation is after the loss; `None` where it must not show.
    fn leaves(&self, mut one: Seen) -> Option<Seen> {
        let time = one.served.unwrap_or(one.operation.start);
        match &self.extent {
            Extent::Whole(node) => {
                // What the dead node may have taken in without answering went with it.
                let lost = if one.served.is_some() { time < self.at } else { one.node == *node };
                (!lost).then_some(one)
            }
            Extent::SinceSwitch(node, since) => (one.node != *node || time < *since).then_some(one),
            Extent::OtherLine(node, since) => {
                if one.node != *node && (*since..self.at).contains(&time) {
                    one.operation.end = None;
                    if let Action::Write(_, told) = &mut one.operation.action {
                        *told = Told::Nothing;
                    }
                }
                Some(one)
            }
        }
    }
}
