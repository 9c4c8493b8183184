//! The running node: reads around the writer, writes through it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hashring::{Id, NodeName};
use http::HeaderValue;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::{Read, Refused, Route, Write, Written};
use crate::background;
use crate::census;
use crate::client::Client;
use crate::core::{BeatIn, Command, Core, Fault, Identity, Outlook};
use crate::courier::Courier;
use crate::fence::{FenceCell, Standing};
use crate::handover::message::{Ack, Malformed, Message};
use crate::protocol::{Beat, Census, CensusQuestion, Status, Vitals};
use crate::reads::Reads;
use crate::rules::{Rule, holds};
use crate::store::cache::ReadCache;
use crate::store::engine::{self, Engine, Options};
use crate::store::folder::{Folder, FolderError};
use crate::store::record::StoreKey;
use crate::writer::{FreeBytes, Herald, Queue, Room, Shared, Waiter, Writer};

/// The longest time that a request waits until this node may serve it.
const PARKED: Duration = Duration::from_secs(1);
/// Requests that may wait so.
const PARKING_PLACES: usize = 4096;

/// The writer had the write when it ended.
const ENDED_OVER_IT: Refused =
    Refused::OutcomeUnknown("the node stopped, or its disk failed, in the middle of it");

/// How a node is opened.
#[derive(Debug)]
pub struct NodeOptions {
    /// The chosen name.
    pub name: NodeName,
    /// The data folder.
    pub folder: Folder,
    /// Bytes of the read cache.
    pub cache_bytes: u64,
    /// Free bytes of disk that new values leave, besides what the engine still has to write.
    pub disk_reserve: u64,
    /// The cluster's secret.
    pub secret: Option<String>,
    /// It is to join a cluster, and serves nothing before.
    pub joins: bool,
}

/// The node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The engine cannot be opened, or what it holds of the node itself is damaged.
    #[error(transparent)]
    Store(#[from] Fault),
    /// The secret has characters that a header cannot carry.
    #[error("the cluster's secret may hold only visible ASCII characters")]
    Secret,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// No thread for the writer.
    #[error("cannot start the writer's thread: {0}")]
    Thread(std::io::Error),
}

/// A running node. Clones share it; when the last one is gone, the writer ends.
#[derive(Debug, Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.stop();
    }
}

#[derive(Debug)]
struct Inner {
    identity: Identity,
    engine: Arc<dyn Engine>,
    cache: Arc<ReadCache>,
    shared: Arc<Shared>,
    queue: Queue,
    reads: Arc<Reads>,
    parking: Semaphore,
}

impl Node {
    /// Opens the store in the data folder and runs a node over it, on this runtime and a thread of its own.
    ///
    /// # Errors
    /// [`OpenError`], in words for whoever starts a node.
    pub fn open(options: NodeOptions) -> Result<Self, OpenError> {
        let folder = Arc::new(options.folder);
        let mut boot = [0; 16];
        getrandom::fill(&mut boot).map_err(|error| OpenError::Random(error.to_string()))?;
        let boot = Id(u128::from_le_bytes(boot));
        let identity = Identity { name: options.name, id: folder.id(), boot, joins: options.joins };
        let engine = engine::open(&folder.engine_path(), &Options::default()).map_err(Fault::Engine)?;
        let cache = Arc::new(ReadCache::new(usize::try_from(options.cache_bytes).unwrap_or(usize::MAX)));
        let reserve = folder.reserve(options.disk_reserve);
        // The folder stays locked for as long as the writer lives.
        let free_bytes = Box::new(move || folder.free_bytes().ok());
        let disk: (FreeBytes, u64) = (free_bytes, reserve);
        Self::start(identity, engine, cache, options.secret.as_deref(), disk)
    }

    /// Runs a node over an engine that is open: on this runtime and a thread of its own.
    ///
    /// # Errors
    /// [`OpenError`] where the node's own notes cannot be read, or the thread cannot start.
    pub fn start(
        identity: Identity,
        engine: Arc<dyn Engine>,
        cache: Arc<ReadCache>,
        secret: Option<&str>,
        (free_bytes, reserve): (FreeBytes, u64),
    ) -> Result<Self, OpenError> {
        let secret = secret.map(HeaderValue::from_str).transpose().map_err(|_| OpenError::Secret)?;
        let core = Core::open(engine.clone(), cache.clone(), identity.clone())?;
        let shared = Arc::new(Shared::new(FenceCell::new(core.fence().clone())));
        let (queue, commands) = Queue::new(shared.clone());
        let courier = Courier {
            runtime: tokio::runtime::Handle::current(),
            queue: queue.clone(),
            engine: engine.clone(),
            client: Client::new(),
            secret,
        };
        let room = Room::new(free_bytes, reserve, engine.clone());
        let herald = Herald::new(&courier.runtime);
        let writer = Writer { core, commands, shared: shared.clone(), courier, herald, room };
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        let reads = Arc::new(Reads::new(engine.clone(), cache.clone()));
        let parking = Semaphore::new(PARKING_PLACES);
        Ok(Self { inner: Arc::new(Inner { identity, engine, cache, shared, queue, reads, parking }) })
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.inner.identity.name
    }

    /// The identity of its data folder.
    #[must_use]
    pub fn id(&self) -> Id {
        self.inner.identity.id
    }

    /// The epoch of its persisted view; 0 = none.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.inner.shared.fence.load().0.epoch
    }

    /// Whether the node belongs to a cluster.
    #[must_use]
    pub fn in_cluster(&self) -> bool {
        self.inner.shared.outlook().is_some()
    }

    /// Whether the view that it has persisted does not name it, so that it was removed, or never was a member.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        matches!(self.inner.shared.fence.load().0.standing, Standing::Outside)
    }

    /// Waits until its relation to a cluster is a `wanted` one.
    pub async fn until(&self, wanted: impl Fn(&Standing) -> bool) {
        loop {
            let (fence, generation) = self.inner.shared.fence.load();
            if wanted(&fence.standing) {
                return;
            }
            self.inner.shared.fence.after(generation).await;
        }
    }

    /// Waits until the writer has ended, and says why: the process must stop.
    pub async fn ended(&self) -> String {
        let mut ended = self.inner.shared.ended.subscribe();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the writer is gone".to_owned(),
        }
    }

    /// Reads the record of a decoded key.
    ///
    /// # Errors
    /// [`Refused`] where this node may not serve the key, or cannot read it.
    pub async fn read(&self, key: &[u8], route: &Route) -> Result<Read, Refused> {
        let inner = &*self.inner;
        let key = StoreKey::of(key);
        let until = Instant::now() + PARKED;
        loop {
            let (fence, generation) = inner.shared.fence.load();
            if let Err(refused) = fence.admit(key.position(), route) {
                self.park(refused, generation, until).await?;
                continue;
            }
            let record = inner.reads.load(&key).await?;
            // Still the same fence: the key was served here at the moment it was read.
            if inner.shared.fence.is_still(generation) || !holds(Rule::FenceTwice) {
                return Ok(record);
            }
        }
    }

    /// Writes: durable when this returns `Ok`.
    ///
    /// # Errors
    /// [`Refused`]; only after [`Refused::OutcomeUnknown`] may the write have been applied.
    pub async fn write(&self, write: Write, route: &Route) -> Result<Written, Refused> {
        let inner = &*self.inner;
        let position = hashring::Position::of(&write.key);
        let until = Instant::now() + PARKED;
        loop {
            let (fence, generation) = inner.shared.fence.load();
            if let Err(refused) = fence.admit(position, route) {
                self.park(refused, generation, until).await?;
                continue;
            }
            if inner.shared.ended.borrow().is_some() {
                return Err(Refused::Stopped);
            }
            inner.reads.warm(&write.key).await;
            let (sender, answer) = oneshot::channel();
            let command = Command::Write(write.clone(), route.clone(), Waiter::Client(sender));
            inner.queue.push_write(command)?;
            match answer.await.unwrap_or(Err(ENDED_OVER_IT)) {
                Err(refused @ Refused::NotYet(_)) => self.park(refused, generation, until).await?,
                answer => return answer,
            }
        }
    }

    /// Waits for a newer fence where that may help; gives back any other refusal.
    async fn park(&self, refused: Refused, generation: u64, until: Instant) -> Result<(), Refused> {
        if !matches!(refused, Refused::NotYet(_)) {
            return Err(refused);
        }
        let Ok(_place) = self.inner.parking.try_acquire() else { return Err(Refused::Overloaded) };
        timeout_at(until, self.inner.shared.fence.after(generation)).await.map_err(|_| refused)
    }

    /// Answers the coordinator, after taking in the view that it brings.
    ///
    /// # Errors
    /// [`Refused::Stopped`] where the writer has ended.
    pub async fn beat(&self, beat: Beat) -> Result<Status, Refused> {
        let known = self.epoch();
        let outlook = match beat.view.filter(|view| view.epoch >= known) {
            // Rings and plans are worked out here, not in the writer.
            Some(view) => {
                let known = self.inner.shared.outlook();
                let outlook = tokio::task::spawn_blocking(move || Outlook::of(view, known.as_deref())).await;
                Some(outlook.map_err(|_| Refused::Stopped)?)
            }
            None => None,
        };
        let beat = BeatIn { cluster: beat.cluster, expect: beat.expect, outlook, erase: beat.erase };
        let (sender, answer) = oneshot::channel();
        self.inner.queue.push(Command::Beat(Box::new(beat), Waiter::Coordinator(sender)));
        let status = answer.await.map_err(|_| Refused::Stopped)?;
        Ok(Status { vitals: Some(self.vitals()), ..status })
    }

    fn vitals(&self) -> Vitals {
        let (cache_hits, cache_misses) = self.inner.cache.hits_and_misses();
        Vitals {
            queued: self.inner.shared.queued() as u64,
            cache_hits,
            cache_misses,
            cache_bytes: self.inner.cache.weight(),
            ..self.inner.shared.meter.vitals()
        }
    }

    /// Takes in the next message of an old owner; the answer is in binary form too.
    ///
    /// # Errors
    /// [`Malformed`] where the bytes are no message.
    pub async fn take_move(&self, message: Bytes) -> Result<Option<Bytes>, Malformed> {
        let message = Message::decode(message)?;
        let (sender, answer) = oneshot::channel();
        self.inner.queue.push(Command::Message(message, Waiter::OldOwner(sender)));
        Ok(answer.await.ok().map(|ack: Ack| ack.encode()))
    }

    /// Counts everything that is stored. Reads the whole disk.
    ///
    /// # Errors
    /// [`Refused::Stopped`] where the engine cannot be read.
    pub async fn census(&self, question: CensusQuestion) -> Result<Census, Refused> {
        let inner = self.inner.clone();
        let (sender, counted) = oneshot::channel();
        let begun = background::run("census", move || {
            let outlook = inner.shared.outlook();
            let (fence, _) = inner.shared.fence.load();
            let state = inner.engine.snapshot();
            let taken =
                census::take(&*state, &inner.identity.name, &fence, outlook.as_deref(), question.next);
            // Whoever asked may be gone.
            let _ = sender.send(taken.map_err(|error| error.to_string()));
        });
        let counted = match begun {
            Ok(_) => counted.await.unwrap_or_else(|_| Err("its thread ended".to_owned())),
            Err(error) => Err(error.to_string()),
        };
        counted.map_err(|error| {
            tracing::error!(error, "a census failed");
            Refused::Stopped
        })
    }
}
