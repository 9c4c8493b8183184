//! Clients on their way to nodes and back.

use super::*;

impl World {
    pub(super) fn step_later(&mut self, client: usize) {
        let delay = self.dice.between(Duration::from_millis(50), Duration::from_millis(500));
        let turn = self.clients[client].turn;
        self.after(delay, Event::Step(client, turn));
    }

    pub(super) fn step(&mut self, client: usize, turn: u64) {
        if self.healing || self.clients[client].turn != turn || self.clients[client].doing.is_some() {
            return;
        }
        let history = &mut self.history;
        let keys: Vec<Bytes> = self
            .keys
            .iter()
            .filter(|key| history.keys.get(*key).is_none_or(|seen| seen.len() < 110))
            .cloned()
            .collect();
        self.clients[client].begin(&keys, history, &mut self.dice, self.now);
        let turn = self.clients[client].turn;
        self.after(Duration::ZERO, Event::Send(client, turn));
        self.after(Duration::from_secs(6), Event::GiveUp(client, turn));
    }

    pub(super) fn send(&mut self, client: usize, turn: u64) {
        if self.clients[client].turn != turn {
            return;
        }
        // Now and then a proxy is one view behind.
        let view = if self.dice.per_mille(100) { &self.before } else { &self.view };
        let Some(doing) = self.clients[client].doing.as_mut() else { return };
        let key = doing.key.clone();
        let target = view.ring().owner(Position::of(&key)).cloned();
        let member = target.as_ref().and_then(|name| view.nodes.get(name));
        let (Some(name), Some((Some(id), Some(boot)))) = (target, member.map(|node| (node.id, node.boot)))
        else {
            return self.after(Duration::from_millis(50), Event::Send(client, turn));
        };
        let to = Some(address(view.cluster, id, boot).into());
        let route = Route { epoch: Some(view.epoch), to, unkept: false };
        // Some clients ask a node themselves, and know nothing of views.
        let route = if self.dice.per_mille(80) { Route::default() } else { route };
        doing.at_large = Some(name.clone());
        let write = doing.write();
        let Some(process) = self.boot(&name) else {
            return self.retry(client, turn);
        };
        let Some(delay) = self.travel(CLIENTS, name.as_str()) else { return };
        let event = match write {
            Some(write) => {
                Event::Command(name, process, Command::Write(write, route, Waiter::Client(client, turn)))
            }
            None => Event::ReadAt(client, turn, name, process, route),
        };
        self.after(delay, event);
    }

    /// The request was surely not applied: it is sent again, by the view of that time.
    pub(super) fn retry(&mut self, client: usize, turn: u64) {
        if let Some(doing) = self.clients[client].doing.as_mut() {
            doing.at_large = None;
        }
        let delay = self.dice.between(Duration::from_millis(5), Duration::from_millis(60));
        self.after(delay, Event::Send(client, turn));
    }

    pub(super) fn read_at(&mut self, client: usize, turn: u64, name: &NodeName, boot: Id, route: &Route) {
        let Some(node) = self.nodes.get(name) else { return };
        if self.boot(name) != Some(boot) {
            return;
        }
        if node.frozen_until > self.now {
            let delay = node.frozen_until - self.now;
            return self.after(delay, Event::ReadAt(client, turn, name.clone(), boot, route.clone()));
        }
        let Some(doing) = self.clients[client].doing.as_ref().filter(|_| self.clients[client].turn == turn)
        else {
            return;
        };
        match node.admit(&doing.key, route) {
            Ok(generation) => {
                let long = if self.dice.per_mille(50) { 500 } else { 2 };
                let delay = self.dice.between(Duration::ZERO, Duration::from_millis(long));
                let event = Event::Load(client, turn, name.clone(), boot, route.clone(), generation);
                self.after(delay, event);
            }
            Err(refused) => self.answer_read(client, turn, name, Err(refused)),
        }
    }

    /// The read goes on a moment later.
    pub(super) fn load(
        &mut self,
        client: usize,
        turn: u64,
        name: &NodeName,
        boot: Id,
        route: &Route,
        generation: u64,
    ) {
        let Some(node) = self.nodes.get(name) else { return };
        if self.boot(name) != Some(boot) {
            return;
        }
        let Some(doing) = self.clients[client].doing.as_ref().filter(|_| self.clients[client].turn == turn)
        else {
            return;
        };
        match node.load(&doing.key, generation) {
            Ok(Some(record)) => {
                let value = record.and_then(|record| std::str::from_utf8(&record.value).ok()?.parse().ok());
                self.answer_read(client, turn, name, Ok(value));
            }
            Ok(None) => self.read_at(client, turn, name, boot, route),
            Err(refused) => self.answer_read(client, turn, name, Err(refused)),
        }
    }

    fn answer_read(
        &mut self,
        client: usize,
        turn: u64,
        name: &NodeName,
        answer: Result<Option<u64>, Refused>,
    ) {
        if let Some(delay) = self.travel(name.as_str(), CLIENTS) {
            self.after(delay, Event::ReadAnswer(client, turn, self.now, answer));
        }
    }

    pub(super) fn read_answer(
        &mut self,
        client: usize,
        turn: u64,
        served: Duration,
        answer: &Result<Option<u64>, Refused>,
    ) {
        if self.clients[client].turn != turn || self.clients[client].doing.is_none() {
            return;
        }
        match answer {
            Ok(value) => {
                self.clients[client].end(Action::Get(*value), &mut self.history, served, self.now);
                self.step_later(client);
            }
            Err(_) => self.retry(client, turn),
        }
    }

    pub(super) fn write_answer(
        &mut self,
        client: usize,
        turn: u64,
        served: Duration,
        answer: &Result<Written, Refused>,
    ) {
        let Some(doing) = self.clients[client].doing.as_ref().filter(|_| self.clients[client].turn == turn)
        else {
            return;
        };
        match answer {
            Ok(written) => {
                let action = doing.answered(*written);
                if let Written::Created(version) | Written::Replaced(version) = written {
                    self.history.version(doing, version.0, self.now);
                }
                self.clients[client].end(action, &mut self.history, served, self.now);
                self.step_later(client);
            }
            Err(Refused::OutcomeUnknown(_)) => {
                self.clients[client].give_up(&mut self.history);
                self.step_later(client);
            }
            Err(_) => self.retry(client, turn),
        }
    }
}
