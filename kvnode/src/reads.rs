//! Clients' reads of records: through the cache, and from the engine in a place where they hold up nobody.
//!
//! One thread serves many connections. While what is not in the cache comes from memory after all (the engine's own, or the
//! system's), that thread reads it in passing; a change of threads would cost more than the read. Once reads have to
//! wait for the disk, threads of their own wait, so that whatever is in memory is still answered at once, and the disk gets
//! many reads at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task;

use crate::core::Fault;
use crate::node::{Read, Refused};
use crate::store::cache::ReadCache;
use crate::store::engine::{Engine, Space};
use crate::store::record::{Record, StoreKey};

/// Reads that wait for the disk at the same time, each in a thread: as many as most disks have use for.
const AT_ONCE: usize = 32;
/// While one of them lasts longer than this, the disk has stalled, however quick others are that it need not be asked for.
const STALL: Duration = Duration::from_millis(10);

/// Reads records for clients.
#[derive(Debug)]
pub(crate) struct Reads {
    engine: Arc<dyn Engine>,
    cache: Arc<ReadCache>,
    places: Arc<Semaphore>,
    /// When each read began that is made apart, by a number that grows.
    apart: Mutex<BTreeMap<u64, Instant>>,
}

impl Reads {
    pub(crate) fn new(engine: Arc<dyn Engine>, cache: Arc<ReadCache>) -> Self {
        Self { engine, cache, places: Arc::new(Semaphore::new(AT_ONCE)), apart: Mutex::default() }
    }

    /// The record of a key, as it is on disk.
    ///
    /// # Errors
    /// [`Refused`] where it cannot be read.
    pub(crate) async fn load(self: &Arc<Self>, key: &StoreKey) -> Result<Read, Refused> {
        if !self.disk_is_slow() || self.cache.has(key) {
            return self.load_here(key);
        }
        self.load_apart(key).await
    }

    /// Before a write of this key: brings its record into the cache if that may take a while, because all other writes wait
    /// while the writer looks for it.
    pub(crate) async fn warm(self: &Arc<Self>, key: &[u8]) {
        if !self.disk_is_slow() {
            return;
        }
        let key = StoreKey::of(key);
        if !self.cache.has(&key) {
            // The writer meets the same fault, and has the words for it.
            let _ = self.load_apart(&key).await;
        }
    }

    fn disk_is_slow(&self) -> bool {
        let nobody_waits = self.places.available_permits() == AT_ONCE;
        let has_stalled = || {
            let apart = self.apart.lock().unwrap_or_else(PoisonError::into_inner);
            apart.first_key_value().is_some_and(|(_, begun)| begun.elapsed() > STALL)
        };
        self.engine.reads_wait() || !nobody_waits && has_stalled()
    }

    async fn load_apart(self: &Arc<Self>, key: &StoreKey) -> Result<Read, Refused> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Refused::Stopped)?;
        let (reads, key) = (Arc::clone(self), key.clone());
        let load = move || {
            // Nobody can call it back, so its place is taken for as long as it lasts, also where the client is gone.
            let _place = place;
            let _begun = Begun::now(&reads.apart);
            reads.load_here(&key)
        };
        // It fails only where the runtime is going down.
        task::spawn_blocking(load).await.map_err(|_| Refused::Stopped)?
    }

    fn load_here(&self, key: &StoreKey) -> Result<Read, Refused> {
        let read = self.cache.get_or_load(key, || -> Result<_, Fault> {
            let stored = self.engine.get(Space::Records, &key.0)?;
            Ok(stored.map(|bytes| Record::decode(key, bytes)).transpose()?)
        });
        read.map_err(|fault| match fault {
            Fault::Damaged(damage) => Refused::Damaged(damage.to_string()),
            Fault::Engine(error) => {
                tracing::error!(%error, "a read failed");
                Refused::Stopped
            }
        })
    }
}

/// One read that is made apart, for as long as it lasts.
struct Begun<'a> {
    all: &'a Mutex<BTreeMap<u64, Instant>>,
    number: u64,
}

impl<'a> Begun<'a> {
    fn now(all: &'a Mutex<BTreeMap<u64, Instant>>) -> Self {
        let mut apart = all.lock().unwrap_or_else(PoisonError::into_inner);
        let number = apart.last_key_value().map_or(0, |(last, _)| last + 1);
        apart.insert(number, Instant::now());
        Self { all, number }
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

#[cfg(test)]
mod tests;
