//! What the writer's thread counts, for others to read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::protocol::Vitals;

/// Stands for "the system does not tell".
const UNKNOWN: u64 = u64::MAX;

/// Numbers that only the writer's thread writes.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    commits: AtomicU64,
    writes: AtomicU64,
    commit_us: AtomicU64,
    free_bytes: AtomicU64,
}

impl Meter {
    /// Counts a commit of so many clients' writes.
    pub(super) fn count(&self, writes: usize, length: Duration) {
        let us = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        for (counter, more) in [(&self.commits, 1), (&self.writes, writes as u64), (&self.commit_us, us)] {
            // One thread writes, so that a load and a store lose nothing.
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
        }
    }

    /// Notes how many bytes of the disk are free.
    pub(super) fn see_free(&self, bytes: Option<u64>) {
        self.free_bytes.store(bytes.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    /// How many of clients' writes were committed.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Its part of the vitals.
    pub(crate) fn vitals(&self) -> Vitals {
        let free = self.free_bytes.load(Ordering::Relaxed);
        Vitals {
            commits: self.commits.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            commit_us: self.commit_us.load(Ordering::Relaxed),
            free_bytes: (free != UNKNOWN).then_some(free),
            ..Vitals::default()
        }
    }
}
