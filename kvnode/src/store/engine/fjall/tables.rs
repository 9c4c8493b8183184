//! The tables in memory that hold records: how much is in them, and who frees them.

use std::any::Any;
use std::sync::Arc;

use ::fjall::{AbstractTree as _, Keyspace};

use super::debt::Merges;

/// The tables in memory that hold records, the active one last.
///
/// fjall frees a table that was written out while it holds a lock that every read and commit needs. For 64 MiB of
/// small records that took 100 to 200 ms, every few seconds under load. With a second hold on the table, fjall's
/// letting go of it costs nothing, and it is freed by a thread that nobody waits for.
#[derive(Default)]
pub(super) struct Tables {
    tables: Vec<Table>,
    /// A new table has begun since somebody took note of it.
    begun: bool,
    pub(super) merges: Merges,
}

struct Table {
    held: Arc<dyn Any + Send + Sync>,
    /// Bytes in it. fjall does not give the type of its tables a name.
    size: Box<dyn Fn() -> u64 + Send>,
    /// Bytes of it that merging will copy.
    small: u64,
}

impl Tables {
    /// Notes that a commit put so many bytes in that merging will copy.
    pub(super) fn grew(&mut self, small: u64) {
        if let Some(active) = self.tables.last_mut() {
            active.small += small;
        }
    }

    /// Takes hold of a new active table, and frees those that only this still holds. Values from `apart` bytes on are
    /// not copied by merging.
    pub(super) fn follow(&mut self, records: &Keyspace, apart: Option<u32>) {
        let active = records.tree.active_memtable();
        let held: Arc<dyn Any + Send + Sync> = active.clone();
        if self.tables.last().is_none_or(|last| !Arc::ptr_eq(&last.held, &held)) {
            self.begun = true;
            // What a start found in it: no more than if every entry were as large as a small one can be.
            let most = apart.map_or(u64::MAX, |apart| active.len() as u64 * u64::from(apart));
            let (small, weak) = (active.size().min(most), Arc::downgrade(&active));
            let size = Box::new(move || weak.upgrade().map_or(0, |table| table.size()));
            drop(active);
            self.tables.push(Table { held, size, small });
        }
        let unused: Vec<Table> =
            self.tables.extract_if(.., |table| Arc::strong_count(&table.held) == 1).collect();
        if !unused.is_empty() {
            // Without a thread to be had, they are freed here.
            let _ = std::thread::Builder::new().name("free-tables".into()).spawn(move || drop(unused));
        }
    }

    /// Whether a new table has begun since this was asked last.
    pub(super) fn has_begun(&mut self) -> bool {
        std::mem::take(&mut self.begun)
    }

    /// Bytes in the active table and the so many sealed ones before it, and those of them that merging will copy.
    /// `all` is what the engine knows of, for tables that are older than this.
    pub(super) fn unflushed(&self, sealed: usize, all: impl FnOnce() -> u64) -> (u64, u64) {
        if sealed >= self.tables.len() {
            let all = all();
            return (all, all);
        }
        let waiting = self.tables.iter().rev().take(1 + sealed);
        waiting.fold((0, 0), |(bytes, small), table| (bytes + (table.size)(), small + table.small))
    }

    /// How many are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.tables.len()
    }
}
