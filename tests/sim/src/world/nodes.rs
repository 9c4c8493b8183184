//! Nodes: what reaches them, what comes out of them, and how they die.

use super::*;

impl World {
    pub(super) fn clock(&self) -> Now {
        Now { steady: self.now, wall_ms: u64::try_from(self.now.as_millis()).unwrap_or(0) }
    }

    pub(super) fn start_node(&mut self, name: &NodeName) {
        let may_start = |node: &&mut Node| node.running.is_none() && !node.lost;
        let Some(node) = self.nodes.get_mut(name).filter(may_start) else { return };
        node.start();
        self.note(&format!("{name} starts"));
        self.begin_turn(name);
    }

    pub(super) fn boot(&self, name: &NodeName) -> Option<Id> {
        self.nodes.get(name)?.running.as_ref().map(|running| running.boot)
    }

    pub(super) fn deliver(&mut self, name: &NodeName, boot: Id, command: Command<Waiter>) {
        if self.boot(name) != Some(boot) {
            return;
        }
        let frozen = self.nodes.get(name).map_or(Duration::ZERO, |node| node.frozen_until);
        if frozen > self.now {
            let delay = frozen - self.now;
            return self.after(delay, Event::Command(name.clone(), boot, command));
        }
        if let Some(node) = self.nodes.get_mut(name) {
            node.take(command);
        }
        self.begin_turn(name);
    }

    /// What waits is taken in, unless a commit is under way; the commit takes a while.
    fn begin_turn(&mut self, name: &NodeName) {
        let now = self.clock();
        if let Some(node) = self.nodes.get_mut(name)
            && node.begin_turn(now)
        {
            self.commit_soon(name);
        }
    }

    fn commit_soon(&mut self, name: &NodeName) {
        let Some(boot) = self.boot(name) else { return };
        let slow = self.shape.faults && !self.healing && self.dice.per_mille(3);
        let longest = if slow { SLOW_COMMIT } else { COMMIT };
        let delay = self.dice.between(COMMIT / 10, longest);
        self.after(delay, Event::Committed(name.clone(), boot));
    }

    pub(super) fn wake(&mut self, name: &NodeName) {
        let now = self.clock();
        let Some(node) = self.nodes.get_mut(name) else { return };
        if node.frozen_until > self.now {
            let delay = node.frozen_until - self.now;
            return self.after(delay, Event::Wake(name.clone()));
        }
        if node.wake(now) {
            self.commit_soon(name);
        }
    }

    /// What a node has changed is on its disk: everybody may hear of it, unless the process dies before that.
    pub(super) fn committed(&mut self, name: &NodeName, boot: Id) {
        if self.boot(name) != Some(boot) {
            return;
        }
        let frozen = self.nodes.get(name).map_or(Duration::ZERO, |node| node.frozen_until);
        if frozen > self.now {
            return self.after(frozen - self.now, Event::Committed(name.clone(), boot));
        }
        if self.shape.faults && !self.healing && self.dice.per_mille(1) {
            let disk_too = self.dice.per_mille(30) && self.may_lose(name);
            return if disk_too { self.lose_disk(name) } else { self.crash(name) };
        }
        let now = self.clock();
        let Some(node) = self.nodes.get_mut(name) else { return };
        let (effects, more) = node.end_turn(now);
        self.perform(name, effects);
        if more {
            self.begin_turn(name);
        }
    }

    /// The process is killed, or loses its power. Of a commit that is under way the disk has all or nothing.
    pub(super) fn crash(&mut self, name: &NodeName) {
        let (now, kept) = (self.clock(), self.dice.per_mille(500));
        let Some(node) = self.nodes.get_mut(name) else { return };
        node.stop(kept, now);
        self.note(&format!("{name} dies"));
        let delay = self.dice.between(Duration::from_millis(50), Duration::from_secs(3));
        self.after(delay, Event::Restart(name.clone()));
    }

    pub(super) fn perform(&mut self, name: &NodeName, effects: Vec<Effect<Waiter>>) {
        let Some(boot) = self.boot(name) else { return };
        for effect in effects {
            self.perform_one(name, boot, effect);
        }
        let soon = self.now + TURN;
        if let Some(at) = self.nodes.get_mut(name).and_then(|node| node.wake_at(soon)) {
            self.after(at - self.now, Event::Wake(name.clone()));
        }
    }

    pub(super) fn perform_one(&mut self, name: &NodeName, boot: Id, effect: Effect<Waiter>) {
        match effect {
            Effect::Fence(_) => {}
            Effect::Written(Waiter::Client(client, turn), answer) => {
                if let Some(delay) = self.travel(name.as_str(), CLIENTS) {
                    self.after(delay, Event::WriteAnswer(client, turn, self.now, answer));
                }
            }
            Effect::Status(Waiter::Coordinator(life), status) => {
                if let Some(delay) = self.travel(name.as_str(), COORDINATOR) {
                    self.after(delay, Event::Heard(life, name.clone(), Ok(status)));
                }
            }
            Effect::Ack(Waiter::OldOwner { from, boot, session, sequence }, ack) => {
                if let Some(delay) = self.travel(name.as_str(), from.as_str()) {
                    let to = name.clone();
                    let answer = Command::Answered { to, session, sequence, result: Ok(ack) };
                    self.after(delay, Event::Command(from, boot, answer));
                }
            }
            Effect::Written(..) | Effect::Status(..) | Effect::Ack(..) => {}
            Effect::Send { to, message, .. } => {
                let (session, sequence) = (message.session, message.sequence);
                let waiter = Waiter::OldOwner { from: name.clone(), boot, session, sequence };
                let target = self.boot(&to);
                let copies = if self.dice.per_mille(10) { 2 } else { 1 };
                for _ in 0..copies {
                    if let (Some(delay), Some(target)) = (self.travel(name.as_str(), to.as_str()), target) {
                        let command = Command::Message(message.clone(), waiter.clone());
                        self.after(delay, Event::Command(to.clone(), target, command));
                    }
                }
                // The sender's deadline. After an answer it finds nobody waiting.
                let lost = Err("no answer in time".to_owned());
                let command = Command::Answered { to, session, sequence, result: lost };
                let deadline =
                    if target.is_none() { Duration::from_millis(5) } else { Duration::from_secs(2) };
                self.after(deadline, Event::Command(name.clone(), boot, command));
            }
            Effect::Read { to, session, ranges, after, .. } => {
                let Some(node) = self.nodes.get(name) else { return };
                let read = page(&node.disk, &ranges, after.as_ref(), PAGE);
                let read = read.map_err(|error| error.to_string());
                let delay = self.dice.between(Duration::ZERO, Duration::from_millis(20));
                self.after(delay, Event::Command(name.clone(), boot, Command::Page { to, session, read }));
            }
            Effect::Count { peer, side, session, ranges } => {
                let Some(node) = self.nodes.get(name) else { return };
                let tally = count(&*node.disk.snapshot(), &ranges, || ()).map_err(|error| error.to_string());
                let delay = self.dice.between(Duration::ZERO, Duration::from_millis(30));
                let command = Command::Counted { peer, side, session, tally };
                self.after(delay, Event::Command(name.clone(), boot, command));
            }
        }
    }
}
