//! Whether a node is worth asking.

use std::sync::atomic::{AtomicU32, Ordering};

/// What the cluster's probes say about one process of a node. Read by every request, written when it changes.
///
/// It says only whether to try. A node that is down still owns its keys: they are answered with 503, and never
/// routed elsewhere.
#[derive(Debug, Default)]
pub struct Health {
    turns: AtomicU32,
}

impl Health {
    /// Whether requests should fail at once instead of trying.
    #[must_use]
    pub fn is_down(&self) -> bool {
        !self.turns().is_multiple_of(2)
    }

    /// How often it went down or came up again, modulo 2^32: odd while it is down. Whoever finds another number than
    /// before has missed that it was down, however short.
    #[must_use]
    pub fn turns(&self) -> u32 {
        // Nothing else is published with this number, so no ordering is needed.
        self.turns.load(Ordering::Relaxed)
    }

    /// Says what the probes found.
    pub fn set_down(&self, down: bool) {
        let turns = self.turns();
        // The cache line stays shared by all workers for as long as nothing changes. Of two that find the same change
        // at once one counts it.
        if turns.is_multiple_of(2) == down {
            let _ = self.turns.compare_exchange(
                turns,
                turns.wrapping_add(1),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }
}
