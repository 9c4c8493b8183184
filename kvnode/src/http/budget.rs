//! How many bytes of values may be in memory at once, over all connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// A number of bytes that whoever holds a value takes from and gives back. Nobody waits: what does not fit is
/// refused at once, so that overload never becomes a queue without end.
#[derive(Debug, Clone)]
pub struct Budget {
    left: Arc<AtomicUsize>,
}

/// Bytes taken from a [`Budget`]; given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// So many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(bytes)) }
    }

    /// A share that holds nothing yet.
    #[must_use]
    pub fn share(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }

    /// Whether so many bytes could be had at this moment.
    #[must_use]
    pub fn has(&self, bytes: usize) -> bool {
        self.left.load(Ordering::Relaxed) >= bytes
    }

    /// `value`, counted until its last clone is dropped; `None` where it does not fit.
    #[must_use]
    pub fn count(&self, value: Bytes) -> Option<Bytes> {
        let mut share = self.share();
        share.grow(value.len()).then(|| Bytes::from_owner(Counted { value, _share: share }))
    }
}

impl Share {
    /// Takes more; false = it does not fit, and nothing was taken.
    pub fn grow(&mut self, bytes: usize) -> bool {
        // Relaxed: the number protects no other memory.
        let taken = self
            .budget
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        self.bytes += if taken.is_ok() { bytes } else { 0 };
        taken.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

struct Counted {
    value: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_takes_nothing() {
        let budget = Budget::new(10);
        let mut share = budget.share();
        assert!(share.grow(7) && !share.grow(4) && share.grow(3));
        assert!(!budget.has(1));
        drop(share);
        assert!(budget.has(10) && !budget.has(11));
    }

    #[test]
    fn a_counted_value_is_given_back_with_its_last_clone() {
        let budget = Budget::new(10);
        let value = budget.count(Bytes::from_static(b"eight by")).unwrap();
        let part = value.slice(1..3);
        assert!(budget.count(Bytes::from_static(b"abc")).is_none());
        drop(value);
        assert!(!budget.has(10));
        drop(part);
        assert!(budget.has(10));
    }
}
