//! One node: a disk that outlives its process, and the process.

use std::sync::Arc;
use std::time::Duration;

use hashring::{Id, NodeName};
use kvnode::core::{Command, Core, Effect, Identity, Now};
use kvnode::fence::Fence;
use kvnode::node::{Refused, Route};
use kvnode::rules::{Rule, holds};
use kvnode::store::cache::ReadCache;
use kvnode::store::engine::memory::{Lost, MemoryEngine};
use kvnode::store::engine::{Engine, Source, Space};
use kvnode::store::record::{Record, StoreKey};

/// Who waits for an answer of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiter {
    /// This client's present operation.
    Client(usize, u64),
    /// The coordinator of this life.
    Coordinator(u64),
    /// The old owner of ranges, in this life, with this message.
    OldOwner {
        /// Its name.
        from: NodeName,
        /// Its process.
        boot: Id,
        /// The session of the message.
        session: u64,
        /// The number of the message.
        sequence: u64,
    },
}

/// A node's disk, and its process while it runs.
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// The identity of its folder.
    pub id: Id,
    /// What survives a crash.
    pub disk: MemoryEngine,
    /// How often it was started.
    pub starts: u64,
    /// The process.
    pub running: Option<Running>,
    /// It is stopped (as by SIGSTOP) until then.
    pub frozen_until: Duration,
    /// Its disk is gone, or seems to be: it is not started.
    pub lost: bool,
}

/// A node's process.
pub struct Running {
    /// This start.
    pub boot: Id,
    core: Core<Waiter>,
    cache: Arc<ReadCache>,
    fence: Option<Arc<Fence>>,
    /// Counts the fences.
    generation: u64,
    /// What waits until the commit that is under way is done.
    inbox: Vec<Command<Waiter>>,
    /// Commands were taken in, and what they changed is on its way to the disk.
    committing: bool,
    /// When it is woken next.
    wakes: Option<Duration>,
}

impl Node {
    /// A node with an empty disk that does not run.
    #[must_use]
    pub fn new(name: NodeName, id: Id) -> Self {
        let (disk, frozen_until) = (MemoryEngine::new(), Duration::ZERO);
        Self { name, id, disk, starts: 0, running: None, frozen_until, lost: false }
    }

    /// Starts a new process on the disk.
    ///
    /// # Panics
    /// Where the disk of the node holds what it cannot read: that is a failed run.
    pub fn start(&mut self) {
        self.starts += 1;
        let boot = Id(self.id.0 << 32 | u128::from(self.starts));
        let identity = Identity { name: self.name.clone(), id: self.id, boot, joins: true };
        let engine: Arc<dyn Engine> = Arc::new(self.disk.clone());
        let cache = Arc::new(ReadCache::new(1 << 20));
        let core = Core::open(engine, cache.clone(), identity);
        let core = core.unwrap_or_else(|fault| unreachable!("{} cannot start: {fault}", self.name));
        self.running = Some(Running {
            boot,
            core,
            cache,
            fence: None,
            generation: 0,
            inbox: Vec::new(),
            committing: false,
            wakes: None,
        });
    }

    /// A command arrives.
    pub fn take(&mut self, command: Command<Waiter>) {
        if let Some(running) = &mut self.running {
            running.inbox.push(command);
        }
    }

    /// Begins a turn, unless one is under way: the process takes in all that waits. Whether one began.
    ///
    /// # Panics
    /// Where the engine fails.
    pub fn begin_turn(&mut self, now: Now) -> bool {
        let Some(running) = self.running.as_mut().filter(|running| !running.committing) else { return false };
        running.committing = true;
        for command in std::mem::take(&mut running.inbox) {
            running.core.handle(command, now).unwrap_or_else(|error| unreachable!("{error}"));
        }
        true
    }

    /// Ends a turn: all that was changed is on the disk. Gives what may happen because of it, and whether more waits.
    ///
    /// # Panics
    /// Where the engine fails.
    pub fn end_turn(&mut self, now: Now) -> (Vec<Effect<Waiter>>, bool) {
        let Some(running) = &mut self.running else { return Default::default() };
        let mut effects = running.core.commit(now).unwrap_or_else(|error| unreachable!("{error}"));
        running.committing = false;
        effects.retain(|effect| match effect {
            Effect::Fence(fence) => {
                running.fence = Some(fence.clone());
                running.generation += 1;
                false
            }
            _ => true,
        });
        (effects, !running.inbox.is_empty())
    }

    /// The process ends. `kept`: whether a commit that is under way reaches the disk all the same, as it may where the
    /// process is killed, and where the power fails; there is never more than one. Nobody hears of it either way.
    pub fn stop(&mut self, kept: bool, now: Now) {
        self.frozen_until = Duration::ZERO;
        let Some(mut running) = self.running.take().filter(|running| running.committing) else { return };
        self.disk.fail_next_commit(kept);
        let _ = running.core.commit(now);
        self.disk.crash(Lost::All);
    }

    /// The process, its folder, and all that was in it are gone.
    pub fn lose(&mut self, now: Now) {
        self.stop(false, now);
        self.disk = MemoryEngine::new();
        self.lost = true;
    }

    /// When the process is to be woken, if that is earlier than was said before.
    pub fn wake_at(&mut self, earliest: Duration) -> Option<Duration> {
        let running = self.running.as_mut()?;
        let at = running.core.wake_at()?.max(earliest);
        if running.wakes.is_some_and(|known| known <= at) {
            return None;
        }
        running.wakes = Some(at);
        Some(at)
    }

    /// It is woken.
    pub fn wake(&mut self, now: Now) -> bool {
        let Some(running) = &mut self.running else { return false };
        if running.wakes.is_none_or(|at| at > now.steady) {
            return false;
        }
        running.wakes = None;
        self.begin_turn(now)
    }

    /// The first half of a read: the fence that admits it.
    ///
    /// # Errors
    /// [`Refused`] where the node may not serve the key.
    pub fn admit(&self, key: &[u8], route: &Route) -> Result<u64, Refused> {
        let running = self.running.as_ref().ok_or(Refused::Stopped)?;
        let fence = running.fence.as_ref().ok_or(Refused::Stopped)?;
        fence.admit(StoreKey::of(key).position(), route)?;
        Ok(running.generation)
    }

    /// The second half: the record, through the cache; `None` where another fence stands by now.
    ///
    /// # Errors
    /// [`Refused`] where the record cannot be read.
    pub fn load(&self, key: &[u8], generation: u64) -> Result<Option<Option<Record>>, Refused> {
        let running = self.running.as_ref().ok_or(Refused::Stopped)?;
        let key = StoreKey::of(key);
        let damaged = |why: String| Refused::Damaged(why);
        let record = running.cache.get_or_load(&key, || {
            let stored = self.disk.get(Space::Records, &key.0).map_err(|error| damaged(error.to_string()))?;
            stored
                .map(|bytes| Record::decode(&key, bytes))
                .transpose()
                .map_err(|error| damaged(error.to_string()))
        })?;
        Ok((running.generation == generation || !holds(Rule::FenceTwice)).then_some(record))
    }
}
