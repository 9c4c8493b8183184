//! The old owner's side of one move: promise, copy, check, seal.
//!
//! Pure: it is told what happened and what time it is, and says what to send and what to read. From the promise
//! on, every write to the moved ranges goes to the new owner first; its key stays locked until the new owner has
//! it on disk and the old one applies it too. Writes to other keys never wait.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hashring::view::Tally;
use hashring::{Id, NodeName, RangeSet};

use super::message::{Ack, Frame, Message, Verdict};
use super::pace::Pace;
use crate::node::{Write, Written};
use crate::protocol::{MoveState, MoveStatus, Sequel, Side};
use crate::rules::{Rule, holds};
use crate::store::engine::Limit;
use crate::store::ranges::PAGE;
use crate::store::record::{Record, StoreKey};
use crate::version::Version;

/// A message takes forwarded writes until it is about this large: one commit and one sync at the new owner.
const MESSAGE_BYTES: usize = 1 << 20;
/// Before it is caught up, the old owner ends the session by itself when the new one has been silent for this long.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause before a message is sent again after a failure.
const RESEND: Duration = Duration::from_millis(25);
/// Pause before a message is sent again when the receiver was busy, and between probes.
const PROBE: Duration = Duration::from_millis(10);

/// A client's write under way to the new owner.
#[derive(Debug)]
pub struct Forward<T> {
    /// Its key.
    pub key: StoreKey,
    /// The record to store with its encoded form, or `None` to delete.
    pub change: Option<(Record, Bytes)>,
    /// The version that it was given.
    pub version: Version,
    /// What the client is told when both sides have it.
    pub outcome: Written,
    /// To whom.
    pub reply: T,
}

/// Who is on which side, and what moves.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The change that it belongs to.
    pub change: u64,
    /// The epoch that decided this attempt.
    pub session: u64,
    /// The old owner.
    pub from: NodeName,
    /// Its folder and process.
    pub source: (Id, Id),
    /// The new owner.
    pub to: NodeName,
    /// Its folder.
    pub target_id: Id,
    /// What moves.
    pub ranges: Arc<RangeSet>,
}

/// What the source wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this; report the answer with [`Source::answered`].
    Send(Message),
    /// Read a page of records after this key, from a state not older than now; report with [`Source::read`].
    Read(Option<StoreKey>),
}

/// The old owner's side of one move. `T` is what a client waits on.
#[derive(Debug)]
pub struct Source<T> {
    terms: Terms,
    stage: Stage,
    sequence: u64,
    in_flight: Option<InFlight<T>>,
    outbox: VecDeque<Forward<T>>,
    /// Keys with a write under way, and what waits for them.
    locks: HashMap<StoreKey, VecDeque<(Write, T)>>,
    copy: Copying,
    tallies: (Option<Tally>, Option<Tally>),
    trouble: Option<String>,
    /// The last answer was that there is no room.
    full: bool,
    paused: bool,
    rate: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Opening,
    Copying,
    Checking,
    CaughtUp,
    Sealing { since: Duration },
    Sealed { hold: Duration },
    Void { reason: String, sequel: Sequel },
}

#[derive(Debug)]
struct InFlight<T> {
    message: Message,
    forwards: Vec<Forward<T>>,
    first_sent: Duration,
    /// When to send it again; `None` while an answer is awaited.
    resend: Option<Duration>,
}

#[derive(Debug, Default)]
struct Copying {
    /// The last key read.
    cursor: Option<StoreKey>,
    reading: bool,
    read_all: bool,
    page: Option<Vec<(StoreKey, Bytes)>>,
    pace: Pace,
    /// Clients' requests since the last page.
    requests: u64,
    /// The earliest time for the next page.
    next_page: Duration,
    next_probe: Duration,
    records: u64,
    bytes: u64,
}

impl<T> Source<T> {
    /// A move that begins: the new owner is asked to make itself ready.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self::at(terms, Stage::Opening)
    }

    /// A move whose switch was decided while this node was down: nothing is under way, only the seal is missing.
    #[must_use]
    pub fn after_restart(terms: Terms, now: Duration) -> Self {
        Self::at(terms, Stage::Sealing { since: now })
    }

    fn at(terms: Terms, stage: Stage) -> Self {
        Self {
            terms,
            stage,
            sequence: 0,
            in_flight: None,
            outbox: VecDeque::new(),
            locks: HashMap::new(),
            copy: Copying::default(),
            tallies: (None, None),
            trouble: None,
            full: false,
            paused: false,
            rate: None,
        }
    }

    /// What was agreed.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Whether writes to the moved ranges go to the new owner first.
    #[must_use]
    pub fn is_promised(&self) -> bool {
        matches!(self.stage, Stage::Copying | Stage::Checking | Stage::CaughtUp | Stage::Sealing { .. })
    }

    /// Whether a write of this key is under way.
    #[must_use]
    pub fn is_locked(&self, key: &StoreKey) -> bool {
        self.locks.contains_key(key)
    }

    /// Lets a write wait until its key is free.
    pub fn wait(&mut self, key: &StoreKey, write: Write, reply: T) {
        self.locks.entry(key.clone()).or_default().push_back((write, reply));
    }

    /// Takes a decided write on its way; its key is locked until [`Source::unlock`].
    pub fn forward(&mut self, forward: Forward<T>) {
        self.locks.entry(forward.key.clone()).or_default();
        self.outbox.push_back(forward);
    }

    /// Frees a key; gives what waited for it, in order.
    pub fn unlock(&mut self, key: &StoreKey) -> VecDeque<(Write, T)> {
        self.locks.remove(key).unwrap_or_default()
    }

    /// So many requests of clients came here: the copy gives way to them.
    pub fn give_way(&mut self, requests: u64) {
        self.copy.requests += requests;
    }

    /// Sets what the operator may change at any time.
    pub fn tune(&mut self, paused: bool, rate: Option<u64>) {
        self.paused = paused;
        self.rate = rate;
    }

    /// How much one page may hold: under a rate limit, no more than a quarter of a second allows.
    #[must_use]
    pub fn page_limit(&self) -> Limit {
        let quarter = self.rate.map_or(usize::MAX, |rate| usize::try_from(rate / 4).unwrap_or(usize::MAX));
        Limit { bytes: self.copy.pace.bytes().min(quarter.max(1)), ..PAGE }
    }

    /// The new ring serves: no new write is taken; what is under way is finished, then the seal follows.
    ///
    /// Only a session that is caught up can be sealed. Whatever else a view may say, the new owner would lack
    /// writes: then it never hears of a seal and never acts, which is safe and visible.
    pub fn seal(&mut self, now: Duration) {
        match self.stage {
            Stage::CaughtUp => self.stage = Stage::Sealing { since: now },
            Stage::Sealing { .. } | Stage::Sealed { .. } => {}
            _ => self.trouble = Some("the ring was switched before this move was caught up".to_owned()),
        }
    }

    /// What to do next; asked until it says nothing more.
    pub fn next(&mut self, now: Duration) -> Option<Step> {
        if let Some(step) = self.next_message(now) {
            return Some(step);
        }
        let promised =
            self.stage == Stage::Copying || (self.stage == Stage::Opening && !holds(Rule::PagesAfterPromise));
        let wants_page =
            promised && !(self.paused || self.copy.reading || self.copy.read_all || self.copy.page.is_some());
        wants_page.then(|| {
            self.copy.reading = true;
            Step::Read(self.copy.cursor.clone())
        })
    }

    /// When [`Source::next`] may have more to say without anything happening.
    #[must_use]
    pub fn wake_at(&self) -> Option<Duration> {
        if let Some(in_flight) = &self.in_flight {
            let patience = self.may_give_up().then_some(in_flight.first_sent + PATIENCE);
            return in_flight.resend.into_iter().chain(patience).min();
        }
        match self.stage {
            Stage::Copying if self.copy.page.is_some() && !self.paused => Some(self.copy.next_page),
            Stage::Checking if self.tallies.1.is_none() => Some(self.copy.next_probe),
            _ => None,
        }
    }

    fn next_message(&mut self, now: Duration) -> Option<Step> {
        if let Some(in_flight) = &mut self.in_flight {
            let due = in_flight.resend.is_some_and(|at| at <= now);
            return due.then(|| {
                in_flight.resend = None;
                Step::Send(in_flight.message.clone())
            });
        }
        let mut frames = Vec::new();
        let mut forwards = Vec::new();
        if self.stage == Stage::Opening {
            frames.push(Frame::Open);
        } else if self.is_promised() {
            let mut size = 0;
            while size < MESSAGE_BYTES
                && let Some(forward) = self.outbox.pop_front()
            {
                let frame = forward.frame();
                size += frame.size();
                frames.push(frame);
                forwards.push(forward);
            }
            self.add_progress(&mut frames, now);
        }
        if frames.is_empty() {
            return None;
        }
        self.sequence += 1;
        let message = Message {
            session: self.terms.session,
            sequence: self.sequence,
            from: self.terms.from.clone(),
            source_id: self.terms.source.0,
            source_boot: self.terms.source.1,
            frames,
        };
        self.in_flight = Some(InFlight { message: message.clone(), forwards, first_sent: now, resend: None });
        Some(Step::Send(message))
    }

    fn add_progress(&mut self, frames: &mut Vec<Frame>, now: Duration) {
        match self.stage {
            Stage::Copying if self.copy.page.is_some() && self.copy.next_page <= now && !self.paused => {
                if let Some(entries) = self.copy.page.take() {
                    let page = Frame::Page { entries };
                    if let Some(rate) = self.rate {
                        let pause = Duration::from_secs_f64(page.size() as f64 / rate.max(1) as f64);
                        self.copy.next_page = now + pause;
                    }
                    frames.push(page);
                }
            }
            // One message is in flight at a time, so every page was acknowledged by now.
            Stage::Copying if self.copy.read_all && self.copy.page.is_none() => {
                self.stage = Stage::Checking;
                frames.push(Frame::Mark);
            }
            Stage::Checking
                if self.tallies.1.is_none() && frames.is_empty() && self.copy.next_probe <= now =>
            {
                self.copy.next_probe = now + PROBE;
                frames.push(Frame::Probe);
            }
            Stage::Sealing { .. } if self.outbox.is_empty() => frames.push(Frame::Seal),
            _ => {}
        }
    }

    /// The answer to a message, or why there is none. Gives the writes to apply here now, and whether both
    /// sides are to count: here, from the state right after these writes.
    pub fn answered(
        &mut self,
        sequence: u64,
        result: Result<Ack, String>,
        now: Duration,
    ) -> (Vec<Forward<T>>, bool) {
        let bound = self.is_bound();
        let Some(in_flight) = self.in_flight.as_mut().filter(|one| one.message.sequence == sequence) else {
            return (Vec::new(), false);
        };
        self.full = matches!(result, Ok(Ack { verdict: Verdict::Full, .. }));
        match result {
            Err(error) => {
                in_flight.resend = Some(now + RESEND);
                self.trouble = Some(format!("{} does not answer: {error}", self.terms.to));
            }
            Ok(Ack { verdict: Verdict::Busy(reason), .. }) => {
                in_flight.resend = Some(now + PROBE);
                self.trouble = Some(format!("{}: {reason}", self.terms.to));
            }
            Ok(Ack { verdict: Verdict::Full, .. }) => {
                in_flight.resend = Some(now + PROBE);
                self.trouble = Some(format!("the disk of {} is full", self.terms.to));
            }
            Ok(Ack { verdict: Verdict::Stale(reason), .. }) if bound => {
                // Only a newer view can free this side; it is on its way.
                in_flight.resend = Some(now + RESEND);
                self.trouble = Some(format!("{} refuses: {reason}", self.terms.to));
            }
            Ok(Ack { verdict: Verdict::Stale(reason), .. }) => {
                return (self.void(format!("{} refuses: {reason}", self.terms.to), Sequel::Again), false);
            }
            Ok(Ack { verdict: Verdict::Applied, tally }) => return self.applied(tally, now),
        }
        (Vec::new(), false)
    }

    fn applied(&mut self, tally: Option<Tally>, now: Duration) -> (Vec<Forward<T>>, bool) {
        let Some(in_flight) = self.in_flight.take() else { return (Vec::new(), false) };
        self.trouble = None;
        let mut count = false;
        for frame in &in_flight.message.frames {
            match frame {
                Frame::Open => self.stage = Stage::Copying,
                Frame::Page { entries } => {
                    self.copy.records += entries.len() as u64;
                    self.copy.bytes += frame.size() as u64;
                    let took = now.saturating_sub(in_flight.first_sent);
                    let requests = std::mem::take(&mut self.copy.requests);
                    let rest = self.copy.pace.took(frame.size(), took, requests);
                    self.copy.next_page = self.copy.next_page.max(now + rest);
                }
                Frame::Mark => {
                    count = true;
                    self.copy.next_probe = now + PROBE;
                }
                Frame::Seal => {
                    if let Stage::Sealing { since } = self.stage {
                        self.stage = Stage::Sealed { hold: now.saturating_sub(since) };
                    }
                }
                Frame::Put { .. } | Frame::Delete { .. } | Frame::Probe => {}
            }
        }
        if self.stage == Stage::Checking && !count && tally.is_some() {
            self.tallies.1 = tally;
        }
        (in_flight.forwards, count)
    }

    /// A page was read; `last` when nothing lies behind it.
    pub fn read(&mut self, entries: Vec<(StoreKey, Bytes)>, last: bool) {
        self.copy.reading = false;
        if self.stage != Stage::Copying && holds(Rule::PagesAfterPromise) {
            return;
        }
        self.copy.read_all = last;
        if let Some((key, _)) = entries.last() {
            self.copy.cursor = Some(key.clone());
            self.copy.page = Some(entries);
        }
    }

    /// This side has counted.
    pub fn counted(&mut self, tally: Tally) {
        if self.stage == Stage::Checking {
            self.tallies.0 = Some(tally);
        }
    }

    /// Compares the counts once both are there, and ends a session that cannot go on. Gives the writes that are
    /// to be applied here alone, because the session is void.
    pub fn judge(&mut self, now: Duration) -> Vec<Forward<T>> {
        if self.stage == Stage::Checking
            && let (Some(here), Some(there)) = self.tallies
        {
            if here == there {
                self.stage = Stage::CaughtUp;
            } else {
                let reason = format!(
                    "{} counted {} records, {} bytes, {} has {} records, {} bytes, or they differ in content",
                    self.terms.from, here.records, here.bytes, self.terms.to, there.records, there.bytes
                );
                return self.void(reason, Sequel::Doubt);
            }
        }
        let waits_too_long =
            self.may_give_up() && self.in_flight.as_ref().is_some_and(|one| one.first_sent + PATIENCE <= now);
        if waits_too_long {
            let trouble = self.trouble.take().unwrap_or_else(|| format!("{} is silent", self.terms.to));
            // Wiped and copied anew, it would be full again.
            let sequel = if self.full { Sequel::Person } else { Sequel::Again };
            return self.void(trouble, sequel);
        }
        Vec::new()
    }

    /// Ends the session without effect: the writes on their way are to be applied here alone.
    pub fn void(&mut self, reason: String, sequel: Sequel) -> Vec<Forward<T>> {
        self.stage = Stage::Void { reason, sequel };
        let in_flight = self.in_flight.take().map(|one| one.forwards).unwrap_or_default();
        in_flight.into_iter().chain(self.outbox.drain(..)).collect()
    }

    /// Whether silence of the new owner ends the session. Opening holds up nobody: it may take as long as the
    /// wipe does.
    fn may_give_up(&self) -> bool {
        self.is_promised() && !self.is_bound()
    }

    /// The writes that were not sent yet, as if they need not be.
    #[cfg(feature = "mutants")]
    pub fn abandon(&mut self) -> Vec<Forward<T>> {
        self.outbox.drain(..).collect()
    }

    /// Whether this side has sent all that it had, and its seal as the last of it.
    #[must_use]
    pub fn has_sent_seal(&self) -> bool {
        let sealing = matches!(self.stage, Stage::Sealing { .. }) && self.outbox.is_empty();
        sealing
            && self.in_flight.as_ref().is_some_and(|sent| sent.message.frames.last() == Some(&Frame::Seal))
    }

    /// Whether only a newer view may end the session.
    fn is_bound(&self) -> bool {
        match self.stage {
            Stage::CaughtUp => holds(Rule::NoDropOnceCaughtUp),
            Stage::Sealing { .. } => holds(Rule::NoTimerFrees),
            Stage::Sealed { .. } => true,
            Stage::Opening | Stage::Copying | Stage::Checking | Stage::Void { .. } => false,
        }
    }

    /// Whether this session ended without effect.
    #[must_use]
    pub fn is_void(&self) -> bool {
        matches!(self.stage, Stage::Void { .. })
    }

    /// For the coordinator.
    #[must_use]
    pub fn status(&self) -> MoveStatus {
        let state = match &self.stage {
            Stage::Opening => MoveState::Opening,
            Stage::Copying => MoveState::Copying,
            Stage::Checking => MoveState::Checking,
            Stage::CaughtUp => MoveState::CaughtUp {
                source: self.tallies.0.unwrap_or_default(),
                target: self.tallies.1.unwrap_or_default(),
                boot: self.terms.source.1,
                target_id: self.terms.target_id,
            },
            Stage::Sealing { .. } => MoveState::Sealing,
            Stage::Sealed { hold } => {
                MoveState::Sealed { hold_us: u64::try_from(hold.as_micros()).unwrap_or(u64::MAX) }
            }
            Stage::Void { reason, sequel } => MoveState::Void { reason: reason.clone(), sequel: *sequel },
        };
        MoveStatus {
            session: self.terms.session,
            peer: self.terms.to.clone(),
            side: Side::Source,
            state,
            records: self.copy.records,
            bytes: self.copy.bytes,
            total: None,
            trouble: self.trouble.clone(),
        }
    }
}

impl<T> Forward<T> {
    fn frame(&self) -> Frame {
        match &self.change {
            Some((_, encoded)) => {
                Frame::Put { key: self.key.clone(), record: encoded.clone(), version: self.version }
            }
            None => Frame::Delete { key: self.key.clone(), version: self.version },
        }
    }
}

#[cfg(test)]
mod tests;
