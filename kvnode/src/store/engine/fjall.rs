//! The engine of a node: fjall, a log-structured merge tree with a journal.
//!
//! What holds the promise of [`Engine::commit`], read in the source of fjall 3.1.13: committing a batch takes the
//! lock of the journal, appends the batch to it, syncs the file (`fdatasync`), and only then puts the changes into
//! the tables in memory. So what can be seen is on disk. A failed sync poisons the database: every later commit fails.
//!
//! A snapshot that is opened while a commit is under way can see half of it, and change: writing out a table moves the
//! visible sequence number past that of the commit. So snapshots and scans are copies of one that every commit opens
//! when it is done.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::fjall::config::{BlockSizePolicy, CompressionPolicy};
use ::fjall::{
    AbstractTree as _, CompressionType, Database, Error, Keyspace, KeyspaceCreateOptions,
    KvSeparationOptions, OwnedWriteBatch, PersistMode, Readable as _, Slice, Snapshot,
};
use bytes::Bytes;

use super::{Batch, Bounds, Engine, EngineError, Entries, Limit, Options, Page, Source, Space, is_void};

mod debt;
mod inspect;
mod tables;
mod waits;

use self::tables::Tables;
use self::waits::Waits;

/// Longest key that fjall's journal can describe.
const MAX_KEY: usize = u16::MAX as usize;
/// Longest value that fjall's journal can describe.
const MAX_VALUE: usize = u32::MAX as usize;
/// What a table holds for an entry besides key and value, a handle of a large value included.
const ENTRY: usize = 64;
/// Values from this size on are stored apart from their keys, each in a piece of its own.
const SEPARATE: u32 = 16 << 10;
/// Size of a file of large values. A merge rewrites one in four of those with much dead in them, so that what is dead in
/// three of them stays: they are a quarter as large as fjall makes them by default.
const LARGE_FILE: u64 = 16 << 20;
/// Files that are kept open. A process may usually have 1024, and connections need some.
const OPEN_FILES: usize = 400;
/// Threads that write out and merge tables. The first one of several leaves merges to the others: while they are busy, it
/// takes the next from the queue and puts it back, again and again, with all of a core. One alone does both in turn.
const THREADS: usize = 1;
/// How long a commit waits for the background threads to make room before the engine counts as stuck.
const STUCK: Duration = Duration::from_secs(60);

/// fjall behind the trait. Dropping it waits for its background threads.
pub struct FjallEngine {
    database: Database,
    keyspaces: Keyspaces,
    /// The state after the last commit.
    latest: Mutex<Snapshot>,
    /// Held while committing.
    writer: Mutex<Tables>,
    waits: Waits,
    separate_from: Option<u32>,
    folder: PathBuf,
}

/// Settings that shape the files. They are fixed when a folder is created; an existing one keeps its own.
/// The defaults were chosen by `benches/engines.rs`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// A table in memory is written out when it exceeds this.
    pub memtable_bytes: u64,
    /// Values from this size on are stored apart from their keys, so that merging does not copy them.
    pub separate_from: Option<u32>,
    /// Compress blocks and large values with LZ4.
    pub compress: bool,
    /// Bytes that are read from disk for one key.
    pub block_bytes: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            memtable_bytes: 64 << 20,
            separate_from: Some(SEPARATE),
            compress: false,
            block_bytes: 4 << 10,
        }
    }
}

#[derive(Clone)]
struct Keyspaces {
    records: Keyspace,
    tombstones: Keyspace,
    meta: Keyspace,
}

impl FjallEngine {
    /// Opens the database in `folder`, creating it where there is none.
    ///
    /// # Errors
    /// [`EngineError`] in words for whoever starts a node.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, EngineError> {
        Self::open_tuned(folder, options, Tuning::default())
    }

    /// [`open`](Self::open) with other settings, for comparing them.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_tuned(folder: &Path, options: &Options, tuning: Tuning) -> Result<Self, EngineError> {
        inspect::look_over(folder).map_err(|refusal| EngineError::new("open", refusal))?;
        if folder.exists() {
            debt::refuse_full(folder, None)?;
        }
        let engine = open(folder, options, tuning).map_err(|error| explain(folder, &error))?;
        debt::refuse_full(folder, Some(&engine))?;
        Ok(engine)
    }

    /// Waits until a commit does not have to wait inside the engine.
    ///
    /// fjall itself would wait there for its background threads, and would do so for ever where they have died
    /// (its issue 257): nobody would learn why the node hangs. Here it ends with an error.
    fn wait_for_room(&self) -> Result<(), EngineError> {
        let crowded = |keyspace: &Keyspace| {
            // One less than where fjall would begin to wait (4), and a little less than where it would begin to
            // wait for merging (30).
            keyspace.sealed_memtable_count() >= 3 || keyspace.tree.l0_run_count() >= 28
        };
        let mut since = None;
        while Space::ALL.into_iter().any(|space| crowded(self.keyspaces.of(space))) {
            // Says so when a background thread has failed.
            self.database.persist(PersistMode::Buffer).map_err(failed("commit"))?;
            if since.get_or_insert_with(Instant::now).elapsed() > STUCK {
                let seconds = STUCK.as_secs();
                return Err(EngineError::new("commit", format!("nothing was written out for {seconds} s")));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Commits a batch in which each key stands once.
    fn put(&self, batch: Batch) -> Result<(), EngineError> {
        let mut out = OwnedWriteBatch::with_capacity(self.database.clone(), batch.changes.len())
            .durability(Some(PersistMode::SyncData));
        let mut small = 0;
        for (space, key, value) in batch.changes {
            if key.len() > MAX_KEY || value.as_ref().is_some_and(|value| value.len() > MAX_VALUE) {
                return Err(EngineError::new("commit", "a key or value is longer than the engine can store"));
            }
            let keyspace = self.keyspaces.of(space);
            small += self.merged_bytes(&key, value.as_ref());
            match value {
                Some(value) => out.insert(keyspace, &*key, &*value),
                None => out.remove(keyspace, &*key),
            }
        }
        let mut tables = lock(&self.writer);
        self.wait_for_room()?;
        out.commit().map_err(failed("commit"))?;
        // The new one is open before the old one is closed: what the latest shows is never cleaned up.
        let now = self.database.snapshot();
        *lock(&self.latest) = now;
        tables.grew(small);
        self.seal_notes(tables)
    }

    /// Bytes of an entry that merging will copy: all of a small value, the key only of a large one.
    fn merged_bytes(&self, key: &Bytes, value: Option<&Bytes>) -> u64 {
        let value = value.map_or(0, Bytes::len);
        let apart = self.separate_from.is_some_and(|from| value >= from as usize);
        (ENTRY + key.len() + if apart { 0 } else { value }) as u64
    }

    fn latest(&self) -> Snapshot {
        lock(&self.latest).clone()
    }
}

/// A panic of another thread while it held one of our locks leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for FjallEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FjallEngine").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Engine for FjallEngine {
    fn commit(&self, mut batch: Batch) -> Result<(), EngineError> {
        // fjall gives all of a batch one sequence number. A second change of a key takes the first one's place, and in
        // between a reader could see either, or what was before both.
        batch.keep_last_changes();
        self.put(batch)
    }

    fn reads_wait(&self) -> bool {
        self.waits.lately()
    }

    fn debt(&self) -> u64 {
        self.debt_now()
    }

    fn reclaim(&self) -> Result<(), EngineError> {
        self.tidy()
    }

    fn snapshot(&self) -> Box<dyn Source> {
        Box::new(View { snapshot: self.latest(), keyspaces: self.keyspaces.clone() })
    }
}

impl Source for FjallEngine {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let begun = Instant::now();
        let value = self.keyspaces.of(space).get(key).map_err(failed("read"))?;
        self.waits.note(begun.elapsed());
        Ok(value.map(bytes))
    }

    fn scan(&self, space: Space, bounds: Bounds<'_>, limit: Limit) -> Result<Entries, EngineError> {
        scan(&self.latest(), self.keyspaces.of(space), bounds, limit)
    }
}

/// A snapshot and the spaces to read it through.
struct View {
    snapshot: Snapshot,
    keyspaces: Keyspaces,
}

impl Source for View {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let value = self.snapshot.get(self.keyspaces.of(space), key).map_err(failed("read"))?;
        Ok(value.map(bytes))
    }

    fn scan(&self, space: Space, bounds: Bounds<'_>, limit: Limit) -> Result<Entries, EngineError> {
        scan(&self.snapshot, self.keyspaces.of(space), bounds, limit)
    }
}

impl Keyspaces {
    fn of(&self, space: Space) -> &Keyspace {
        match space {
            Space::Records => &self.records,
            Space::Tombstones => &self.tombstones,
            Space::Meta => &self.meta,
        }
    }
}

/// A key or value of the engine as the rest of the program knows them. A small one is copied, which costs less than to
/// share it, and does not keep the block that it was read from in memory.
fn bytes(slice: Slice) -> Bytes {
    if slice.len() < SEPARATE as usize { Bytes::copy_from_slice(&slice) } else { Bytes::from_owner(slice) }
}

fn scan(
    at: &Snapshot,
    keyspace: &Keyspace,
    bounds: Bounds<'_>,
    limit: Limit,
) -> Result<Entries, EngineError> {
    let mut page = Page::new(limit);
    if !is_void(bounds) {
        let mut entries = at.range::<&[u8], _>(keyspace, bounds);
        while page.has_room()
            && let Some(entry) = entries.next()
        {
            let (key, value) = entry.into_inner().map_err(failed("scan"))?;
            if !page.push(bytes(key), bytes(value)) {
                break;
            }
        }
    }
    Ok(page.entries)
}

fn open(folder: &Path, options: &Options, tuning: Tuning) -> Result<FjallEngine, Error> {
    let database = Database::builder(folder)
        .cache_size(options.cache_bytes)
        .worker_threads(THREADS)
        .max_cached_files(Some(OPEN_FILES))
        // By default large values are compressed on their way into the journal, which delays every commit.
        .journal_compression(CompressionType::None)
        .open()?;
    let compression = if tuning.compress { CompressionType::Lz4 } else { CompressionType::None };
    let keyspace = |space: Space| {
        database.keyspace(space.name(), || {
            let create = KeyspaceCreateOptions::default()
                .max_memtable_size(tuning.memtable_bytes)
                .data_block_size_policy(BlockSizePolicy::all(tuning.block_bytes))
                .data_block_compression_policy(CompressionPolicy::all(compression));
            let separate = tuning.separate_from.filter(|_| space == Space::Records);
            create.with_kv_separation(separate.map(|from| {
                KvSeparationOptions::default()
                    .separation_threshold(from)
                    .file_target_size(LARGE_FILE)
                    .compression(compression)
            }))
        })
    };
    let keyspaces = Keyspaces {
        records: keyspace(Space::Records)?,
        tombstones: keyspace(Space::Tombstones)?,
        meta: keyspace(Space::Meta)?,
    };
    let latest = Mutex::new(database.snapshot());
    let writer = Mutex::new(Tables::default());
    let (waits, separate_from, folder) = (Waits::default(), tuning.separate_from, folder.to_owned());
    Ok(FjallEngine { database, keyspaces, latest, writer, waits, separate_from, folder })
}

fn failed(what: &'static str) -> impl Fn(Error) -> EngineError {
    move |error| EngineError::new(what, error)
}

/// Says what a failure to open means, and what can be done.
fn explain(folder: &Path, error: &Error) -> EngineError {
    let folder = folder.display();
    let words = match error {
        Error::Locked => format!("{folder} is in use by another process: stop that one first"),
        Error::InvalidVersion(_) => {
            format!("{folder} was written by an unknown version of the engine ({error:?})")
        }
        Error::Io(io) => format!("{folder} cannot be used: {io}"),
        other => format!("{folder} is damaged ({other:?}): restore it from a copy"),
    };
    EngineError::new("open", words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_were_written_out_are_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let tuning = Tuning { memtable_bytes: 64 << 10, ..Tuning::default() };
        let engine = FjallEngine::open_tuned(folder.path(), &Options::default(), tuning).unwrap();
        let mut most = 0;
        for number in 0..1000_u32 {
            let mut batch = Batch::default();
            batch.put(Space::Records, number.to_be_bytes().to_vec(), vec![0; 4 << 10]);
            engine.commit(batch).unwrap();
            most = most.max(engine.writer.lock().unwrap().held());
        }
        assert!((2..12).contains(&most), "{most} tables of 64 KiB were kept while 4 MiB were written");
    }

    #[test]
    fn what_is_dead_in_more_than_three_files_of_large_values_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let engine = FjallEngine::open(folder.path(), &Options::default()).unwrap();
        for number in 0..64_u8 {
            let mut batch = Batch::default();
            batch.put(Space::Records, vec![number], vec![number; 2 << 20]);
            engine.commit(batch).unwrap();
        }
        let mut batch = Batch::default();
        (0..64).step_by(2).for_each(|number: u8| batch.remove(Space::Records, vec![number]));
        engine.commit(batch).unwrap();
        engine.reclaim().unwrap();
        let records = &engine.keyspaces.records;
        let (alive, kept) = (32 * (2 << 20), records.disk_space());
        assert!(kept < alive + 3 * LARGE_FILE, "{kept} bytes are kept for {alive}");
        assert_eq!(engine.get(Space::Records, &[1]).unwrap().unwrap(), vec![1; 2 << 20]);
    }
}
