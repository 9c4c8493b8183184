//! The one writer: a thread that runs the [core](crate::core), one batch and one sync at a time.
//!
//! It never waits for the network: what is to be sent, read or counted is handed to the [courier](crate::courier).

mod herald;
mod meter;
mod moments;
mod room;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use tokio::sync::{oneshot, watch};

use crate::core::{Command, Core, Effect, Now, Outlook};
use crate::courier::Courier;
use crate::fail_points::reached;
use crate::fence::FenceCell;
use crate::handover::message::{Ack, Frame, Message, Verdict};
use crate::node::{Operation, Refused, Write, Written};
use crate::protocol::Status;
use crate::store::engine::EngineError;

pub(crate) use self::herald::Herald;
pub(crate) use self::meter::Meter;
pub(crate) use self::room::Room;

/// Commands of one batch, so that the first of them is not kept waiting for too many others.
const BATCH_COMMANDS: usize = 4096;
/// Bytes of values of one batch.
const BATCH_BYTES: usize = 32 << 20;
/// Bytes for which there must be room when a move to this node begins: several pages.
const MOVE_BYTES: usize = 8 << 20;
/// Clients' writes that may wait; beyond it the answer is 503 at once.
const QUEUE: usize = 16_384;

/// What waits for an answer of the core.
#[derive(Debug)]
pub(crate) enum Waiter {
    Client(oneshot::Sender<Result<Written, Refused>>),
    Coordinator(oneshot::Sender<Status>),
    OldOwner(oneshot::Sender<Ack>),
}

/// What the writer shows to everyone else.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) fence: FenceCell,
    pub(crate) outlook: Mutex<Option<Arc<Outlook>>>,
    /// Why the writer ended, once it has.
    pub(crate) ended: watch::Sender<Option<String>>,
    queued: AtomicUsize,
    pub(crate) meter: Meter,
}

/// A command, or `None` to end: the courier holds an entrance too, so the queue never closes by itself.
type Job = Option<Command<Waiter>>;

/// The entrance to the writer's queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    sender: Sender<Job>,
    shared: Arc<Shared>,
}

/// Looks at the free bytes of the disk, if that can be known.
pub(crate) type FreeBytes = Box<dyn Fn() -> Option<u64> + Send>;

impl Shared {
    pub(crate) fn new(fence: FenceCell) -> Self {
        Self {
            fence,
            outlook: Mutex::new(None),
            ended: watch::Sender::new(None),
            queued: AtomicUsize::new(0),
            meter: Meter::default(),
        }
    }

    /// Clients' writes that wait for the writer.
    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    pub(crate) fn outlook(&self) -> Option<Arc<Outlook>> {
        self.outlook.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Queue {
    pub(crate) fn new(shared: Arc<Shared>) -> (Self, Receiver<Job>) {
        let (sender, receiver) = channel();
        (Self { sender, shared }, receiver)
    }

    /// How many of clients' writes were committed so far.
    pub(crate) fn writes(&self) -> u64 {
        self.shared.meter.writes()
    }

    /// Queues a command of the node itself, or of another node: their number is bounded by their senders.
    pub(crate) fn push(&self, command: Command<Waiter>) {
        // The writer is gone only when the node is stopping; whoever waits sees its channel close.
        let _ = self.sender.send(Some(command));
    }

    /// Lets the writer end after what is queued.
    pub(crate) fn stop(&self) {
        let _ = self.sender.send(None);
    }

    /// Queues a client's write, unless too many wait already.
    pub(crate) fn push_write(&self, command: Command<Waiter>) -> Result<(), Refused> {
        if self.shared.queued.fetch_add(1, Ordering::Relaxed) >= QUEUE {
            self.shared.queued.fetch_sub(1, Ordering::Relaxed);
            return Err(Refused::Overloaded);
        }
        self.push(command);
        Ok(())
    }
}

/// The writer's thread: runs until it is told to stop or the engine fails.
pub(crate) struct Writer {
    pub(crate) core: Core<Waiter>,
    pub(crate) commands: Receiver<Job>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) courier: Courier,
    pub(crate) herald: Herald,
    pub(crate) room: Room,
}

impl Writer {
    /// Runs to the end; says in [`Shared::ended`] how it ended.
    pub(crate) fn run(mut self) {
        let end = match self.work() {
            Ok(()) => "the node was stopped".to_owned(),
            Err(error) => {
                // What is on disk is unknown now, and a second sync would not tell: nothing may be answered.
                tracing::error!(%error, "the storage engine failed: this node stops");
                error.to_string()
            }
        };
        self.shared.ended.send_replace(Some(end));
    }

    fn work(&mut self) -> Result<(), EngineError> {
        let start = Instant::now();
        let mut batch = Vec::new();
        loop {
            let moments = moments::of(&batch, self.core.name());
            self.room.look();
            for command in batch.drain(..) {
                if let Some(command) = self.let_in(command) {
                    self.core.handle(command, now(start))?;
                }
            }
            moments.iter().for_each(|moment| reached(|| format!("{moment}.taken")));
            let effects = self.commit(start)?;
            moments.iter().for_each(|moment| reached(|| format!("{moment}.synced")));
            self.perform(effects);
            if !self.gather(&mut batch, start) {
                return Ok(());
            }
        }
    }

    /// Applies and syncs a batch, and counts the clients' writes in it. What was refused, or changed nothing, is none.
    fn commit(&mut self, start: Instant) -> Result<Vec<Effect<Waiter>>, EngineError> {
        let begun = Instant::now();
        let effects = self.core.commit(now(start))?;
        let writes = effects.iter().filter(|effect| is_write(effect)).count();
        if writes > 0 {
            self.shared.meter.count(writes, begun.elapsed());
        }
        self.shared.meter.see_free(self.room.free());
        Ok(effects)
    }

    /// Tells the core whether there is room for a command. Answers by itself what the core would take on even on a full
    /// disk: a delete for which there is no room at all, and the beginning of a move. Once a move has begun, clients'
    /// writes come here first, so it must not begin where they would be refused.
    fn let_in(&mut self, command: Command<Waiter>) -> Option<Command<Waiter>> {
        match command {
            Command::Write(Write { operation: Operation::Delete, .. }, _, Waiter::Client(client))
                if !self.room.deletes() =>
            {
                let _ = client.send(Err(Refused::DiskFull));
                None
            }
            Command::Message(Message { ref frames, .. }, Waiter::OldOwner(old_owner))
                if *frames == [Frame::Open] && !self.room.takes(MOVE_BYTES) =>
            {
                let _ = old_owner.send(Ack { verdict: Verdict::Full, tally: None });
                None
            }
            Command::Write(Write { operation: Operation::Delete, .. }, ..) => Some(command),
            Command::Write(ref write, ..) => {
                let full = !self.room.takes(size(write));
                self.core.set_disk_full(full);
                Some(command)
            }
            Command::Message(ref message, _) => {
                let full = !self.room.takes(message.frames.iter().map(Frame::size).sum());
                self.core.set_disk_full(full);
                Some(command)
            }
            other => Some(other),
        }
    }

    /// Waits for the next command, or for the time that the core asked for, and takes all that is waiting; whether
    /// to go on.
    fn gather(&self, batch: &mut Vec<Command<Waiter>>, start: Instant) -> bool {
        let first = match self.core.wake_at() {
            None => self.commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => self.commands.recv_timeout(at.saturating_sub(start.elapsed())),
        };
        let mut next = match first {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        let mut bytes = 0;
        loop {
            let Some(command) = next else { return false };
            self.take(command, batch, &mut bytes);
            if batch.len() >= BATCH_COMMANDS || bytes >= BATCH_BYTES {
                return true;
            }
            next = match self.commands.try_recv() {
                Ok(job) => job,
                Err(_) => return true,
            };
        }
    }

    fn take(&self, command: Command<Waiter>, batch: &mut Vec<Command<Waiter>>, bytes: &mut usize) {
        if let Command::Write(write, ..) = &command {
            self.shared.queued.fetch_sub(1, Ordering::Relaxed);
            *bytes += size(write);
        }
        batch.push(command);
    }

    fn perform(&mut self, effects: Vec<Effect<Waiter>>) {
        let mut answers = Vec::with_capacity(effects.len());
        for effect in effects {
            match effect {
                Effect::Fence(fence) => {
                    *self.shared.outlook.lock().unwrap_or_else(PoisonError::into_inner) =
                        self.core.outlook().cloned();
                    self.shared.fence.publish(fence);
                }
                Effect::Written(Waiter::Client(client), answer) => {
                    if matches!(answer, Ok(Written::Replaced(_) | Written::Deleted)) {
                        self.room.frees();
                    }
                    answers.push((client, answer));
                }
                Effect::Status(Waiter::Coordinator(coordinator), status) => {
                    let _ = coordinator.send(*status);
                }
                Effect::Ack(Waiter::OldOwner(old_owner), ack) => {
                    let _ = old_owner.send(ack);
                }
                Effect::Written(..) | Effect::Status(..) | Effect::Ack(..) => {
                    tracing::error!("an answer has no one to go to");
                }
                Effect::Send { to, url, message } => {
                    reached(|| format!("source.send-{}", message.word()));
                    self.courier.send(to, url, message);
                }
                Effect::Read { to, session, ranges, after, limit } => {
                    self.courier.read(to, session, ranges, (after, limit));
                }
                Effect::Count { peer, side, session, ranges } => {
                    self.courier.count(peer, side, session, ranges);
                }
            }
        }
        self.herald.tell(answers);
    }
}

fn is_write(effect: &Effect<Waiter>) -> bool {
    let changed =
        |written: &Written| matches!(written, Written::Created(_) | Written::Replaced(_) | Written::Deleted);
    matches!(effect, Effect::Written(_, Ok(written)) if changed(written))
}

fn size(write: &Write) -> usize {
    write.key.len()
        + match &write.operation {
            Operation::Put { value, .. } => value.len(),
            Operation::Delete => 0,
        }
}

fn now(start: Instant) -> Now {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Now { steady: start.elapsed(), wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Version;

    #[test]
    fn only_what_changed_a_record_counts_as_a_write() {
        let counts = |answer| is_write(&Effect::Written(Waiter::Client(oneshot::channel().0), answer));
        let version = Version::default();
        assert!(
            [Written::Created(version), Written::Replaced(version), Written::Deleted]
                .map(Ok)
                .map(counts)
                .iter()
                .all(|is| *is)
        );
        let without_effect = [Ok(Written::Absent), Ok(Written::PreconditionFailed), Err(Refused::DiskFull)];
        assert!(!without_effect.map(counts).iter().any(|is| *is));
    }
}
