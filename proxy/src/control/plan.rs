//! What a change would move: the answer to a dry run.

use std::collections::{BTreeMap, BTreeSet};

use hashring::view::Loss;
use hashring::{NodeName, Plan, Ring};
use serde::{Deserialize, Serialize};

/// What a change would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// What goes where.
    pub moves: Vec<MoveReport>,
    /// Arcs of the ring that change their owner.
    pub ranges: usize,
    /// The part of the ring that changes its owner, 0 to 1.
    pub share: f64,
    /// Keys that go, estimated from what the nodes last reported; `None` where one has not reported.
    pub keys: Option<u64>,
    /// Bytes that go, estimated likewise.
    pub bytes: Option<u64>,
    /// Every node's part of the ring, before and after.
    pub shares: Vec<ShareReport>,
    /// What is lost instead of moved, where a dead node is to be removed by force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Loss>,
}

/// What would go from one node to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveReport {
    /// The old owner.
    pub from: NodeName,
    /// The new owner.
    pub to: NodeName,
    /// Arcs of the ring.
    pub ranges: usize,
    /// Their part of the ring, 0 to 1.
    pub share: f64,
    /// Estimated, as in [`PlanReport::keys`].
    pub keys: Option<u64>,
    /// Estimated, as in [`PlanReport::bytes`].
    pub bytes: Option<u64>,
}

/// A node's part of the ring, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShareReport {
    /// The node.
    pub name: NodeName,
    /// Under the old ring.
    pub before: f64,
    /// Under the new ring.
    pub after: f64,
}

impl PlanReport {
    /// What lies between two rings; `stored` has the records and bytes that each node last reported.
    #[must_use]
    pub fn between(before: &Ring, after: &Ring, stored: &BTreeMap<NodeName, (u64, u64)>) -> Self {
        let (old_shares, new_shares) = (shares(before), shares(after));
        let plan = Plan::between(before, after);
        let share = plan.share();
        let moves: Vec<MoveReport> = plan
            .moves
            .into_iter()
            .map(|one| {
                let share = one.ranges.share();
                let owned = old_shares.get(&one.from).copied().unwrap_or(0.0);
                // Positions are uniform, so a node's keys are spread evenly over its part of the ring.
                let part = |whole: u64| estimate(whole, share, owned);
                let stored = stored.get(&one.from);
                MoveReport {
                    ranges: one.ranges.ranges().count(),
                    share,
                    keys: stored.map(|(records, _)| part(*records)),
                    bytes: stored.map(|(_, bytes)| part(*bytes)),
                    from: one.from,
                    to: one.to,
                }
            })
            .collect();
        let names: BTreeSet<&NodeName> = old_shares.keys().chain(new_shares.keys()).collect();
        let of = |shares: &BTreeMap<NodeName, f64>, name| shares.get(name).copied().unwrap_or(0.0);
        let shares = names.into_iter().map(|name| ShareReport {
            name: name.clone(),
            before: of(&old_shares, name),
            after: of(&new_shares, name),
        });
        Self {
            ranges: moves.iter().map(|one| one.ranges).sum(),
            share,
            keys: moves.iter().map(|one| one.keys).sum(),
            bytes: moves.iter().map(|one| one.bytes).sum(),
            shares: shares.collect(),
            moves,
            lost: None,
        }
    }
}

fn shares(ring: &Ring) -> BTreeMap<NodeName, f64> {
    ring.members().iter().map(|member| member.name.clone()).zip(ring.shares()).collect()
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate, and a float that is too large becomes the largest integer"
)]
fn estimate(whole: u64, share: f64, owned: f64) -> u64 {
    if owned > 0.0 { (whole as f64 * (share / owned).min(1.0)).round() as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use hashring::Member;

    use super::*;

    fn ring(names: &[&str]) -> Ring {
        Ring::new(64, names.iter().map(|name| Member { name: name.parse().unwrap(), weight: 1 }))
    }

    #[test]
    fn what_a_newcomer_gets_is_what_the_others_lose() {
        let (before, after) = (ring(&["n1", "n2"]), ring(&["n1", "n2", "n3"]));
        let stored = [("n1", (1000, 10_000)), ("n2", (1000, 10_000))]
            .map(|(name, counts)| (name.parse().unwrap(), counts))
            .into();
        let report = PlanReport::between(&before, &after, &stored);
        let gained = report.shares.iter().find(|share| share.name.as_str() == "n3").unwrap();
        assert_eq!(gained.before, 0.0);
        assert!((gained.after - report.share).abs() < 1e-12);
        let keys = report.keys.unwrap();
        assert!((500..850).contains(&keys), "about a third of 2000, not {keys}");
        assert_eq!(report.moves.len(), 2);
        assert!(report.moves.iter().all(|one| one.to.as_str() == "n3" && one.ranges > 0));
    }

    #[test]
    fn keys_are_unknown_while_one_node_has_not_reported() {
        let (before, after) = (ring(&["n1", "n2"]), ring(&["n1"]));
        assert_eq!(PlanReport::between(&before, &after, &BTreeMap::new()).keys, None);
    }
}
