//! The coordinator: beats, decisions, deaths.

use super::*;

impl World {
    pub(super) fn coordinate(&mut self) -> Result<(), String> {
        let names: Vec<NodeName> = self.view.nodes.keys().cloned().collect();
        for name in names {
            let behind = self
                .sight
                .node(&name)
                .and_then(|seen| seen.status.as_ref())
                .is_some_and(|status| status.epoch < self.view.epoch);
            let outlook = behind.then(|| Outlook::of(self.view.clone(), None));
            let expect = self.view.nodes.get(&name).and_then(|node| node.id);
            let beat = BeatIn { cluster: self.view.cluster, expect, outlook, erase: false };
            let life = self.life;
            match (self.travel(COORDINATOR, name.as_str()), self.boot(&name)) {
                (Some(delay), Some(boot)) => {
                    let command = Command::Beat(Box::new(beat), Waiter::Coordinator(life));
                    self.after(delay, Event::Command(name.clone(), boot, command));
                }
                _ => self.after(TICK, Event::Heard(life, name.clone(), Err("no answer".to_owned()))),
            }
        }
        self.after(TICK, Event::Coordinate(self.life));
        self.decide()
    }

    pub(super) fn decide(&mut self) -> Result<(), String> {
        let now = CoordinatorNow { steady: self.now, wall_ms: 0 };
        loop {
            let plan = self.view.open_plan().unwrap_or_default();
            match decide(&self.view, &plan, &mut self.sight, now) {
                Ok(None) => return Ok(()),
                Ok(Some(next)) => {
                    let what = format!(
                        "-> e{} {:?} {:?}",
                        next.epoch,
                        next.open.as_ref().map(|open| (
                            open.change.kind,
                            &open.change.node,
                            open.phase,
                            open.session
                        )),
                        next.cleaning.as_ref().map(|cleaning| &cleaning.nodes),
                    );
                    self.note(&what);
                    // No disk is damaged here, so only a mistake of the protocol makes two sides differ.
                    if next.open.as_ref().is_some_and(|open| open.mismatches > 0) {
                        return Err("the two sides of a move counted differently".to_owned());
                    }
                    self.set_view(next);
                    if self.just_switched() {
                        self.switched();
                    }
                    // The coordinator may die right after a decision.
                    if self.shape.faults && !self.healing && self.dice.per_mille(10) {
                        self.coordinator_down();
                        return Ok(());
                    }
                }
                Err(halt) => return Err(halt.to_string()),
            }
        }
    }

    fn just_switched(&self) -> bool {
        let phase = |view: &View| view.open.as_ref().map(|open| open.phase);
        phase(&self.view) == Some(Phase::Switched) && phase(&self.before) != Some(Phase::Switched)
    }

    pub(super) fn set_view(&mut self, next: View) {
        let next = next.decided_by(Id(u128::from(self.life)));
        self.before = std::mem::replace(&mut self.view, next);
        self.sight.keep(&self.view);
    }

    pub(super) fn coordinator_down(&mut self) {
        if !self.life.is_multiple_of(2) {
            self.life += 1;
            self.note("the coordinator dies");
            let delay = self.dice.between(Duration::from_millis(50), Duration::from_secs(3));
            self.after(delay, Event::CoordinatorUp);
        }
    }

    pub(super) fn coordinator_up(&mut self) {
        if self.life.is_multiple_of(2) {
            self.life += 1;
            self.sight = Sight::default();
            self.note("the coordinator starts");
            self.after(Duration::ZERO, Event::Coordinate(self.life));
        }
    }
}
