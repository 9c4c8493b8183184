//! What the next commit will change, readable before it is committed.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::rules::{Rule, holds};
use crate::store::cache::ReadCache;
use crate::store::engine::{Batch, Engine, EngineError, Space};
use crate::store::record::{Damaged, Record, StoreKey};
use crate::version::Version;

const COUNTS: &[u8] = b"counts";

/// How much is stored, kept in the same commit as what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

/// A read failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The engine is broken: the node must stop.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// One record is damaged.
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// The changes of one commit, over the engine and the read cache.
#[derive(Debug)]
pub(crate) struct Staging {
    engine: Arc<dyn Engine>,
    cache: Arc<ReadCache>,
    batch: Batch,
    records: HashMap<StoreKey, Staged>,
    tombstones: HashMap<StoreKey, Option<Version>>,
    counts: Counts,
    late: bool,
}

/// A key's record as it will be after the next commit, changed by it or only read.
#[derive(Debug)]
struct Staged {
    record: Option<Record>,
    readers: Readers,
}

/// Whether the read cache is to hold a record, or that there is none, after the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readers {
    /// A client was there: others may follow.
    Likely,
    /// What moves in or is swept away in bulk would push out what is being read.
    Unlikely,
}

impl Staging {
    pub(crate) fn new(engine: Arc<dyn Engine>, cache: Arc<ReadCache>) -> Result<Self, EngineError> {
        let stored = engine.get(Space::Meta, COUNTS)?;
        let counts = stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Ok(Self {
            engine,
            cache,
            batch: Batch::default(),
            records: HashMap::new(),
            tombstones: HashMap::new(),
            counts,
            late: false,
        })
    }

    pub(crate) fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// How often a record was read through the cache so far.
    pub(crate) fn reads(&self) -> u64 {
        let (hits, misses) = self.cache.hits_and_misses();
        hits + misses
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// The record as it will be after the next commit, for a client's write.
    pub(crate) fn get(&mut self, key: &StoreKey) -> Result<Option<Record>, Fault> {
        let record = self.look(key)?;
        if !self.records.contains_key(key) {
            self.stage(key.clone(), record.clone(), Readers::Likely);
        }
        Ok(record)
    }

    /// The record as it will be after the next commit.
    pub(crate) fn look(&self, key: &StoreKey) -> Result<Option<Record>, Fault> {
        if let Some(staged) = self.records.get(key) {
            return Ok(staged.record.clone());
        }
        // Not as readers do: the writer must not wait until one of them has filled the cache.
        if let Some(cached) = self.cache.peek(key) {
            return Ok(cached);
        }
        let stored = self.engine.get(Space::Records, &key.0)?;
        Ok(stored.map(|bytes| Record::decode(key, bytes)).transpose()?)
    }

    fn stage(&mut self, key: StoreKey, record: Option<Record>, readers: Readers) {
        self.records.insert(key, Staged { record, readers });
    }

    /// Stores a record, or deletes what is there.
    pub(crate) fn change(&mut self, key: &StoreKey, change: Option<(Record, Bytes)>) -> Result<(), Fault> {
        match change {
            Some((record, encoded)) => self.put(key.clone(), record, encoded),
            None => self.remove(key.clone()),
        }
    }

    /// Does nothing, unless that rule is broken: then the cache never learns of a change that no client asked for.
    pub(crate) fn hide_where_broken(&mut self, key: &StoreKey) {
        if !holds(Rule::CacheFollows) {
            self.records.remove(key);
        }
    }

    /// Stores a client's record.
    pub(crate) fn put(&mut self, key: StoreKey, record: Record, encoded: Bytes) -> Result<(), Fault> {
        self.uncount_present(&key)?;
        self.insert(key, record, encoded, Readers::Likely);
        Ok(())
    }

    /// Stores a record that moves here in place of `present`, which was just [looked](Self::look) at.
    pub(crate) fn import(&mut self, key: StoreKey, present: Option<&Record>, record: Record, encoded: Bytes) {
        self.uncount(&key, present);
        self.insert(key, record, encoded, Readers::Unlikely);
    }

    fn insert(&mut self, key: StoreKey, record: Record, encoded: Bytes, readers: Readers) {
        self.counts.records += 1;
        self.counts.bytes += record.size(&key);
        self.batch.changes.push((Space::Records, key.0.clone(), Some(encoded)));
        self.stage(key, Some(record), readers);
    }

    /// Deletes a record for a client.
    pub(crate) fn remove(&mut self, key: StoreKey) -> Result<(), Fault> {
        self.delete(key, Readers::Likely)
    }

    /// Deletes a record that does not belong here any more.
    pub(crate) fn sweep(&mut self, key: StoreKey) -> Result<(), Fault> {
        self.delete(key, Readers::Unlikely)
    }

    fn delete(&mut self, key: StoreKey, readers: Readers) -> Result<(), Fault> {
        self.uncount_present(&key)?;
        self.batch.changes.push((Space::Records, key.0.clone(), None));
        self.stage(key, None, readers);
        Ok(())
    }

    fn uncount_present(&mut self, key: &StoreKey) -> Result<(), Fault> {
        match self.look(key) {
            Ok(present) => self.uncount(key, present.as_ref()),
            // A damaged record may be replaced or deleted: that is the way out of the damage.
            Err(Fault::Damaged(_)) => self.counts.records = self.counts.records.saturating_sub(1),
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn uncount(&mut self, key: &StoreKey, present: Option<&Record>) {
        if let Some(record) = present {
            self.counts.records = self.counts.records.saturating_sub(1);
            self.counts.bytes = self.counts.bytes.saturating_sub(record.size(key));
        }
    }

    /// The version of a forwarded delete that must not be undone by a page.
    pub(crate) fn tombstone(&self, key: &StoreKey) -> Result<Option<Version>, Fault> {
        if let Some(staged) = self.tombstones.get(key) {
            return Ok(*staged);
        }
        let stored = self.engine.get(Space::Tombstones, &key.0)?;
        Ok(stored.and_then(|bytes| Some(Version(u64::from_le_bytes(bytes.as_ref().try_into().ok()?)))))
    }

    pub(crate) fn bury(&mut self, key: StoreKey, version: Version) {
        let bytes = Bytes::copy_from_slice(&version.0.to_le_bytes());
        self.batch.changes.push((Space::Tombstones, key.0.clone(), Some(bytes)));
        self.tombstones.insert(key, Some(version));
    }

    pub(crate) fn unbury(&mut self, key: StoreKey) {
        self.batch.changes.push((Space::Tombstones, key.0.clone(), None));
        self.tombstones.insert(key, None);
    }

    /// Writes one of the node's own notes, or removes it.
    pub(crate) fn note(&mut self, name: String, value: Option<Vec<u8>>) {
        self.batch.changes.push((Space::Meta, name.into_bytes().into(), value.map(Bytes::from)));
    }

    /// Whether this commit is to be left out, so that answers go out before what they say is on disk.
    fn is_late(&mut self) -> bool {
        self.late = !self.late && !holds(Rule::SyncBeforeAnswer);
        self.late
    }

    /// Puts everything on disk, then into the read cache.
    pub(crate) fn commit(&mut self) -> Result<(), EngineError> {
        if !self.batch.changes.is_empty() {
            if self.is_late() {
                return Ok(());
            }
            let mut batch = std::mem::take(&mut self.batch);
            if let Ok(counts) = serde_json::to_vec(&self.counts) {
                batch.changes.push((Space::Meta, Bytes::from_static(COUNTS), Some(counts.into())));
            }
            self.engine.commit(batch)?;
            self.tombstones.clear();
        }
        for (key, Staged { record, readers }) in self.records.drain() {
            match readers {
                Readers::Likely => self.cache.set(&key, record),
                Readers::Unlikely => self.cache.remove(&key),
            }
        }
        Ok(())
    }
}
