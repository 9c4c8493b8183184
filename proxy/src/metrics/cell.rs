//! Numbers that one thread writes and others may read.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
///
/// Only one thread may write it: a load and a store are several times cheaper than an atomic add, and two
/// writers would lose counts (nothing worse).
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// A number that grows and shrinks. As with [`Counter`], only one thread may write it.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Counter {
    pub(super) const fn zero() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts `n` more.
    pub fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// `n` more.
    pub fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    /// `n` fewer.
    pub fn sub(&self, n: u64) {
        self.0.store(self.get().saturating_sub(n), Ordering::Relaxed);
    }

    /// How many now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
