//! Disks that are lost, and the operator who removes their nodes by force.

use super::*;
use crate::losses::Extent;

/// What a lost node had taken over in a change that was ended without it, by node and key: from whom, and when.
pub(super) type Given = BTreeMap<(NodeName, Bytes), (NodeName, Duration)>;

impl World {
    /// The process of a node and its disk are gone for good; or an operator thinks so for a while.
    pub(super) fn lose_disk(&mut self, name: &NodeName) {
        let now = self.clock();
        if !self.may_lose(name) {
            return;
        }
        let found_again = self.dice.per_mille(300);
        let what = if found_again { "seems to be" } else { "is" };
        self.note(&format!("{name} dies, and its disk {what} lost"));
        if let Some(node) = self.nodes.get_mut(name) {
            if found_again {
                node.stop(true, now);
            } else {
                node.lose(now);
            }
            node.lost = true;
        }
        if found_again {
            let delay = self.dice.between(Duration::from_secs(1), Duration::from_secs(5));
            self.after(delay, Event::FoundAgain(name.clone()));
        }
        let delay = self.dice.between(Duration::from_millis(200), Duration::from_secs(3));
        self.after(delay, Event::RemoveByForce(name.clone()));
    }

    /// Two disks at most, never the last one that serves, and none while the view is in doubt: then an operator is told
    /// to remove nothing by force.
    pub(super) fn may_lose(&self, name: &NodeName) -> bool {
        let in_doubt = self.newest.is_some() || self.prevails || self.prevailed;
        let lost = |name: &NodeName| self.nodes.get(name).is_none_or(|node| node.lost);
        let left = |members: Vec<hashring::Member>| {
            members.iter().any(|member| member.name != *name && member.weight > 0 && !lost(&member.name))
        };
        let open = self.view.open_members();
        let few = self.nodes.values().filter(|node| node.lost).count() < 2;
        let serving = left(self.view.members()) && open.is_none_or(|(_, after)| left(after));
        let faulty = self.shape.faults && !self.healing;
        faulty && few && serving && !in_doubt && !lost(name) && self.view.nodes.contains_key(name)
    }

    /// As docs/operate.md tells: what waits for the dead node is cancelled, then it is removed by force; tried until
    /// it is no member any more.
    pub(super) fn remove_by_force(&mut self, name: &NodeName) {
        if self.nodes.get(name).is_none_or(|node| !node.lost) {
            return;
        }
        let mut waits = self.view.open.iter().map(|open| &open.change).chain(&self.view.queue);
        let concerned = waits.any(|change| change.node == *name);
        if !self.view.nodes.contains_key(name) && !concerned {
            return;
        }
        let delay = self.dice.between(Duration::from_millis(300), Duration::from_millis(1500));
        self.after(delay, Event::RemoveByForce(name.clone()));
        let now = CoordinatorNow { steady: self.now, wall_ms: 0 };
        if self.life.is_multiple_of(2) || may_decide(&self.view, &self.sight, now) != Ok(true) {
            return;
        }
        let up = self.sight.is_up(&self.view, name, self.now);
        if up {
            return;
        }
        let open = self.view.open.as_ref().filter(|open| open.phase != Phase::Switched && !open.change.force);
        let plan = open.and_then(|_| self.view.open_plan()).unwrap_or_default();
        let needs = |open: &OpenChange| {
            open.change.node == *name || plan.moves.iter().any(|one| one.from == *name || one.to == *name)
        };
        let open = open.filter(|open| needs(open)).map(|open| open.change.id);
        let queued = self.view.queue.iter().filter(|change| change.node == *name && !change.force);
        let obstacles: Vec<u64> = open.into_iter().chain(queued.map(|change| change.id)).collect();
        for id in obstacles {
            self.cancel(id);
        }
        let order = Order::RemoveServer(RemoveServer { name: name.clone(), force: true });
        self.order(&order, &Found::Node { up, last: None });
    }

    /// The disk was not lost: unless its node was removed meanwhile, that is started again, and often kept.
    pub(super) fn found_again(&mut self, name: &NodeName) {
        let forced = |change: &hashring::view::Change| change.force && change.node == *name;
        let removed = self.view.open.as_ref().is_some_and(|open| forced(&open.change));
        if removed || !self.view.nodes.contains_key(name) {
            return;
        }
        self.note(&format!("the disk of {name} is found again"));
        let now = CoordinatorNow { steady: self.now, wall_ms: 0 };
        let decides = !self.life.is_multiple_of(2) && may_decide(&self.view, &self.sight, now) == Ok(true);
        if decides
            && self.dice.per_mille(700)
            && let Some(id) = self.view.queue.iter().find(|change| forced(change)).map(|change| change.id)
        {
            self.cancel(id);
        }
        if let Some(node) = self.nodes.get_mut(name) {
            node.lost = false;
        }
        self.start_node(name);
    }

    /// What a node that is being given up had taken over, from whom. To be asked before the view says that it is.
    pub(super) fn note_given(&mut self, next: &View) {
        self.given.retain(|(name, _), _| next.lost.get(name).is_none_or(|lost| !lost.back));
        let (Some(open), Some(after)) = (&self.view.open, &next.open) else { return };
        let given_up: Vec<&NodeName> = after.given_up.difference(&open.given_up).collect();
        for one in self.view.open_plan().unwrap_or_default().moves {
            if !given_up.contains(&&one.to) {
                continue;
            }
            for key in self.keys.iter().filter(|key| one.ranges.contains(Position::of(key))) {
                let from = (one.from.clone(), self.switched_at);
                self.given.insert((one.to.clone(), key.clone()), from);
            }
        }
    }

    /// A node was removed by force: whose keys are lost, and which of them their old owners have.
    pub(super) fn note_losses(&mut self, next: &View) {
        let Some(open) = next.open.as_ref().filter(|open| open.change.force) else { return };
        let (before, after) = (self.view.ring(), next.ring());
        for key in &self.keys {
            let position = Position::of(key);
            if before.owner(position) != Some(&open.change.node) {
                continue;
            }
            let given = self.given.get(&(open.change.node.clone(), key.clone()));
            let given_back = given.filter(|(from, _)| after.owner(position) == Some(from));
            if let Some((from, _)) = given.filter(|_| given_back.is_none()) {
                self.stranded.insert((from.clone(), StoreKey::of(key)));
            }
            let node = open.change.node.clone();
            let extent = match given_back {
                Some((_, since)) => Extent::SinceSwitch(node, *since),
                None => Extent::Whole(node),
            };
            self.losses.entry(key.clone()).or_default().push(Loss { at: self.now, extent });
        }
    }

    /// Of two lines of decisions that nodes have acted on this one prevails.
    pub(super) fn note_other_line(&mut self) {
        let ring = self.view.ring();
        for key in &self.keys {
            let Some(owner) = ring.owner(Position::of(key)).cloned() else { continue };
            let extent = Extent::OtherLine(owner, self.forked_at);
            self.losses.entry(key.clone()).or_default().push(Loss { at: self.now, extent });
        }
    }
}
