//! How long to wait before a child that ended is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
/// A child that ran this long was well: the next end begins a new row.
const WELL: Duration = Duration::from_secs(30);
/// One end may be an accident and two a coincidence.
const CRASH_LOOP: u32 = 3;

/// The row of ends that a child is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Backoff {
    ends: u32,
}

impl Backoff {
    /// Notes that the child ended after `up`; how long to wait now.
    pub(super) fn ended(&mut self, up: Duration) -> Duration {
        if up >= WELL {
            self.ends = 0;
        }
        self.ends = self.ends.saturating_add(1);
        // 2^7 x 100 ms exceeds the longest already.
        FIRST.saturating_mul(1 << (self.ends - 1).min(7)).min(LONGEST)
    }

    /// Whether the child ends again and again.
    pub(super) fn crash_looping(self) -> bool {
        self.ends >= CRASH_LOOP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_doubles_the_wait_up_to_ten_seconds() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..9).map(|_| backoff.ended(Duration::ZERO).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert!(backoff.crash_looping());
    }

    #[test]
    fn half_a_minute_of_work_begins_anew() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.ended(Duration::from_secs(29));
        }
        assert!(backoff.crash_looping());
        assert_eq!(backoff.ended(Duration::from_secs(30)), FIRST);
        assert!(!backoff.crash_looping());
    }
}
