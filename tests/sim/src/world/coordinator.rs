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
        if self.prevails {
            let process = self.process();
            let Some(next) = prevail(&self.view, &self.sight, process, now) else { return Ok(()) };
            if may_decide(&self.view, &self.sight, now).is_err() {
                self.note("the newest copy prevails");
                self.set_view(next);
                self.prevailed = true;
                self.note_other_line();
            }
            self.prevails = false;
        }
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
                        let parts = next
                            .nodes
                            .keys()
                            .filter_map(|name| Some(&self.sight.member(&self.view, name)?.moves));
                        let void: Vec<_> = parts.flatten().map(|part| &part.state).collect();
                        return Err(format!("the two sides of a move counted differently: {void:?}"));
                    }
                    if !self.stand(next) {
                        return Ok(());
                    }
                    if self.just_switched() {
                        self.switched();
                    }
                    // The coordinator may die right after a decision.
                    if self.shape.faults && !self.healing && self.dice.per_mille(10) {
                        self.coordinator_down();
                        return Ok(());
                    }
                }
                Err(halt) if self.newest.is_none() => return Err(halt.to_string()),
                Err(halt) => {
                    self.halted(&halt.to_string());
                    return Ok(());
                }
            }
        }
    }

    /// Names the coordinator of this life.
    fn process(&self) -> Id {
        Id(u128::from(self.life))
    }

    fn just_switched(&self) -> bool {
        let phase = |view: &View| view.open.as_ref().map(|open| open.phase);
        phase(&self.view) == Some(Phase::Switched) && phase(&self.before) != Some(Phase::Switched)
    }

    /// A decision is written; whether it stands. Now and then it cannot be written, or the coordinator dies before the
    /// file is safe on disk: then the old one stands, and nobody has been told.
    pub(super) fn stand(&mut self, next: View) -> bool {
        if self.shape.faults && !self.healing && self.dice.per_mille(8) {
            self.note("that decision was not written");
            if self.dice.per_mille(500) {
                self.coordinator_down();
            }
            return false;
        }
        self.set_view(next);
        true
    }

    fn set_view(&mut self, next: View) {
        let next = next.decided_by(self.process());
        let switches = |view: &View| view.open.as_ref().is_some_and(|open| open.phase == Phase::Switched);
        if switches(&next) && !switches(&self.view) {
            self.switched_at = self.now;
            self.note_losses(&next);
        }
        self.note_given(&next);
        self.past.push_back(self.view.clone());
        if self.past.len() > BACKUPS {
            self.past.pop_front();
        }
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

    /// The coordinator starts with an old copy of the view; now and then all machines had lost power.
    pub(super) fn old_copy(&mut self) {
        let lost = self.nodes.values().any(|node| node.lost);
        if lost || self.newest.is_some() || self.life.is_multiple_of(2) {
            return;
        }
        let backups: Vec<View> = self.past.iter().cloned().collect();
        let Some(old) = self.dice.pick(&backups).cloned() else { return };
        self.note(&format!("an old copy of the view, of e{}, is put back", old.epoch));
        if self.dice.per_mille(500) {
            let names: Vec<NodeName> = self.nodes.keys().cloned().collect();
            names.iter().for_each(|name| self.crash(name));
        }
        self.coordinator_down();
        self.forked_at = self.now;
        self.newest = Some(std::mem::replace(&mut self.view, old));
    }

    /// Nothing is decided; an operator looks for the newest copy.
    fn halted(&mut self, why: &str) {
        if self.recovering {
            return;
        }
        self.recovering = true;
        self.note(why);
        let delay = self.dice.between(Duration::from_millis(100), Duration::from_secs(2));
        self.after(delay, Event::NewestCopy);
    }

    pub(super) fn newest_copy(&mut self) {
        self.recovering = false;
        let Some(newest) = self.newest.clone() else { return };
        self.note(&format!("the newest copy, of e{}, is put back", newest.epoch));
        // Where nodes have acted on both lines, putting it back is not enough.
        self.prevails = self.view.epoch >= newest.epoch || self.view == newest || self.dice.per_mille(300);
        self.view = newest;
        self.life += 1 + self.life % 2;
        self.life -= self.life % 2;
        self.coordinator_up();
    }
}
