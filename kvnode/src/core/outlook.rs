//! A view and what follows from it for one node, worked out before the writer sees it.

use std::sync::Arc;

use hashring::view::{OpenChange, Phase};
use hashring::{Member, NodeName, Plan, RangeSet, Ring, View};

/// A view with its rings and plans computed, which takes milliseconds on a large ring.
#[derive(Debug, Clone)]
pub struct Outlook {
    /// The view.
    pub view: View,
    /// Its serving ring.
    pub ring: Arc<Ring>,
    /// Where the members listen, in the ring's order.
    pub urls: Arc<Vec<String>>,
    /// The ring after the open change.
    pub after: Option<Arc<Ring>>,
    /// The moves of the open change that have begun: old owner, new owner, ranges.
    pub moves: Vec<(NodeName, NodeName, Arc<RangeSet>)>,
    /// What old owners are to delete.
    pub cleaning: Vec<(NodeName, Arc<RangeSet>)>,
}

impl Outlook {
    /// Works out what follows from `view`. Takes over from `previous` what did not change: at a switch that is all
    /// of it, and clients wait for the switch.
    #[must_use]
    pub fn of(view: View, previous: Option<&Self>) -> Self {
        let ring = |members: Vec<Member>| {
            let known =
                previous.into_iter().flat_map(|known| [Some(&known.ring), known.after.as_ref()]).flatten();
            let same =
                known.into_iter().find(|ring| ring.points() == view.points && ring.members() == members);
            same.cloned().unwrap_or_else(|| Arc::new(Ring::new(view.points, members)))
        };
        let open = view.open.as_ref().filter(|open| open.phase != Phase::Arriving);
        let members = open.and_then(|_| view.open_members());
        let after = members.clone().map(|(_, after)| ring(after));
        let moves = match (previous, open) {
            (Some(known), Some(open)) if known.carries(open) => known.moves.clone(),
            _ => members
                .zip(after.as_ref())
                .map(|((before, _), after)| moves(&ring(before), after))
                .unwrap_or_default(),
        };
        let serving = ring(view.members());
        let urls = view.nodes.values().map(|node| node.url.clone()).collect();
        Self { ring: serving, urls: Arc::new(urls), after, moves, cleaning: cleaning(&view), view }
    }

    /// Whether the moves here are those of this open change.
    fn carries(&self, open: &OpenChange) -> bool {
        self.view.open.as_ref().is_some_and(|mine| {
            mine.change.id == open.change.id && mine.phase != Phase::Arriving && mine.before == open.before
        })
    }
}

fn moves(before: &Ring, after: &Ring) -> Vec<(NodeName, NodeName, Arc<RangeSet>)> {
    let plan = Plan::between(before, after);
    plan.moves.into_iter().map(|one| (one.from, one.to, Arc::new(one.ranges))).collect()
}

fn cleaning(view: &View) -> Vec<(NodeName, Arc<RangeSet>)> {
    let plan = view.cleaning_plan().unwrap_or_default();
    let names = view.cleaning.iter().flat_map(|cleaning| &cleaning.nodes);
    names
        .map(|name| {
            let mine = plan.moves.iter().filter(|one| one.from == *name);
            (name.clone(), Arc::new(RangeSet::union_of(mine.map(|one| &one.ranges))))
        })
        .collect()
}
