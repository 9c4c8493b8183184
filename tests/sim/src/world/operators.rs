//! What operators ask for, and what goes wrong meanwhile.

use super::*;

impl World {
    pub(super) fn request(&mut self) {
        if self.healing {
            return;
        }
        let delay = self.dice.between(Duration::from_millis(300), Duration::from_secs(4));
        self.after(delay, Event::Request);
        if self.life.is_multiple_of(2) || self.view.queue.len() > 2 {
            return;
        }
        let now = CoordinatorNow { steady: self.now, wall_ms: 0 };
        if may_decide(&self.view, &self.sight, now) != Ok(true) {
            return;
        }
        let members: Vec<NodeName> = self.view.nodes.keys().cloned().collect();
        let Some(member) = self.dice.pick(&members).cloned() else { return };
        if self.dice.per_mille(200) {
            let waits = self.view.open.iter().map(|open| &open.change).chain(&self.view.queue);
            let waits: Vec<u64> = waits.map(|change| change.id).collect();
            let at = if self.dice.per_mille(700) { 0 } else { self.dice.below(waits.len() as u64) };
            let first = waits.get(usize::try_from(at).unwrap_or(0));
            return first.copied().into_iter().for_each(|id| self.cancel(id));
        }
        let (order, found) = match self.dice.below(5) {
            0 | 1 if members.len() < 6 => self.newcomer(),
            0..=3 => (
                Order::RemoveServer(RemoveServer { name: member, force: false }),
                Found::Node { up: true, last: None },
            ),
            _ => {
                let weight = u16::try_from(self.dice.below(4)).unwrap_or(1);
                (Order::Reweight(Reweight { name: member, weight }), Found::Node { up: true, last: None })
            }
        };
        self.order(&order, &found);
    }

    pub(super) fn order(&mut self, order: &Order, found: &Found) {
        let now = CoordinatorNow { steady: self.now, wall_ms: 0 };
        if let Ok((Some(next), accepted)) = submit(&self.view, order, &Terms::default(), found, now) {
            self.note(&format!("{order:?}: {accepted:?}"));
            self.stand(next);
        }
    }

    pub(super) fn cancel(&mut self, id: u64) {
        let now = CoordinatorNow { steady: self.now, wall_ms: 0 };
        if let Ok((next, cancelled)) = cancel(&self.view, id, now)
            && next.epoch > self.view.epoch
        {
            self.note(&format!("cancel {id}: {cancelled:?}"));
            self.stand(next);
        }
    }

    /// Old owners die right after a switch, and now and then somebody does not wait until they are back; or somebody on
    /// either side loses its disk.
    pub(super) fn switched(&mut self) {
        if self.healing || !self.shape.faults || !self.dice.per_mille(300) {
            return;
        }
        let plan = self.view.open_plan().unwrap_or_default();
        let Some(one) = self.dice.pick(&plan.moves) else { return };
        let (name, other) = (one.from.clone(), one.to.clone());
        if self.dice.per_mille(100) {
            let name = if self.dice.per_mille(700) { other } else { name };
            let delay = self.dice.between(Duration::ZERO, Duration::from_millis(300));
            return self.after(delay, Event::LoseDisk(name));
        }
        if self.dice.per_mille(500) {
            return self.isolate(&name);
        }
        self.crash(&name);
        let delay = self.dice.between(Duration::ZERO, Duration::from_secs(2));
        self.after(delay, Event::ForceSeal);
    }

    /// Nobody reaches this node for a while.
    fn isolate(&mut self, name: &NodeName) {
        let until = self.now + self.dice.between(Duration::from_millis(500), Duration::from_secs(4));
        self.note(&format!("{name} is cut off from everyone until {:.3}", until.as_secs_f64()));
        let others: Vec<String> = self.nodes.keys().map(NodeName::to_string).collect();
        for other in others.into_iter().chain([COORDINATOR.to_owned()]) {
            let name = name.to_string();
            let pair = if name < other { (name, other) } else { (other, name) };
            self.cuts.insert(pair, until);
        }
    }

    /// Only who does not run may be given up; its messages may still be under way.
    pub(super) fn force_seal(&mut self) {
        let Some(open) = self.view.open.as_ref().filter(|open| open.phase == Phase::Switched) else { return };
        let now = CoordinatorNow { steady: self.now, wall_ms: 0 };
        if self.life.is_multiple_of(2) || may_decide(&self.view, &self.sight, now) != Ok(true) {
            return;
        }
        let id = open.change.id;
        for one in self.view.open_plan().unwrap_or_default().moves {
            let stopped = self.nodes.get(&one.from).is_none_or(|node| node.running.is_none());
            let adjusted = Adjust { force_seal: Some(one.from.clone()), ..Adjust::default() };
            if stopped && let Ok(next) = adjust(&self.view, id, &adjusted, false) {
                self.note(&format!("{} need not seal", one.from));
                self.stand(next);
            }
        }
    }

    pub(super) fn newcomer(&mut self) -> (Order, Found) {
        let i = self.nodes.len() as u64 + 1;
        let name = name(i);
        let id = Id(u128::from(100 + i));
        self.nodes.insert(name.clone(), Node::new(name.clone(), id));
        self.start_node(&name);
        let status = Status {
            name: name.clone(),
            id,
            boot: Id(0),
            known_boots: Vec::new(),
            cluster: None,
            history: None,
            decider: None,
            epoch: 0,
            points: None,
            serving: true,
            records: 0,
            bytes: 0,
            refusal: None,
            moves: Vec::new(),
            cleaned: None,
            vitals: None,
        };
        let adopt = Adopt { url: format!("http://{name}"), name: None, erase: false };
        (Order::AddServer(AddServer { weight: 1, adopt: Some(adopt) }), Found::Answer(Box::new(status)))
    }

    pub(super) fn fault(&mut self) {
        if self.healing {
            return;
        }
        let delay = self.dice.between(Duration::from_millis(200), Duration::from_secs(3));
        self.after(delay, Event::Fault);
        let names: Vec<NodeName> = self.nodes.keys().cloned().collect();
        let Some(name) = self.dice.pick(&names).cloned() else { return };
        let until = self.now + self.dice.between(Duration::from_millis(20), Duration::from_secs(4));
        match self.dice.below(10) {
            0..4 if self.dice.per_mille(100) => self.old_copy(),
            0..4 if self.dice.per_mille(20) => self.lose_disk(&name),
            0..4 if self.dice.per_mille(20) => self.power_cut(),
            0..4 => self.crash(&name),
            4 | 5 => {
                self.note(&format!("{name} is frozen until {:.3}", until.as_secs_f64()));
                if let Some(node) = self.nodes.get_mut(&name) {
                    node.frozen_until = until;
                }
            }
            6 => self.coordinator_down(),
            _ => {
                let other = self.dice.pick(&names).map_or(COORDINATOR, NodeName::as_str).to_owned();
                let other = if self.dice.per_mille(300) { COORDINATOR.to_owned() } else { other };
                let name = name.to_string();
                self.note(&format!("{name} and {other} are cut off until {:.3}", until.as_secs_f64()));
                let pair = if name < other { (name, other) } else { (other, name) };
                self.cuts.insert(pair, until);
            }
        }
    }

    /// Every machine loses its power at the same moment.
    fn power_cut(&mut self) {
        self.note("the power fails");
        let names: Vec<NodeName> = self.nodes.keys().cloned().collect();
        names.iter().for_each(|name| self.crash(name));
        self.coordinator_down();
    }

    pub(super) fn heal(&mut self) {
        self.healing = true;
        self.note("all faults end");
        let names: Vec<NodeName> = self.nodes.keys().cloned().collect();
        for name in names {
            if let Some(node) = self.nodes.get_mut(&name) {
                node.frozen_until = Duration::ZERO;
            }
            self.start_node(&name);
        }
        self.coordinator_up();
    }
}
