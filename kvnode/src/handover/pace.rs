//! How large pages are, and how long the copy rests between them.
//!
//! One message is under way at a time, so a client's write waits for the page before it. How long a page takes is
//! measured from sending to its acknowledgement, and the next one is made as large as fits into a bound.

use std::time::Duration;

use crate::store::ranges::PAGE;

/// How long a page may take while no client waits: the new owner's other clients do.
const ALONE: Duration = Duration::from_millis(6);
/// How long a page may take while clients ask this node: their writes wait for it at the new owner.
const BESIDE_CLIENTS: Duration = Duration::from_millis(2);
/// For each request of a client the copy rests about as long as one costs all who take part in it.
const REST: Duration = Duration::from_micros(100);
/// But no longer than this many times what the page took, so that it comes to an end under any load.
const LONGEST_REST: u32 = 2;
/// Nor than this: a page that took seconds was held up by something else.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// Below this, what a message costs by itself would be most of it.
const SMALLEST: usize = 64 << 10;

/// The size of the next page.
#[derive(Debug)]
pub(super) struct Pace {
    bytes: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { bytes: SMALLEST }
    }
}

impl Pace {
    /// About as many bytes as the next page may have.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A page of `size` bytes took so long, and so many requests of clients came since the one before. Gives how long
    /// the copy is to rest, so that the nodes have time for them.
    pub(super) fn took(&mut self, size: usize, time: Duration, requests: u64) -> Duration {
        let bound = if requests > 0 { BESIDE_CLIENTS } else { ALONE };
        let fitting = size as u128 * bound.as_nanos() / time.as_nanos().max(1);
        let fitting = usize::try_from(fitting).unwrap_or(usize::MAX);
        // Up slowly and down fast: one page that was quick says little.
        self.bytes = fitting.clamp(self.bytes / 2, self.bytes + self.bytes / 8).clamp(SMALLEST, PAGE.bytes);
        let rest = REST.saturating_mul(u32::try_from(requests).unwrap_or(u32::MAX));
        rest.min(time * LONGEST_REST).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NANOSECOND: Duration = Duration::from_nanos(1);

    /// What comes of it where a byte takes `per_byte` nanoseconds and each page a millisecond more.
    fn settled(per_byte: u32, requests: u64) -> (usize, Duration) {
        let (mut pace, mut time) = (Pace::default(), Duration::ZERO);
        for _ in 0..50 {
            let size = pace.bytes();
            time = Duration::from_millis(1) + NANOSECOND * u32::try_from(size).unwrap() * per_byte;
            pace.took(size, time, requests);
        }
        (pace.bytes(), time)
    }

    #[test]
    fn pages_become_as_large_as_their_time_allows() {
        let near = |time: Duration, bound: Duration| (bound.mul_f64(0.9)..bound.mul_f64(1.1)).contains(&time);
        assert!(near(settled(10, 0).1, ALONE));
        assert!(near(settled(10, 1).1, BESIDE_CLIENTS));
    }

    #[test]
    fn pages_stay_within_their_bounds_on_the_fastest_and_the_slowest_node() {
        assert_eq!(settled(0, 0).0, PAGE.bytes);
        assert_eq!(settled(10_000, 9).0, SMALLEST);
    }

    #[test]
    fn the_copy_rests_for_each_request_and_never_for_ever() {
        let rests =
            |ms, requests| Pace::default().took(1000, Duration::from_millis(ms), requests).as_micros();
        assert_eq!([rests(3, 0), rests(3, 1), rests(3, 20), rests(3, u64::MAX)], [0, 100, 2000, 6000]);
        assert_eq!(rests(1900, u64::MAX), 100_000);
    }
}
