//! Nodes: what reaches them, what comes out of them, and how they die.

use super::*;

impl World {
    pub(super) fn clock(&self) -> Now {
        Now { steady: self.now, wall_ms: u64::try_from(self.now.as_millis()).unwrap_or(0) }
    }

    pub(super) fn start_node(&mut self, name: &NodeName) {
        let now = self.clock();
        let Some(node) = self.nodes.get_mut(name).filter(|node| node.running.is_none()) else { return };
        let effects = node.start(now);
        self.note(&format!("{name} starts"));
        self.perform(name, effects);
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
        // Sometimes the process dies before the commit, sometimes right after it and before anyone hears of it.
        let dies = self.shape.faults && !self.healing && self.dice.per_mille(1);
        if dies && self.dice.per_mille(500) {
            return self.crash(name);
        }
        let now = self.clock();
        let effects = self.nodes.get_mut(name).map(|node| node.turn(vec![command], now)).unwrap_or_default();
        if dies {
            return self.crash(name);
        }
        self.perform(name, effects);
    }

    pub(super) fn turn(&mut self, name: &NodeName, commands: Vec<Command<Waiter>>) {
        let now = self.clock();
        let Some(node) = self.nodes.get_mut(name) else { return };
        if node.frozen_until > self.now {
            let delay = node.frozen_until - self.now;
            return self.after(delay, Event::Wake(name.clone()));
        }
        let effects = node.turn(commands, now);
        self.perform(name, effects);
    }

    pub(super) fn crash(&mut self, name: &NodeName) {
        let Some(node) = self.nodes.get_mut(name) else { return };
        node.running = None;
        node.frozen_until = Duration::ZERO;
        self.note(&format!("{name} dies"));
        let delay = self.dice.between(Duration::from_millis(50), Duration::from_secs(3));
        self.after(delay, Event::Restart(name.clone()));
    }

    pub(super) fn perform(&mut self, name: &NodeName, effects: Vec<Effect<Waiter>>) {
        let Some(boot) = self.boot(name) else { return };
        for effect in effects {
            self.perform_one(name, boot, effect);
        }
        if let Some(at) = self.nodes.get(name).and_then(Node::wake_at) {
            let delay = at.saturating_sub(self.now).max(TURN);
            self.after(delay, Event::Wake(name.clone()));
        }
    }

    pub(super) fn perform_one(&mut self, name: &NodeName, boot: Id, effect: Effect<Waiter>) {
        match effect {
            Effect::Fence(_) => {}
            Effect::Written(Waiter::Client(client, turn), answer) => {
                if let Some(delay) = self.travel(name.as_str(), CLIENTS) {
                    self.after(delay, Event::WriteAnswer(client, turn, answer));
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
                let tally = count(&*node.disk.snapshot(), &ranges).map_err(|error| error.to_string());
                let delay = self.dice.between(Duration::ZERO, Duration::from_millis(30));
                let command = Command::Counted { peer, side, session, tally };
                self.after(delay, Event::Command(name.clone(), boot, command));
            }
        }
    }
}
