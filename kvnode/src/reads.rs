//! Clients' reads of records: through the cache, and from the engine in a place where they hold up nobody.
//!
//! One thread serves many connections. While what is not in the cache comes from memory after all (the engine's own, or the
//! system's), that thread reads it in passing; a change of threads would cost more than the read. Once reads have to
//! wait for the disk, threads of their own wait, so that whatever is in memory is still answered at once, and the disk gets
//! many reads at a time.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task;

use crate::core::Fault;
use crate::node::{Read, Refused};
use crate::store::cache::ReadCache;
use crate::store::engine::{Engine, Space};
use crate::store::record::{Record, StoreKey};

/// Reads that wait for the disk at the same time, each in a thread: as many as most disks have use for.
const AT_ONCE: usize = 32;

/// Reads records for clients.
#[derive(Debug)]
pub(crate) struct Reads {
    engine: Arc<dyn Engine>,
    cache: Arc<ReadCache>,
    waiting: Semaphore,
}

impl Reads {
    pub(crate) fn new(engine: Arc<dyn Engine>, cache: Arc<ReadCache>) -> Self {
        Self { engine, cache, waiting: Semaphore::new(AT_ONCE) }
    }

    /// The record of a key, as it is on disk.
    ///
    /// # Errors
    /// [`Refused`] where it cannot be read.
    pub(crate) async fn load(self: &Arc<Self>, key: &StoreKey) -> Result<Read, Refused> {
        if !self.engine.reads_wait() || self.cache.has(key) {
            return self.load_here(key);
        }
        self.load_apart(key).await
    }

    /// Before a write of this key: brings its record into the cache if that may take a while, because all other writes wait
    /// while the writer looks for it.
    pub(crate) async fn warm(self: &Arc<Self>, key: &[u8]) {
        if !self.engine.reads_wait() {
            return;
        }
        let key = StoreKey::of(key);
        if !self.cache.has(&key) {
            // The writer meets the same fault, and has the words for it.
            let _ = self.load_apart(&key).await;
        }
    }

    async fn load_apart(self: &Arc<Self>, key: &StoreKey) -> Result<Read, Refused> {
        let _place = self.waiting.acquire().await.map_err(|_| Refused::Stopped)?;
        let (reads, key) = (Arc::clone(self), key.clone());
        // It fails only where the runtime is going down.
        task::spawn_blocking(move || reads.load_here(&key)).await.map_err(|_| Refused::Stopped)?
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

#[cfg(test)]
mod tests;
