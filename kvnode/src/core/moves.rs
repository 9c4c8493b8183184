//! Both sides of handing ranges over, applied to this node's records.

use std::sync::Arc;

use bytes::Bytes;
use hashring::view::{Outcome, Phase, Tally};
use hashring::{NodeName, RangeSet};

use super::arrivals::Arrivals;
use super::sweep::{Purpose, Sweep};
use super::{Core, Effect, Now};
use crate::fail_points::reached;
use crate::handover::message::{Ack, Frame, Message, Verdict};
use crate::handover::source::{Forward, Source, Step};
use crate::handover::target::{Count, Inbound, Judgement, Standing, judge};
use crate::node::{Refused, Route};
use crate::protocol::{Sequel, Side};
use crate::rules::{Rule, holds};
use crate::store::engine::EngineError;
use crate::store::record::{Record, StoreKey};
use crate::version::Version;

impl<T> Core<T> {
    // ---- the old owner's side

    pub(super) fn source(&mut self, to: &NodeName, session: u64) -> Option<&mut Source<T>> {
        self.sources.get_mut(to).filter(|source| source.terms().session == session)
    }

    pub(super) fn take_answer(
        &mut self,
        to: &NodeName,
        session: u64,
        sequence: u64,
        result: Result<Ack, String>,
        now: Now,
    ) -> Result<(), EngineError> {
        self.tell_requests();
        let Some(source) = self.source(to, session) else { return Ok(()) };
        let ranges = source.terms().ranges.clone();
        let (forwards, count) = source.answered(sequence, result, now.steady);
        self.finish(to, forwards, now)?;
        if count {
            self.effects.push(Effect::Count { peer: to.clone(), side: Side::Source, session, ranges });
        }
        Ok(())
    }

    /// Tells all sources what clients have asked for since the last time.
    fn tell_requests(&mut self) {
        let reads = self.staging.reads();
        let requests = std::mem::take(&mut self.writes) + reads.saturating_sub(self.reads);
        self.reads = reads;
        self.sources.values_mut().for_each(|source| source.give_way(requests));
    }

    pub(super) fn take_page(
        &mut self,
        to: &NodeName,
        session: u64,
        read: Result<(Vec<(StoreKey, Bytes)>, bool), String>,
        now: Now,
    ) -> Result<(), EngineError> {
        let Some(source) = self.source(to, session) else { return Ok(()) };
        match read {
            Ok((entries, last)) => {
                source.read(entries, last);
                Ok(())
            }
            // Tried again once; after that a person must look, as where the two sides differ.
            Err(reason) => {
                let alone = source.void(format!("a page cannot be read: {reason}"), Sequel::Doubt);
                self.finish(to, alone, now)
            }
        }
    }

    /// Applies writes that the new owner has, or need not have any more, and lets what waited for them go on.
    fn finish(&mut self, to: &NodeName, forwards: Vec<Forward<T>>, now: Now) -> Result<(), EngineError> {
        for forward in forwards {
            let key = forward.key.clone();
            self.apply(forward)?;
            let waiting = self.sources.get_mut(to).map(|source| source.unlock(&key)).unwrap_or_default();
            for (write, reply) in waiting {
                // Judged anew: the key's owner may have changed while it waited.
                self.write(write, &Route::default(), reply, now)?;
            }
        }
        Ok(())
    }

    /// Ends a session because the view did: what was under way is applied here, if the keys are still ours.
    pub(super) fn settle(&mut self, mut source: Source<T>, now: Now) -> Result<(), EngineError> {
        let arrived = source.has_sent_seal() && self.ended_well(source.terms().change, &source.terms().to);
        for forward in source.void("the view ended this session".to_owned(), Sequel::Again) {
            let key = forward.key.clone();
            if self.fence.owns(key.position()) {
                self.apply(forward)?;
            } else if arrived || !holds(Rule::UnknownUnlessSealed) {
                self.effects.push(Effect::Written(forward.reply, Ok(forward.outcome)));
            } else {
                let why = "it was on its way to the new owner when the change ended otherwise";
                self.effects.push(Effect::Written(forward.reply, Err(Refused::OutcomeUnknown(why))));
            }
            for (write, reply) in source.unlock(&key) {
                self.write(write, &Route::default(), reply, now)?;
            }
        }
        Ok(())
    }

    /// Whether a change of this node as an old owner was carried out, with its seal and by this new owner: whatever it
    /// had sent before that is on the new owner's disk.
    fn ended_well(&self, change: u64, to: &NodeName) -> bool {
        let Some(view) = self.outlook.as_ref().map(|outlook| &outlook.view) else { return false };
        view.finished.iter().any(|ended| {
            let given_up = |name| ended.change.force || ended.given_up.contains(name);
            let sealed = !given_up(&self.identity.name) && !given_up(to);
            ended.change.id == change && ended.outcome == Outcome::Done && sealed
        })
    }

    /// Lets every source do what is due.
    pub(super) fn move_on(&mut self, now: Now) -> Result<(), EngineError> {
        let names: Vec<NodeName> = self.sources.keys().cloned().collect();
        for to in names {
            let Some(source) = self.sources.get_mut(&to) else { continue };
            let alone = source.judge(now.steady);
            if !alone.is_empty() || source.is_void() {
                self.finish(&to, alone, now)?;
            }
            let url = self.url_of(&to);
            let Some(source) = self.sources.get_mut(&to) else { continue };
            while let Some(step) = source.next(now.steady) {
                let terms = source.terms();
                self.effects.push(match step {
                    Step::Send(message) => Effect::Send { to: to.clone(), url: url.clone(), message },
                    Step::Read(after) => Effect::Read {
                        to: to.clone(),
                        session: terms.session,
                        ranges: terms.ranges.clone(),
                        after,
                        limit: source.page_limit(),
                    },
                });
            }
        }
        Ok(())
    }

    fn url_of(&self, name: &NodeName) -> String {
        let node = self.outlook.as_ref().and_then(|outlook| outlook.view.nodes.get(name));
        node.map(|node| node.url.clone()).unwrap_or_default()
    }

    pub(super) fn take_count(
        &mut self,
        peer: &NodeName,
        side: Side,
        session: u64,
        tally: Result<Tally, String>,
        now: Now,
    ) -> Result<(), EngineError> {
        match side {
            Side::Source => {
                let Some(source) = self.source(peer, session) else { return Ok(()) };
                match tally {
                    Ok(tally) => source.counted(tally),
                    Err(reason) => {
                        let alone = source.void(reason, Sequel::Doubt);
                        self.finish(peer, alone, now)?;
                    }
                }
            }
            Side::Target => {
                let inbound = self.targets.get_mut(peer).filter(|inbound| inbound.session == session);
                if let Err(reason) = &tally {
                    tracing::error!(from = %peer, reason, "cannot count what has come");
                }
                if let Some(inbound) = inbound {
                    inbound.count = tally.map_or_else(Count::Failed, Count::Done);
                }
            }
        }
        Ok(())
    }

    // ---- the new owner's side

    pub(super) fn take_message(&mut self, message: &Message, reply: T) {
        let (standing, ranges) = self.session_of(message);
        let inbound = self.targets.get(&message.from);
        let mut verdict = match judge(inbound, message, standing) {
            Judgement::Answer(verdict) => verdict,
            Judgement::Begin => self.begin(message, ranges),
            // The seal is what everyone waits for, and the reserve is there for what comes with it.
            Judgement::Apply if self.disk_full && message.frames.last() != Some(&Frame::Seal) => {
                Verdict::Full
            }
            Judgement::Apply => self.apply_message(message, &ranges),
        };
        let wiping = self.targets.get(&message.from).is_some_and(|inbound| !inbound.ready);
        if let (Verdict::Busy(reason), Some(trouble), true) = (&mut verdict, &self.sweep_trouble, wiping) {
            reason.push_str(trouble);
        }
        let tally = self.targets.get(&message.from).and_then(Inbound::tally);
        if let Verdict::Busy(reason) | Verdict::Stale(reason) = &mut verdict {
            tracing::debug!(from = %message.from, session = message.session, reason, "move message not applied");
        }
        self.effects.push(Effect::Ack(reply, Ack { verdict, tally }));
    }

    /// What this node's view says about the session of a message, and the ranges that it brings.
    fn session_of(&self, message: &Message) -> (Standing, Arc<RangeSet>) {
        let nothing = Arc::new(RangeSet::default());
        let Some(outlook) = &self.outlook else { return (Standing::Future, nothing) };
        if message.session > outlook.view.epoch {
            return (Standing::Future, nothing);
        }
        let me = &self.identity.name;
        let ranges = outlook.moves.iter().find(|(from, to, _)| *from == message.from && to == me);
        let source = outlook.view.nodes.get(&message.from);
        // From a node that was given up nothing is taken any more: this one may have acted since.
        let open = outlook.view.open.as_ref();
        let open =
            open.filter(|open| open.session == message.session && !open.given_up.contains(&message.from));
        match (open, ranges) {
            (Some(open), Some((_, _, ranges)))
                if self.is_member() && source.is_some_and(|node| node.id == Some(message.source_id)) =>
            {
                let switched = open.phase == Phase::Switched;
                (if switched { Standing::Switched } else { Standing::Moving }, ranges.clone())
            }
            _ => (Standing::Past, nothing),
        }
    }

    fn begin(&mut self, message: &Message, ranges: Arc<RangeSet>) -> Verdict {
        let inbound = Inbound::begin(message);
        let ready = inbound.ready;
        self.remember(&inbound);
        self.targets.insert(message.from.clone(), inbound);
        self.arrivals.insert(message.from.clone(), Arrivals::new(message.session));
        let purpose = Purpose::Wipe { from: message.from.clone(), session: message.session };
        self.sweeps
            .retain(|sweep| !matches!(&sweep.purpose, Purpose::Wipe { from, .. } if *from == message.from));
        let ranges = if holds(Rule::WipeFirst) { ranges } else { Arc::default() };
        self.sweeps.push_back(Sweep::new(purpose, ranges));
        if ready {
            return Verdict::Applied;
        }
        Verdict::Busy("wiping what is left of an earlier attempt".to_owned())
    }

    fn apply_message(&mut self, message: &Message, ranges: &Arc<RangeSet>) -> Verdict {
        let Some(mut inbound) = self.targets.get(&message.from).cloned() else {
            return Verdict::Stale("this session was not opened".to_owned());
        };
        for frame in &message.frames {
            if let Err(fault) = self.apply_frame(frame, ranges, &mut inbound) {
                // What was staged of this message is newer-wins and harmless; its number does not count.
                return Verdict::Stale(fault.to_string());
            }
        }
        if message.frames.last() == Some(&Frame::Mark) {
            inbound.count = Count::Running;
            self.effects.push(Effect::Count {
                peer: message.from.clone(),
                side: Side::Target,
                session: message.session,
                ranges: ranges.clone(),
            });
        }
        (inbound.sequence, inbound.source_boot) = (message.sequence, message.source_boot);
        if !inbound.sealed || holds(Rule::SealIsPersisted) {
            self.remember(&inbound);
        }
        let sealed = inbound.sealed;
        self.targets.insert(message.from.clone(), inbound);
        if sealed {
            self.raise_fence();
        }
        Verdict::Applied
    }

    fn apply_frame(
        &mut self,
        frame: &Frame,
        ranges: &RangeSet,
        inbound: &mut Inbound,
    ) -> Result<(), super::Fault> {
        match frame {
            Frame::Put { key, record, .. } => {
                self.note_forwarded(&inbound.from, key);
                self.import(key, record, ranges, false)?;
            }
            Frame::Delete { key, version } => {
                self.note_forwarded(&inbound.from, key);
                self.import_delete(key, *version, ranges)?;
            }
            Frame::Page { entries } => {
                for (key, record) in entries {
                    let arrivals = self.arrivals.get(&inbound.from);
                    let is_first =
                        arrivals.is_some_and(|keys| keys.is_first(inbound.session, key.position()));
                    self.import(key, record, ranges, is_first)?;
                }
                inbound.records += entries.len() as u64;
                inbound.bytes += frame.size() as u64;
            }
            // No page comes any more.
            Frame::Mark => drop(self.arrivals.remove(&inbound.from)),
            Frame::Seal => inbound.sealed = true,
            Frame::Open | Frame::Probe => {}
        }
        Ok(())
    }

    fn note_forwarded(&mut self, from: &NodeName, key: &StoreKey) {
        if let Some(arrivals) = self.arrivals.get_mut(from)
            && holds(Rule::ForwardsAreNoted)
        {
            arrivals.forwarded(key.position());
        }
    }

    /// Takes in a record unless a newer one, or a newer delete, is here already. There is neither where it `is_first`.
    fn import(
        &mut self,
        key: &StoreKey,
        encoded: &Bytes,
        ranges: &RangeSet,
        is_first: bool,
    ) -> Result<(), super::Fault> {
        let record = Record::decode(key, encoded.clone())?;
        if !ranges.contains(key.position()) {
            return Ok(());
        }
        let (present, buried) =
            if is_first { (None, None) } else { (self.staging.look(key)?, self.staging.tombstone(key)?) };
        if !is_newer(record.version, present.as_ref(), buried) {
            return Ok(());
        }
        if buried.is_some() {
            self.staging.unbury(key.clone());
        }
        self.staging.import(key.clone(), present.as_ref(), record, encoded.clone());
        self.staging.hide_where_broken(key);
        Ok(())
    }

    fn import_delete(
        &mut self,
        key: &StoreKey,
        version: Version,
        ranges: &RangeSet,
    ) -> Result<(), super::Fault> {
        if !ranges.contains(key.position())
            || !is_newer(version, self.staging.look(key)?.as_ref(), self.staging.tombstone(key)?)
        {
            return Ok(());
        }
        if holds(Rule::TombstonesStay) {
            self.staging.bury(key.clone(), version);
        }
        self.staging.sweep(key.clone())?;
        self.staging.hide_where_broken(key);
        Ok(())
    }

    pub(super) fn swept(&mut self, purpose: Purpose) {
        reached(|| format!("swept-{}", purpose.word()));
        match purpose {
            Purpose::Wipe { from, session } => {
                let inbound = self.targets.get_mut(&from).filter(|inbound| inbound.session == session);
                if let Some(inbound) = inbound {
                    inbound.ready = true;
                    let inbound = inbound.clone();
                    self.remember(&inbound);
                }
            }
            Purpose::Clean { change } => self.cleaned = Some(change),
            Purpose::Erase | Purpose::Forget => {}
        }
    }
}

/// Whether a version is newer than the record, and the delete, that are here.
fn is_newer(version: Version, present: Option<&Record>, buried: Option<Version>) -> bool {
    let here = present.map(|record| record.version).max(buried);
    here.is_none_or(|here| here < version) || !holds(Rule::NewerWins)
}
