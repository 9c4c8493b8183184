//! The deciding part of a node: everything that must be ordered against writes, as one deterministic machine.
//!
//! It is told what arrived ([`Command`]) and what time it is ([`Now`]), stages changes, and at each
//! [`Core::commit`] puts them on disk with one sync and gives out what may happen because of that
//! ([`Effect`]): nothing leaves the node before what it rests on is durable. One thread runs it; tests run it
//! with an engine in memory and a clock of their own.
//!
//! - `staging`: the changes of the next commit;
//! - `writes`: clients' writes;
//! - `views`: taking in a view, and what this node has to do under it;
//! - `moves`: both sides of handing ranges over;
//! - `arrivals`: which keys clients' writes have brought to a new owner;
//! - `sweep`: deleting ranges in small bites;
//! - [`outlook`]: what follows from a view.

mod arrivals;
mod moves;
pub mod outlook;
mod staging;
mod sweep;
mod views;
mod writes;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hashring::view::Tally;
use hashring::{Id, NodeName, RangeSet, Ring};

use self::arrivals::Arrivals;
pub use self::outlook::Outlook;
pub use self::staging::Fault;
use self::staging::Staging;
use self::sweep::Sweep;
use crate::fence::Fence;
use crate::handover::message::{Ack, Message};
use crate::handover::source::Source;
use crate::handover::target::Inbound;
use crate::node::{Refused, Route, Write, Written};
use crate::protocol::{Side, Status};
use crate::store::cache::ReadCache;
use crate::store::engine::{Engine, EngineError, Limit};
use crate::store::record::StoreKey;

/// How long a deletion that failed rests before it is tried again.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// What time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Since some fixed moment; never goes back.
    pub steady: Duration,
    /// Milliseconds since 1970, informational.
    pub wall_ms: u64,
}

/// Who this process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The chosen name.
    pub name: NodeName,
    /// The data folder.
    pub id: Id,
    /// This start.
    pub boot: Id,
    /// It is to join a cluster: until it has, it serves nothing. Otherwise it stands alone and serves every key.
    pub joins: bool,
}

/// Something that arrived. `T` is what its sender waits on.
#[derive(Debug)]
pub enum Command<T> {
    /// A client's write.
    Write(Write, Route, T),
    /// The coordinator asks, and may bring a view.
    Beat(Box<BeatIn>, T),
    /// The old owner of ranges that come here sends its next message.
    Message(Message, T),
    /// What became of a message to this new owner.
    Answered {
        /// The new owner.
        to: NodeName,
        /// The session of the message.
        session: u64,
        /// Its number.
        sequence: u64,
        /// The answer, or why there is none.
        result: Result<Ack, String>,
    },
    /// A page was read for this new owner, or could not be.
    Page {
        /// The new owner.
        to: NodeName,
        /// The session.
        session: u64,
        /// Key and encoded record, and whether nothing lies behind them; or why they cannot be read.
        read: Result<(Vec<(StoreKey, Bytes)>, bool), String>,
    },
    /// A count that a mark asked for is done.
    Counted {
        /// The other node.
        peer: NodeName,
        /// Which side this node is on.
        side: Side,
        /// The session.
        session: u64,
        /// What was counted, or why it could not be.
        tally: Result<Tally, String>,
    },
}

/// A beat, with its view worked out.
#[derive(Debug)]
pub struct BeatIn {
    /// The cluster that asks.
    pub cluster: Id,
    /// Whom it believes it asks.
    pub expect: Option<Id>,
    /// The view it brings.
    pub outlook: Option<Outlook>,
    /// Erase this folder, if the node is not a member any more.
    pub erase: bool,
}

/// Something that may happen now.
#[derive(Debug)]
pub enum Effect<T> {
    /// Readers see this fence from now on. Always before the others.
    Fence(Arc<Fence>),
    /// Answer a client.
    Written(T, Result<Written, Refused>),
    /// Answer the coordinator.
    Status(T, Box<Status>),
    /// Answer the old owner.
    Ack(T, Ack),
    /// Send to the new owner; report with [`Command::Answered`].
    Send {
        /// To whom.
        to: NodeName,
        /// Where it listens.
        url: String,
        /// What.
        message: Message,
    },
    /// Read records of these ranges behind `after`, as they are now or later; report with [`Command::Page`].
    Read {
        /// For whom.
        to: NodeName,
        /// In which session.
        session: u64,
        /// What moves.
        ranges: Arc<RangeSet>,
        /// The last key of the page before.
        after: Option<StoreKey>,
        /// How much one page may hold.
        limit: Limit,
    },
    /// Count the records of these ranges as they are at this moment; report with [`Command::Counted`].
    Count {
        /// The other node.
        peer: NodeName,
        /// Which side this node is on.
        side: Side,
        /// In which session.
        session: u64,
        /// What moves.
        ranges: Arc<RangeSet>,
    },
}

/// The deciding part of a node.
#[derive(Debug)]
pub struct Core<T> {
    identity: Identity,
    known_boots: Vec<Id>,
    staging: Staging,
    outlook: Option<Arc<Outlook>>,
    fence: Arc<Fence>,
    published: Option<Arc<Fence>>,
    grant: u64,
    counter: u64,
    sources: BTreeMap<NodeName, Source<T>>,
    /// The ring after the open change, while this node is an old owner in it.
    after: Option<Arc<Ring>>,
    targets: BTreeMap<NodeName, Inbound>,
    /// Of those that this process began.
    arrivals: BTreeMap<NodeName, Arrivals>,
    sweeps: VecDeque<Sweep>,
    /// When the next bite may be taken.
    sweep_at: Duration,
    sweep_trouble: Option<String>,
    /// Clients' writes that the sources were not told of, and all reads that they were.
    writes: u64,
    reads: u64,
    /// A client has written since the last bite.
    clients_write: bool,
    cleaned: Option<u64>,
    disk_full: bool,
    effects: Vec<Effect<T>>,
}

impl<T> Core<T> {
    /// Takes up what the folder remembers, as a new process. Nothing is served before the first commit.
    ///
    /// # Errors
    /// [`Fault`] where the engine cannot be read or a note of the node itself is damaged.
    pub fn open(engine: Arc<dyn Engine>, cache: Arc<ReadCache>, identity: Identity) -> Result<Self, Fault> {
        let first = if identity.joins { Fence::expectant } else { Fence::alone };
        let fence = Arc::new(first(identity.id, identity.boot));
        let mut core = Self {
            known_boots: Vec::new(),
            staging: Staging::new(engine, cache)?,
            outlook: None,
            fence,
            published: None,
            grant: 0,
            counter: 0,
            sources: BTreeMap::new(),
            after: None,
            targets: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            sweeps: VecDeque::new(),
            sweep_at: Duration::ZERO,
            sweep_trouble: None,
            writes: 0,
            reads: 0,
            clients_write: false,
            cleaned: None,
            disk_full: false,
            effects: Vec::new(),
            identity,
        };
        core.recall()?;
        Ok(core)
    }

    /// Takes in one command; what follows from it appears at the next [`Core::commit`].
    ///
    /// # Errors
    /// [`EngineError`]: the node must stop.
    pub fn handle(&mut self, command: Command<T>, now: Now) -> Result<(), EngineError> {
        match command {
            Command::Write(write, route, reply) => {
                self.clients_write = true;
                self.writes += 1;
                self.write(write, &route, reply, now)
            }
            Command::Beat(beat, reply) => self.beat(*beat, reply, now),
            Command::Message(message, reply) => {
                self.take_message(&message, reply);
                Ok(())
            }
            Command::Answered { to, session, sequence, result } => {
                self.take_answer(&to, session, sequence, result, now)
            }
            Command::Page { to, session, read } => self.take_page(&to, session, read, now),
            Command::Counted { peer, side, session, tally } => {
                self.take_count(&peer, side, session, tally, now)
            }
        }
    }

    /// Does what time and earlier events have made due, syncs everything staged, and gives out the effects.
    ///
    /// # Errors
    /// [`EngineError`]: the node must stop; none of the effects may happen.
    pub fn commit(&mut self, now: Now) -> Result<Vec<Effect<T>>, EngineError> {
        self.sweep_on(now);
        self.move_on(now)?;
        self.staging.commit()?;
        self.sweeps.iter_mut().for_each(Sweep::let_begin);
        let mut effects = Vec::with_capacity(self.effects.len() + 1);
        if !self.published.as_ref().is_some_and(|published| Arc::ptr_eq(published, &self.fence)) {
            self.published = Some(self.fence.clone());
            effects.push(Effect::Fence(self.fence.clone()));
        }
        effects.append(&mut self.effects);
        Ok(effects)
    }

    /// When [`Core::commit`] may have something to do although nothing arrives.
    #[must_use]
    pub fn wake_at(&self) -> Option<Duration> {
        let sweeping = (!self.sweeps.is_empty()).then_some(self.sweep_at);
        self.sources.values().filter_map(Source::wake_at).chain(sweeping).min()
    }

    /// Refuses new values while the disk is (nearly) full; deletes and reads go on.
    pub fn set_disk_full(&mut self, full: bool) {
        self.disk_full = full;
    }

    /// This node's name.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.identity.name
    }

    /// What the node may serve once the last commit is done.
    #[must_use]
    pub fn fence(&self) -> &Arc<Fence> {
        &self.fence
    }

    /// The view that the node acts on.
    #[must_use]
    pub fn outlook(&self) -> Option<&Arc<Outlook>> {
        self.outlook.as_ref()
    }

    fn sweep_on(&mut self, now: Now) {
        let Some(sweep) =
            self.sweeps.front_mut().filter(|sweep| self.sweep_at <= now.steady && sweep.may_begin())
        else {
            return;
        };
        let clients_wait = std::mem::take(&mut self.clients_write);
        if clients_wait {
            self.sweep_at = now.steady + sweep::REST;
        }
        match sweep.bite(&mut self.staging, &self.fence, clients_wait) {
            Ok(finished) => {
                self.sweep_trouble = None;
                if finished && let Some(done) = self.sweeps.pop_front() {
                    self.swept(done.purpose);
                }
            }
            // Whatever else this node holds can be read, perhaps: it serves that, and tries again.
            Err(fault) => {
                tracing::error!(purpose = ?sweep.purpose, %fault, "cannot delete ranges");
                // Others behind it must not wait for it.
                self.sweeps.rotate_left(1);
                self.sweep_at = now.steady + SWEEP_PAUSE;
                self.sweep_trouble = Some(format!(", which fails: {fault}"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
