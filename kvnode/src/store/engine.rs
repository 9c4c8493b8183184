//! The narrow trait that a storage engine is used through, and the one place that names the engine in use.
//!
//! - [`fjall`]: the engine of a node (docs/storage.md says why);
//! - [`memory`]: its twin in memory, with a disk that can lose power, for tests and simulations;
//! - `redb`, behind the feature `engine-redb`: the other engine that was measured, for benches and comparing tests.

use std::collections::HashSet;
use std::fmt;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

pub mod fjall;
pub mod memory;
#[cfg(feature = "engine-redb")]
pub mod redb;

/// Opens the engine of a node in `folder`, which is created where it does not exist.
///
/// # Errors
/// [`EngineError`] where the folder cannot be used, or holds something that cannot be trusted.
pub fn open(folder: &Path, options: &Options) -> Result<Arc<dyn Engine>, EngineError> {
    Ok(Arc::new(fjall::FjallEngine::open(folder, options)?))
}

/// How an engine is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Memory for blocks read from disk, shared by all spaces; the read cache of records is on top of it.
    pub cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 32 << 20 }
    }
}

/// The three spaces of keys in an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// [`StoreKey`](super::record::StoreKey) to encoded record.
    Records,
    /// [`StoreKey`](super::record::StoreKey) to the version of a delete, while its range is arriving.
    Tombstones,
    /// The node's own notes: view, boots, sessions, counts.
    Meta,
}

impl Space {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Records, Self::Tombstones, Self::Meta];

    /// What engines call it on disk. Never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Tombstones => "tombstones",
            Self::Meta => "meta",
        }
    }
}

/// What one commit changes, in order; a later change of a key wins.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Space, key, and the new value or `None` to remove.
    pub changes: Vec<(Space, Bytes, Option<Bytes>)>,
}

impl Batch {
    /// Adds: `key` has `value`.
    pub fn put(&mut self, space: Space, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.changes.push((space, key.into(), Some(value.into())));
    }

    /// Adds: `key` is gone.
    pub fn remove(&mut self, space: Space, key: impl Into<Bytes>) {
        self.changes.push((space, key.into(), None));
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Bytes of its keys and values: about what a commit adds to the disk at once.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.changes.iter().map(|(_, key, value)| key.len() + value.as_ref().map_or(0, Bytes::len)).sum()
    }

    /// Drops changes of a key that is changed again later: for engines that take a key only once in a batch.
    fn keep_last_changes(&mut self) {
        let mut seen = HashSet::with_capacity(self.changes.len());
        let mut last: Vec<bool> =
            self.changes.iter().rev().map(|(space, key, _)| seen.insert((*space, key.as_ref()))).collect();
        if seen.len() < self.changes.len() {
            self.changes.retain(|_| last.pop().unwrap_or(true));
        }
    }
}

/// Where a scan ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// At most this many entries.
    pub entries: usize,
    /// Stops before an entry with which keys and values would exceed this, but not before the first one.
    pub bytes: usize,
}

impl Limit {
    /// No limit: for spaces that are known to be small.
    pub const NONE: Self = Self { entries: usize::MAX, bytes: usize::MAX };
}

/// The engine failed. Whoever sees this on a commit must stop the node: it is never retried.
#[derive(Debug, thiserror::Error)]
#[error("storage engine: {what}: {cause}")]
pub struct EngineError {
    /// What was being done.
    pub what: &'static str,
    /// What the engine said.
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

impl EngineError {
    /// An error with what was being done, and why it failed.
    pub fn new(what: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what, cause: cause.into() }
    }
}

/// Entries in key order.
pub type Entries = Vec<(Bytes, Bytes)>;

/// The two ends of a scan.
pub type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// Something that can be read: an engine as it is now, or as it was.
pub trait Source: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// [`EngineError`] where the engine cannot read.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// Entries whose keys lie within `bounds` (bytewise; [`Segment`](super::record::Segment) makes those of a
    /// part of the ring), in order, up to `limit`. An empty answer means that there are none; a short one does not
    /// mean that it was all. All entries of one answer are of one moment. Bounds that no key can meet are no error.
    ///
    /// # Errors
    /// [`EngineError`] where the engine cannot read.
    fn scan(&self, space: Space, bounds: Bounds<'_>, limit: Limit) -> Result<Entries, EngineError>;
}

/// An embedded ordered store with atomic, synced batches.
pub trait Engine: Source + fmt::Debug + 'static {
    /// Applies all of `batch` or nothing. When this returns, it is on disk and visible; before it is on disk,
    /// nothing of it is visible.
    ///
    /// # Errors
    /// [`EngineError`]: it is unknown whether the batch is on disk, and the engine must not be used again.
    fn commit(&self, batch: Batch) -> Result<(), EngineError>;

    /// The present state, unchanged by later commits.
    fn snapshot(&self) -> Box<dyn Source>;

    /// Whether reading a key had to wait for the disk lately. Who serves others meanwhile then lets another thread read.
    fn reads_wait(&self) -> bool {
        false
    }

    /// Bytes of disk that the engine may still take to carry out what it has accepted, on top of what it has. Where
    /// there is less room, it fails in the background; so who commits must see to it that there is more.
    fn debt(&self) -> u64 {
        0
    }

    /// Gives back the room of what was deleted and replaced, as far as there is room to do it. May take seconds; reads
    /// and commits go on.
    ///
    /// # Errors
    /// [`EngineError`] where the engine cannot; if it is to stop, the next commit says so.
    fn reclaim(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Collects the entries of a scan up to its limit: the same for every engine.
struct Page {
    entries: Entries,
    bytes: usize,
    limit: Limit,
}

impl Page {
    fn new(limit: Limit) -> Self {
        Self { entries: Vec::new(), bytes: 0, limit }
    }

    /// Whether another entry may be read for it.
    fn has_room(&self) -> bool {
        self.entries.len() < self.limit.entries && (self.entries.is_empty() || self.bytes < self.limit.bytes)
    }

    /// Whether the entry was taken; if not, the page is full.
    fn push(&mut self, key: Bytes, value: Bytes) -> bool {
        let bytes = self.bytes.saturating_add(key.len()).saturating_add(value.len());
        if !self.has_room() || !self.entries.is_empty() && bytes > self.limit.bytes {
            return false;
        }
        self.bytes = bytes;
        self.entries.push((key, value));
        true
    }
}

/// Whether no key at all lies within these bounds: ordered maps panic on some of them.
fn is_void(bounds: Bounds<'_>) -> bool {
    match bounds {
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Excluded(high))
        | (Bound::Excluded(low), Bound::Included(high)) => low >= high,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_change_of_a_key_in_a_batch_is_the_one_kept() {
        let mut batch = Batch::default();
        batch.put(Space::Records, "a", "1");
        batch.put(Space::Meta, "a", "other space");
        batch.remove(Space::Records, "a");
        batch.put(Space::Records, "b", "2");
        batch.keep_last_changes();
        assert_eq!(
            batch.changes,
            [
                (Space::Meta, "a".into(), Some("other space".into())),
                (Space::Records, "a".into(), None),
                (Space::Records, "b".into(), Some("2".into())),
            ]
        );
    }

    #[test]
    fn a_page_stops_before_its_limit_but_never_before_the_first_entry() {
        let mut page = Page::new(Limit { entries: 9, bytes: 3 });
        assert!(page.push("key".into(), "much too large".into()));
        assert!(!page.has_room() && !page.push("k".into(), "".into()));

        let mut page = Page::new(Limit { entries: 9, bytes: 4 });
        assert!(page.push("a".into(), "1".into()));
        assert!(page.has_room() && !page.push("b".into(), "22".into()));
        assert!(page.push("c".into(), "3".into()));

        assert!(!Page::new(Limit { entries: 0, bytes: 9 }).push("a".into(), "".into()));
    }
}
