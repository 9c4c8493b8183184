//! How many bytes of disk fjall may still take for what it has accepted, and how it gives some back.
//!
//! fjall cannot be told that there is no room: where a flush or a merge finds none, its thread ends and the database
//! takes no commit any more. So nothing is accepted that these could not be carried out with. What they need, read in
//! the source of fjall 3.1.13 and lsm-tree 3.1.10, and measured (docs/storage.md):
//!
//! - **Flushes.** All that is in a table in memory is in a journal, and is written a second time when the table is
//!   written out. The journal goes only afterwards.
//! - **Merges of tables.** All of level 0 and what overlaps of level 1 is read, and written anew before it goes. Deeper
//!   down it is the smallest window of the next level with what it covers. A small tree is merged whole.
//! - **Rewriting large values.** A merge rewrites what is alive in the oldest quarter of the files of large values of
//!   which a quarter or more is dead.
//!
//! Files that were merged stay until all readers have gone on to a newer version, which fjall looks at when it seals
//! a table. They are not counted here: they take room already.

use std::path::Path;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use ::fjall::{AbstractTree as _, Keyspace, PersistMode};

use super::super::{Batch, EngineError, Space};
use super::{FjallEngine, STUCK, Tables, failed};
use crate::store::folder::free_bytes;

/// Size of a table that a merge writes: fjall's default.
const TABLE: u64 = 64 << 20;
/// Tables that a merge below level 1 may read: the levels are each ten times as large as the one above.
const DEEP_TABLES: u64 = 12;
/// What every file needs for its own: index, filter and list of tables.
const EXTRA: u64 = 1 << 20;
/// For how long the tables on disk are taken to be what they were. They change when a table is written out.
const FRESH: Duration = Duration::from_millis(250);
/// Free bytes that tidying leaves.
const KEPT: u64 = 4 << 20;
/// Merges of everything in one go of tidying.
const PASSES: u32 = 8;
/// What a start writes besides: the boot's notes, lists of tables.
const FOR_A_START: u64 = 4 << 20;
/// What may be written of a table before a start looks.
const BEGUN: u64 = 16 << 20;
/// A key of the node's notes that never has a value.
const NO_NOTE: &[u8] = b"none";

/// What merges of the tables on disk may take, and when that was found out.
#[derive(Debug, Default)]
pub(super) struct Merges {
    bytes: u64,
    sealed: usize,
    at: Option<Instant>,
}

impl FjallEngine {
    pub(super) fn debt_now(&self) -> u64 {
        let mut tables = super::lock(&self.writer);
        let (waiting, small) = self.in_memory(&mut tables);
        let records = &self.keyspaces.records;
        let sealed = records.sealed_memtable_count();
        let merges = &mut tables.merges;
        if merges.sealed != sealed || merges.at.is_none_or(|at| at.elapsed() >= FRESH) {
            *merges = Merges { bytes: merging(records), sealed, at: Some(Instant::now()) };
        }
        // Small values are merged after they were written out.
        waiting + small + merges.bytes + EXTRA
    }

    /// What writing out the tables in memory takes, an index and a filter included; and the bytes of small values.
    fn in_memory(&self, tables: &mut Tables) -> (u64, u64) {
        let records = &self.keyspaces.records;
        tables.follow(records, self.separate_from);
        let (waiting, small) =
            tables.unflushed(records.sealed_memtable_count(), || records.tree.version_memtable_size_sum());
        let notes: u64 = [&self.keyspaces.tombstones, &self.keyspaces.meta]
            .into_iter()
            .map(|space| space.tree.active_memtable().size() * (1 + space.sealed_memtable_count() as u64))
            .sum();
        let waiting = waiting + notes;
        (waiting + waiting / 16, small)
    }

    /// Writes out what is in memory, and merges the tables so that deleted and replaced values go, as far as there is
    /// room for it.
    pub(super) fn tidy(&self) -> Result<(), EngineError> {
        let (in_memory, _) = self.in_memory(&mut super::lock(&self.writer));
        if !self.has_room_for(in_memory) {
            return Ok(());
        }
        self.write_out()?;
        self.let_go()?;
        let records = &self.keyspaces.records;
        for _ in 0..PASSES {
            let dead = records.fragmented_blob_bytes();
            if records.table_count() == 0 || !self.has_room_for(whole(records)) {
                break;
            }
            records.major_compact().map_err(failed("merge"))?;
            self.let_go()?;
            // Each pass rewrites some files of large values only, the oldest first.
            let now = records.fragmented_blob_bytes();
            if now == 0 || now == dead {
                break;
            }
        }
        Ok(())
    }

    fn has_room_for(&self, bytes: u64) -> bool {
        free_bytes(&self.folder).is_ok_and(|free| free >= bytes + KEPT)
    }

    /// Deletes the files that were merged away. Readers go on to the merged tables with the next commit, and sealing a
    /// table lets go of the old ones.
    fn let_go(&self) -> Result<(), EngineError> {
        let mut nothing = Batch::default();
        nothing.remove(Space::Meta, NO_NOTE);
        self.put(nothing)?;
        self.keyspaces.meta.rotate_memtable().map_err(failed("write out"))?;
        Ok(())
    }

    /// Seals and writes out all tables in memory, after which no journal but the newest is needed.
    fn write_out(&self) -> Result<(), EngineError> {
        for space in Space::ALL {
            self.keyspaces.of(space).rotate_memtable().map_err(failed("write out"))?;
        }
        let start = Instant::now();
        while Space::ALL.into_iter().any(|space| self.keyspaces.of(space).sealed_memtable_count() > 0) {
            // Says so when a background thread has failed.
            self.database.persist(PersistMode::Buffer).map_err(failed("write out"))?;
            if start.elapsed() > STUCK {
                return Err(EngineError::new("write out", format!("not within {} s", STUCK.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// After a commit. Where a new table of records has begun, seals those of the node's notes too: a journal stays
    /// until all that it holds is written out, and so small tables as theirs would keep journals for hours.
    pub(super) fn seal_notes(&self, mut tables: MutexGuard<'_, Tables>) -> Result<(), EngineError> {
        tables.follow(&self.keyspaces.records, self.separate_from);
        let begun = tables.has_begun();
        drop(tables);
        if begun {
            for space in [Space::Tombstones, Space::Meta] {
                self.keyspaces.of(space).rotate_memtable().map_err(failed("commit"))?;
            }
        }
        Ok(())
    }
}

/// What the merges of a space may take at once.
fn merging(space: &Keyspace) -> u64 {
    let sizes = level_sizes(space);
    let all: u64 = sizes.iter().sum();
    let mut levels = sizes.into_iter();
    let level_0 = levels.next().unwrap_or(0);
    let level_1 = levels.by_ref().find(|size| *size > 0).unwrap_or(0);
    let deeper = if levels.any(|size| size > 0) { DEEP_TABLES * TABLE } else { 0 };
    all.min(level_0 + level_1 + deeper) + rewriting(space, all)
}

/// What merging all of a space at once may take.
fn whole(space: &Keyspace) -> u64 {
    let tables = level_sizes(space).iter().sum();
    let all = tables + rewriting(space, tables);
    // Where that is more than merges are known to take, tables that are written out meanwhile need room too.
    if all > merging(space) { all + 4 * TABLE } else { all }
}

/// What rewriting large values may take, in one merge. Of a file that is rewritten at most three quarters are alive,
/// which is three times what is dead in it; and it is one file in four.
fn rewriting(space: &Keyspace, tables: u64) -> u64 {
    let large = space.disk_space().saturating_sub(tables);
    (3 * space.fragmented_blob_bytes()).min(large / 16 * 3)
}

fn level_sizes(space: &Keyspace) -> Vec<u64> {
    let mut sizes = Vec::new();
    for level in space.tree.current_version().iter_levels() {
        sizes.push(level.size());
    }
    sizes
}

/// Refuses a start for which there is no room, in words that say how much to free: the notes of a start, or, once the
/// database is open, writing out the tables that were sealed before. fjall begins with that at once.
pub(super) fn refuse_full(folder: &Path, opened: Option<&FjallEngine>) -> Result<(), EngineError> {
    let sealed = |space: &Keyspace| {
        space.tree.version_memtable_size_sum().saturating_sub(space.tree.active_memtable().size())
    };
    let sealed: u64 = opened
        .map_or(0, |engine| Space::ALL.into_iter().map(|space| sealed(engine.keyspaces.of(space))).sum());
    // Some of it may be written already.
    let needed = (sealed + sealed / 16).saturating_sub(BEGUN).max(FOR_A_START);
    match free_bytes(folder) {
        Ok(free) if free < needed => Err(EngineError::new(
            "open",
            format!(
                "the disk of {} is full: {free} bytes are left and a start needs {needed}; free at least {} bytes",
                folder.display(),
                needed - free
            ),
        )),
        _ => Ok(()),
    }
}
