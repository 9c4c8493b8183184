//! Coarse deadlines for the connections of one worker.
//!
//! A timer per request would cost a registration with the runtime, and often a system call. Here a deadline is a
//! number in a table: setting it is a store, and one task scans the table every [`TICK`]. Ten thousand
//! connections are 40 KB to look through.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::{Duration, Instant};

/// How often deadlines are looked at; they are never early, and late by at most two ticks.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// A point in time or a length of it, in ticks.
pub(super) type Ticks = u32;

/// Later than ever.
pub(super) const NEVER: Ticks = Ticks::MAX;
/// The mark of a deadline that has passed.
const OVER: Ticks = 0;

/// The deadlines of one worker.
#[derive(Debug)]
pub(super) struct Deadlines {
    start: Instant,
    now: Cell<Ticks>,
    at: RefCell<Vec<Ticks>>,
    wakers: RefCell<Vec<Option<Waker>>>,
    free: RefCell<Vec<usize>>,
}

/// One deadline that can be moved as often as one likes. It wakes one task.
#[derive(Debug)]
pub(super) struct Deadline {
    home: Rc<Deadlines>,
    slot: usize,
}

/// A length of time in ticks, rounded up.
pub(super) fn ticks(length: Duration) -> Ticks {
    Ticks::try_from(length.as_millis().div_ceil(TICK.as_millis())).unwrap_or(NEVER)
}

impl Deadlines {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            start: Instant::now(),
            now: Cell::new(1),
            at: RefCell::default(),
            wakers: RefCell::default(),
            free: RefCell::default(),
        })
    }

    /// A deadline in the far future.
    pub(super) fn add(self: &Rc<Self>) -> Deadline {
        let slot = self.free.borrow_mut().pop().unwrap_or_else(|| {
            self.at.borrow_mut().push(NEVER);
            self.wakers.borrow_mut().push(None);
            self.at.borrow().len() - 1
        });
        Deadline { home: Rc::clone(self), slot }
    }

    /// Looks at the clock, and wakes whoever's deadline has passed. To be called every [`TICK`].
    pub(super) fn tick(&self) {
        self.advance(ticks(self.start.elapsed()).saturating_add(1));
    }

    fn advance(&self, now: Ticks) {
        self.now.set(now);
        for (at, waker) in self.at.borrow_mut().iter_mut().zip(self.wakers.borrow().iter()) {
            if *at <= now && *at != OVER {
                *at = OVER;
                if let Some(waker) = waker {
                    waker.wake_by_ref();
                }
            }
        }
    }

    /// Wakes every task, for news that concern all of them.
    pub(super) fn wake_all(&self) {
        self.wakers.borrow().iter().flatten().for_each(Waker::wake_by_ref);
    }
}

impl Deadline {
    /// The point in time after so many ticks from now.
    pub(super) fn after(&self, length: Ticks) -> Ticks {
        // One more, because the present tick has begun already.
        self.home.now.get().saturating_add(length).saturating_add(1)
    }

    /// Moves the deadline.
    pub(super) fn set(&self, at: Ticks) {
        if let Some(slot) = self.home.at.borrow_mut().get_mut(self.slot) {
            *slot = at;
        }
    }

    /// Whether it has passed since it was last moved.
    pub(super) fn is_over(&self) -> bool {
        self.home.at.borrow().get(self.slot) == Some(&OVER)
    }

    /// Which task to wake.
    pub(super) fn wake(&self, waker: &Waker) {
        if let Some(slot) = self.home.wakers.borrow_mut().get_mut(self.slot) {
            *slot = Some(waker.clone());
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.set(NEVER);
        if let Some(slot) = self.home.wakers.borrow_mut().get_mut(self.slot) {
            *slot = None;
        }
        self.home.free.borrow_mut().push(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_deadline_is_never_early_and_wakes_once() {
        let deadlines = Deadlines::new();
        let (deadline, woken) = (deadlines.add(), Arc::new(Woken::default()));
        deadline.wake(&Waker::from(Arc::clone(&woken)));
        deadline.set(deadline.after(2));
        deadlines.advance(3);
        assert!(!deadline.is_over());
        for now in 4..10 {
            deadlines.advance(now);
        }
        assert!(deadline.is_over());
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn moving_a_deadline_takes_back_that_it_was_over() {
        let deadlines = Deadlines::new();
        let deadline = deadlines.add();
        deadline.set(deadline.after(0));
        deadlines.advance(5);
        assert!(deadline.is_over());
        deadline.set(deadline.after(1));
        assert!(!deadline.is_over());
    }

    #[test]
    fn a_slot_is_used_again_without_its_past() {
        let deadlines = Deadlines::new();
        let first = deadlines.add();
        first.set(first.after(0));
        deadlines.advance(9);
        drop(first);
        let second = deadlines.add();
        assert!(!second.is_over());
        assert_eq!(deadlines.at.borrow().len(), 1);
    }

    #[test]
    fn lengths_are_rounded_up_to_ticks() {
        assert_eq!(ticks(Duration::from_millis(1)), 1);
        assert_eq!(ticks(Duration::from_millis(100)), 2);
        assert_eq!(ticks(Duration::MAX), NEVER);
    }
}
