//! The engine's twin in memory, on a disk that can lose power: for tests and simulations.
//!
//! Deterministic and without threads. [`MemoryEngine::commit`](Engine::commit) is durable and visible at once. A test
//! that wants to stop in the middle hands batches over with [`commit_pending`](MemoryEngine::commit_pending), and
//! decides with [`sync`](MemoryEngine::sync) or [`crash`](MemoryEngine::crash) what became of them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Batch, Bounds, Engine, EngineError, Entries, Limit, Page, Source, Space, is_void};

type Tables = BTreeMap<Space, BTreeMap<Bytes, Bytes>>;

/// What a power cut takes of the batches that were handed over and not synced. Always a tail of them: the engines
/// that this one stands for write one journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Nothing: they had reached the disk, although nobody was told so.
    Nothing,
    /// All of them.
    All,
    /// All but this many.
    After(usize),
}

/// A handle; clones share the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryEngine {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    /// What is synced, which is what can be read. Copied on the next write where a snapshot still holds it.
    synced: Arc<Tables>,
    /// Handed over, neither visible nor safe.
    pending: VecDeque<Batch>,
    /// What the next commit runs into: whether its batch reaches the disk all the same.
    failure: Option<bool>,
    /// A commit failed; like a real engine it takes nothing any more until it is opened again.
    failed: bool,
    /// The place on the disk that cannot be read.
    unreadable: Option<Bytes>,
}

impl MemoryEngine {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands a batch over that is neither visible nor durable until the next [`sync`](Self::sync) or commit.
    pub fn commit_pending(&self, batch: Batch) {
        self.disk().pending.push_back(batch);
    }

    /// Makes every batch that was handed over durable and visible, in order.
    pub fn sync(&self) {
        self.disk().sync(usize::MAX);
    }

    /// Power off and on again: what was handed over and not synced is lost as far as `lost` says, and an engine
    /// that had failed works again. Snapshots from before go on showing what they showed.
    pub fn crash(&self, lost: Lost) {
        let mut disk = self.disk();
        disk.sync(match lost {
            Lost::Nothing => usize::MAX,
            Lost::All => 0,
            Lost::After(kept) => kept,
        });
        disk.pending.clear();
        disk.failure = None;
        disk.failed = false;
    }

    /// The next commit fails, and so does every later one until [`crash`](Self::crash). Whether the batch of that
    /// commit is on disk all the same, the caller of commit cannot know; the test chooses.
    pub fn fail_next_commit(&self, reaches_disk: bool) {
        self.disk().failure = Some(reaches_disk);
    }

    /// From now on this key, in any space, cannot be read one by one; snapshots and scans still can.
    pub fn cannot_get(&self, key: Bytes) {
        self.disk().unreadable = Some(key);
    }

    /// A panic of another test thread while it held the lock leaves nothing half done here.
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn sync(&mut self, most: usize) {
        let count = self.pending.len().min(most);
        if count == 0 {
            return;
        }
        let tables = Arc::make_mut(&mut self.synced);
        for (space, key, value) in self.pending.drain(..count).flat_map(|batch| batch.changes) {
            let table = tables.entry(space).or_default();
            match value {
                Some(value) => table.insert(key, value),
                None => table.remove(&key),
            };
        }
    }
}

impl Engine for MemoryEngine {
    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        let mut disk = self.disk();
        if disk.failed {
            return Err(EngineError::new("commit", "an earlier commit failed"));
        }
        let failure = disk.failure.take();
        if failure != Some(false) {
            disk.pending.push_back(batch);
            disk.sync(usize::MAX);
        }
        disk.failed = failure.is_some();
        if disk.failed { Err(EngineError::new("commit", "the test wanted it to fail")) } else { Ok(()) }
    }

    fn snapshot(&self) -> Box<dyn Source> {
        Box::new(Arc::clone(&self.disk().synced))
    }
}

impl Source for MemoryEngine {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let disk = self.disk();
        if disk.unreadable.as_ref().is_some_and(|unreadable| *unreadable == *key) {
            return Err(EngineError::new("get", "the test wanted it to fail"));
        }
        disk.synced.get(space, key)
    }

    fn scan(&self, space: Space, bounds: Bounds<'_>, limit: Limit) -> Result<Entries, EngineError> {
        let now = Arc::clone(&self.disk().synced);
        now.scan(space, bounds, limit)
    }
}

impl Source for Arc<Tables> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let table = Tables::get(self, &space);
        Ok(table.and_then(|table| table.get(key)).cloned())
    }

    fn scan(&self, space: Space, bounds: Bounds<'_>, limit: Limit) -> Result<Entries, EngineError> {
        let mut page = Page::new(limit);
        if let Some(table) = Tables::get(self, &space)
            && !is_void(bounds)
        {
            let mut entries = table.range::<[u8], (Bound<&[u8]>, Bound<&[u8]>)>(bounds);
            while page.has_room()
                && let Some((key, value)) = entries.next()
                && page.push(key.clone(), value.clone())
            {}
        }
        Ok(page.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &'static str) -> Batch {
        let mut batch = Batch::default();
        batch.put(Space::Records, key, "value");
        batch
    }

    fn keys(source: &dyn Source) -> String {
        let entries = source.scan(Space::Records, (Bound::Unbounded, Bound::Unbounded), Limit::NONE).unwrap();
        entries.iter().map(|(key, _)| std::str::from_utf8(key).unwrap()).collect()
    }

    #[test]
    fn a_pending_batch_is_not_visible_before_it_is_synced() {
        let engine = MemoryEngine::new();
        engine.commit_pending(put("a"));
        assert_eq!(keys(&engine), "");
        engine.sync();
        assert_eq!(keys(&engine), "a");
    }

    #[test]
    fn a_crash_loses_the_chosen_tail_and_nothing_that_was_committed() {
        for (lost, left) in [(Lost::Nothing, "abcd"), (Lost::All, "a"), (Lost::After(2), "abc")] {
            let engine = MemoryEngine::new();
            engine.commit(put("a")).unwrap();
            ["b", "c", "d"].into_iter().for_each(|key| engine.commit_pending(put(key)));
            engine.crash(lost);
            assert_eq!(keys(&engine), left, "{lost:?}");
        }
    }

    #[test]
    fn a_snapshot_stays_as_it_was() {
        let engine = MemoryEngine::new();
        engine.commit(put("a")).unwrap();
        let before = engine.snapshot();
        engine.clone().commit(put("b")).unwrap();
        assert_eq!((keys(&*before), keys(&engine)), ("a".to_owned(), "ab".to_owned()));
    }

    #[test]
    fn after_a_failed_commit_nothing_is_taken_until_the_engine_is_opened_again() {
        for (reaches_disk, left) in [(true, "a"), (false, "")] {
            let engine = MemoryEngine::new();
            engine.fail_next_commit(reaches_disk);
            assert!(engine.commit(put("a")).is_err());
            assert!(engine.commit(put("b")).is_err());
            engine.crash(Lost::All);
            assert_eq!(keys(&engine), left);
            assert!(engine.commit(put("c")).is_ok());
        }
    }
}
