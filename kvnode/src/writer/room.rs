//! Whether the disk has room for what a command brings.
//!
//! Free bytes, less the [debt](Engine::debt) of the engine, less the reserve: so much may be taken in. Each command is
//! counted against it before it is let in, and an eighth of it spent is reason enough for another look.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::FreeBytes;
use crate::store::engine::Engine;

/// A value is written to the journal, to a table, and once more when tables are merged.
const TIMES: u64 = 3;
/// What any change takes besides its bytes.
const OVERHEAD: u64 = 256;
/// Free bytes that even deletes leave, for the node's own notes; at most a quarter of the reserve.
const FLOOR: i64 = 4 << 20;
/// For how long a look holds where there is plenty of room.
const FRESH: Duration = Duration::from_millis(10);
/// The longest time that a part of a table, or of a merge, may be counted twice.
const TWICE: Duration = Duration::from_secs(60);
/// The shortest time between two attempts to get room back after something was replaced or deleted.
const PAUSE: Duration = Duration::from_secs(1);
/// The time between the first two attempts of a disk that stays full; it doubles with each. A reader may have held
/// what was merged away, so that the attempt before got nothing back.
const AGAIN: Duration = Duration::from_secs(2);
/// The longest: it may merge everything.
const LONG_PAUSE: Duration = Duration::from_secs(300);
/// For how long deletes are let come before the engine tidies up.
const BURST: Duration = Duration::from_millis(300);
/// After so long a time of being full the engine tidies up without a known reason: what an earlier process replaced, or
/// a move deleted, is not noted.
const UNNOTED: Duration = Duration::from_secs(10);

/// Watches the room on the disk, and lets the engine tidy up where there is none.
pub(crate) struct Room {
    free_bytes: FreeBytes,
    /// New values leave so many bytes.
    reserve: i64,
    engine: Arc<dyn Engine>,
    /// Free bytes at the last look.
    free: Option<u64>,
    /// The same, less the debt of the engine and what was let in since. Not known = no limit.
    left: Option<i64>,
    /// While so much is left, a look need not be repeated at once.
    plenty: i64,
    looked: Instant,
    /// The same for deletes, and when it was found: the most of the last minute. While tables are written, what is
    /// written of them already is counted twice.
    for_deletes: (i64, Instant),
    /// A value was refused since the last look.
    refused: bool,
    /// Since when the disk is full.
    full: Option<Instant>,
    /// Something was replaced or deleted since the engine tidied up last.
    freed: bool,
    tidying: Arc<AtomicBool>,
    tidied: Option<Instant>,
    /// How long after that it tidies up again, should nothing more be freed.
    again: Duration,
}

impl Room {
    pub(crate) fn new(free_bytes: FreeBytes, reserve: u64, engine: Arc<dyn Engine>) -> Self {
        Self {
            free_bytes,
            reserve: signed(reserve),
            engine,
            free: None,
            left: None,
            plenty: i64::MAX,
            looked: Instant::now(),
            for_deletes: (0, Instant::now()),
            refused: false,
            full: None,
            freed: false,
            tidying: Arc::default(),
            tidied: None,
            again: AGAIN,
        }
    }

    /// Before a batch: looks at the disk, unless it was looked at just now and there is plenty. While it is full, has
    /// the engine tidy up as soon as that may help.
    pub(crate) fn look(&mut self) {
        if self.looked.elapsed() < FRESH && self.left.is_some_and(|left| left > self.plenty) {
            return;
        }
        self.free = (self.free_bytes)();
        self.looked = Instant::now();
        self.left = self.free.map(|free| signed(free).saturating_sub(signed(self.engine.debt())));
        let more = self.left.map_or(0, |left| left.saturating_sub(self.reserve));
        self.plenty = if more > 0 { self.reserve.saturating_add(more / 8 * 7) } else { i64::MAX };
        if let Some(left) = self.left
            && (left > self.for_deletes.0 || self.for_deletes.1.elapsed() > TWICE)
        {
            self.for_deletes = (left, Instant::now());
        }
        let full = self.left.is_some_and(|left| left < self.reserve) || std::mem::take(&mut self.refused);
        self.full = full.then(|| self.full.unwrap_or_else(Instant::now));
        if self.is_to_tidy(Instant::now()) {
            self.tidy();
        }
    }

    /// Free bytes of the disk at the last look; `None` where the system does not tell.
    pub(crate) fn free(&self) -> Option<u64> {
        self.free
    }

    /// Notes that a value was replaced or deleted: its room can be had back.
    pub(crate) fn frees(&mut self) {
        self.freed = true;
        self.again = AGAIN;
    }

    fn is_to_tidy(&self, now: Instant) -> bool {
        match (self.full, self.tidied) {
            (None, _) => false,
            (Some(full), None) => self.freed || now - full >= UNNOTED,
            (Some(_), Some(tidied)) => now - tidied >= if self.freed { PAUSE } else { self.again },
        }
    }

    /// Whether a new value of so many bytes, its key included, may be let in; if so, it counts as let in.
    pub(crate) fn takes(&mut self, bytes: usize) -> bool {
        let cost = signed((bytes as u64 + OVERHEAD).saturating_mul(TIMES));
        let takes = self.left.is_none_or(|left| left.saturating_sub(cost) >= self.reserve);
        if takes {
            self.spend(cost);
        }
        self.refused |= !takes;
        takes
    }

    /// Whether one more delete may be let in; if so, it counts as let in.
    pub(crate) fn deletes(&mut self) -> bool {
        let cost = signed(OVERHEAD * TIMES);
        let lets_in = self.left.is_none() || self.for_deletes.0 - cost >= FLOOR.min(self.reserve / 4);
        if lets_in {
            self.spend(cost);
        }
        lets_in
    }

    fn spend(&mut self, cost: i64) {
        if let Some(left) = &mut self.left {
            *left -= cost;
        }
        self.for_deletes.0 = self.for_deletes.0.saturating_sub(cost);
    }

    fn tidy(&mut self) {
        if self.tidying.swap(true, Ordering::Acquire) {
            return;
        }
        let (engine, tidying) = (self.engine.clone(), self.tidying.clone());
        let tidy = move || {
            // One go serves all of a burst of deletes.
            std::thread::sleep(BURST);
            if let Err(error) = engine.reclaim() {
                tracing::warn!(%error, "the disk is full, and getting room back failed");
            }
            tidying.store(false, Ordering::Release);
        };
        if !std::mem::take(&mut self.freed) {
            self.again = (self.again * 2).min(LONG_PAUSE);
        }
        self.tidied = Some(Instant::now());
        if let Err(error) = std::thread::Builder::new().name("tidy".to_owned()).spawn(tidy) {
            tracing::warn!(%error, "the disk is full, and there is no thread to get room back");
            self.tidying.store(false, Ordering::Release);
        }
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::store::engine::memory::MemoryEngine;

    const MIB: u64 = 1 << 20;

    /// A room with a reserve of 64 MiB on a disk with so many free bytes, which can be changed.
    fn room(free: u64) -> (Room, Arc<AtomicU64>) {
        let free = Arc::new(AtomicU64::new(free));
        let seen = free.clone();
        let look = Box::new(move || Some(seen.load(Ordering::Relaxed)));
        let mut room = Room::new(look, 64 * MIB, Arc::new(MemoryEngine::default()));
        room.look();
        (room, free)
    }

    #[test]
    fn what_was_let_in_since_the_last_look_counts() {
        let (mut room, _) = room(94 * MIB);
        let mut let_in = 0;
        while room.takes(1 << 20) {
            let_in += 1;
        }
        assert_eq!(let_in, 9, "of 30 MiB above the reserve, 3 for each value of 1 MiB");
        assert!(room.takes(1000), "a small one may still fit");
    }

    #[test]
    fn a_full_disk_takes_deletes_and_with_room_again_values() {
        let (mut room, free) = room(60 * MIB);
        assert!(!room.takes(0));
        assert!(room.deletes());
        free.store(100 * MIB, Ordering::Relaxed);
        room.look();
        assert!(room.takes(1 << 20));
    }

    #[test]
    fn deletes_leave_room_for_the_notes_of_the_node() {
        let (mut room, _) = room(5 * MIB);
        let deletes = (0..10_000).take_while(|_| room.deletes()).count();
        assert!((1000..2000).contains(&deletes), "{deletes}");
    }

    #[test]
    fn a_disk_that_stays_full_is_tidied_again_ever_more_seldom() {
        let (mut room, _) = room(60 * MIB);
        let start = Instant::now();
        let mut now = start;
        assert!(room.full.is_some() && !room.is_to_tidy(now), "nothing is known that could be had back");
        room.frees();
        let mut tidied = Vec::new();
        while now - start < Duration::from_secs(3600) {
            if room.is_to_tidy(now) {
                room.tidy();
                room.tidying.store(false, Ordering::Release);
                room.tidied = Some(now);
                tidied.push((now - start).as_secs());
            }
            now += Duration::from_millis(500);
        }
        assert_eq!(tidied[..6], [0, 2, 6, 14, 30, 62]);
        assert!(tidied.len() < 22, "{tidied:?}");
        room.frees();
        assert!(room.is_to_tidy(now), "what is freed is had back at once");
    }

    #[test]
    fn a_disk_that_does_not_say_what_is_free_limits_nothing() {
        let mut room = Room::new(Box::new(|| None), 64 * MIB, Arc::new(MemoryEngine::default()));
        room.look();
        assert!(room.takes(1 << 30) && room.deletes());
    }
}
