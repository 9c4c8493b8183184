//! One node: a disk that outlives its process, and the process.

use std::sync::Arc;
use std::time::Duration;

use hashring::{Id, NodeName};
use kvnode::core::{Command, Core, Effect, Identity, Now};
use kvnode::fence::Fence;
use kvnode::node::{Refused, Route};
use kvnode::rules::{Rule, holds};
use kvnode::store::cache::ReadCache;
use kvnode::store::engine::memory::MemoryEngine;
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
}

impl Node {
    /// A node with an empty disk that does not run.
    #[must_use]
    pub fn new(name: NodeName, id: Id) -> Self {
        Self { name, id, disk: MemoryEngine::new(), starts: 0, running: None, frozen_until: Duration::ZERO }
    }

    /// Starts a new process on the disk; gives the effects of its start.
    ///
    /// # Panics
    /// Where the disk of the node holds what it cannot read: that is a failed run.
    pub fn start(&mut self, now: Now) -> Vec<Effect<Waiter>> {
        self.starts += 1;
        let boot = Id(self.id.0 << 32 | u128::from(self.starts));
        let identity = Identity { name: self.name.clone(), id: self.id, boot, joins: true };
        let engine: Arc<dyn Engine> = Arc::new(self.disk.clone());
        let cache = Arc::new(ReadCache::new(1 << 20));
        let core = Core::open(engine, cache.clone(), identity);
        let core = core.unwrap_or_else(|fault| unreachable!("{} cannot start: {fault}", self.name));
        self.running = Some(Running { boot, core, cache, fence: None, generation: 0 });
        self.turn(Vec::new(), now)
    }

    /// The process takes in commands and commits; gives what may happen because of it.
    ///
    /// # Panics
    /// Where the engine fails.
    pub fn turn(&mut self, commands: Vec<Command<Waiter>>, now: Now) -> Vec<Effect<Waiter>> {
        let Some(running) = &mut self.running else { return Vec::new() };
        for command in commands {
            running.core.handle(command, now).unwrap_or_else(|error| unreachable!("{error}"));
        }
        let mut effects = running.core.commit(now).unwrap_or_else(|error| unreachable!("{error}"));
        effects.retain(|effect| match effect {
            Effect::Fence(fence) => {
                running.fence = Some(fence.clone());
                running.generation += 1;
                false
            }
            _ => true,
        });
        effects
    }

    /// When the process wants a turn although nothing arrives.
    #[must_use]
    pub fn wake_at(&self) -> Option<Duration> {
        self.running.as_ref().and_then(|running| running.core.wake_at())
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
