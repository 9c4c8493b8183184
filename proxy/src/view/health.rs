//! Whether a node is worth asking.

use std::sync::atomic::{AtomicBool, Ordering};

/// What the cluster's probes say about one process of a node. Read by every request, written when it changes.
///
/// It says only whether to try. A node that is down still owns its keys: they are answered with 503, and never
/// routed elsewhere.
#[derive(Debug, Default)]
pub struct Health {
    down: AtomicBool,
}

impl Health {
    /// Whether requests should fail at once instead of trying.
    #[must_use]
    pub fn is_down(&self) -> bool {
        // Nothing else is published with this flag, so no ordering is needed.
        self.down.load(Ordering::Relaxed)
    }

    /// Says what the probes found.
    pub fn set_down(&self, down: bool) {
        // The cache line stays shared by all workers for as long as nothing changes.
        if self.is_down() != down {
            self.down.store(down, Ordering::Relaxed);
        }
    }
}
