//! Whether reads had to wait for the disk lately.

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A read from memory takes a few microseconds. One that takes longer has waited: for the disk, or for a processor.
const LONG: Duration = Duration::from_micros(50);
/// For the disk, where the system does not say what it has fetched.
const VERY_LONG: Duration = Duration::from_millis(5);
/// What it costs to let another thread read, in microseconds.
const CHANGE: u32 = 10;
/// Microseconds that may have been waited for beyond what changes of threads would have cost.
const ENOUGH: u32 = 500;
/// More than this is not held against the disk, so that one long stall is forgotten after some hundred quick reads.
const MOST: u32 = 5000;

/// Weighs the time that reads wait for the disk against what it costs to let other threads wait: an account into which each
/// wait is paid, and from which each quick read takes the cost of a change. Several threads may lose a payment between
/// them; the next one makes up for it.
#[derive(Debug, Default)]
pub(super) struct Waits {
    microseconds: AtomicU32,
}

impl Waits {
    /// A read of this thread took so long.
    pub(super) fn note(&self, took: Duration) {
        let before = self.microseconds.load(Ordering::Relaxed);
        let now = if took >= LONG && Fetched::has_grown().unwrap_or(took >= VERY_LONG) {
            before.saturating_add(u32::try_from(took.as_micros()).unwrap_or(MOST)).min(MOST)
        } else {
            before.saturating_sub(CHANGE)
        };
        // Usually it is zero and stays so, and the line of the cache with it.
        if now != before {
            self.microseconds.store(now, Ordering::Relaxed);
        }
    }

    /// Whether reads lately waited for longer than changes of threads would have taken.
    pub(super) fn lately(&self) -> bool {
        self.microseconds.load(Ordering::Relaxed) > ENOUGH
    }
}

thread_local! {
    static FETCHED: RefCell<Option<Fetched>> = RefCell::new(Fetched::of_this_thread());
}

/// What a thread has had fetched from disks, as the system counts it: `read_bytes` of `proc_pid_io(5)`.
struct Fetched {
    file: File,
    bytes: u64,
}

impl Fetched {
    fn of_this_thread() -> Option<Self> {
        Some(Self { file: File::open("/proc/thread-self/io").ok()?, bytes: 0 })
    }

    /// Whether this thread has fetched more since it last asked; `None` where the system does not say.
    fn has_grown() -> Option<bool> {
        FETCHED.with_borrow_mut(|fetched| {
            let fetched = fetched.as_mut()?;
            let now = fetched.now()?;
            let before = std::mem::replace(&mut fetched.bytes, now);
            Some(now > before)
        })
    }

    fn now(&self) -> Option<u64> {
        let mut text = [0; 256];
        let length = self.file.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(text.get(..length)?).ok()?;
        text.lines().find_map(|line| line.strip_prefix("read_bytes: "))?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{Advice, fadvise};

    use super::*;

    /// A file on a disk, synced, of which nothing is in memory.
    fn cold_file() -> File {
        let program = std::env::current_exe().unwrap();
        let file = tempfile::tempfile_in(program.parent().unwrap()).unwrap();
        file.write_all_at(&[1; 1 << 16], 0).unwrap();
        file.sync_all().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        file
    }

    /// Reads what is not in memory, or what is, and says that it took so long.
    fn read(waits: &Waits, file: &File, took: Duration) {
        file.read_exact_at(&mut [0], 0).unwrap();
        waits.note(took);
    }

    #[test]
    fn what_came_from_memory_is_not_taken_for_a_wait_however_long_it_took() {
        let (waits, file) = (Waits::default(), cold_file());
        read(&waits, &file, LONG);
        read(&waits, &file, VERY_LONG);
        assert!(!waits.lately());
    }

    #[test]
    fn a_stall_of_the_disk_counts_until_enough_reads_were_quick() {
        let waits = Waits::default();
        read(&waits, &cold_file(), Duration::from_secs(1));
        for _ in 0..(MOST - ENOUGH) / CHANGE {
            assert!(waits.lately());
            waits.note(Duration::ZERO);
        }
        assert!(!waits.lately());
    }

    #[test]
    fn a_disk_that_is_waited_for_often_counts_and_one_that_is_waited_for_rarely_does_not() {
        let wait = Duration::from_micros(100);
        for (quick_between, lately) in [(5, true), (20, false)] {
            let waits = Waits::default();
            for _ in 0..20 {
                read(&waits, &cold_file(), wait);
                (0..quick_between).for_each(|_| waits.note(Duration::ZERO));
            }
            assert_eq!(waits.lately(), lately, "{quick_between} quick reads between two others");
        }
    }
}
