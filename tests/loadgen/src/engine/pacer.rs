//! Hands out the operations of an open loop when they are due: to a client that waits, or to the next that is free.
//! Whatever a client is late by is part of the latency, because it is counted from when the operation was due.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::stream::Operation;

use super::alarm::Alarm;

/// Operations looked at in a row before clients get their turn.
const BATCH: u32 = 64;

/// An operation, and when it should have begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) operation: Operation,
    pub(super) since: Instant,
}

/// Of one thread.
pub(super) struct Pacer(RefCell<State>);

struct State {
    /// Due, and nobody was free.
    backlog: VecDeque<Due>,
    /// Clients that are free, the longest first: all connections are used alike.
    free: VecDeque<usize>,
    seats: Vec<Seat>,
    /// Nothing more becomes due; what is left is begun until then.
    give_up: Option<Instant>,
}

#[derive(Default)]
struct Seat {
    waker: Option<Waker>,
    waits: bool,
    due: Option<Due>,
}

impl Pacer {
    pub(super) fn new(clients: usize) -> Self {
        let seats = (0..clients).map(|_| Seat::default()).collect();
        Self(RefCell::new(State { backlog: VecDeque::new(), free: VecDeque::new(), seats, give_up: None }))
    }

    /// Lets operations become due until they or the time end; clients may begin what is left until `grace`
    /// after it.
    pub(super) async fn run(
        &self,
        operations: impl Iterator<Item = (Duration, Operation)>,
        start: Instant,
        end: Option<Instant>,
        grace: Duration,
    ) -> std::io::Result<()> {
        let alarm = Alarm::new()?;
        let mut row = 0;
        for (at, operation) in operations {
            let since = start + at;
            if end.is_some_and(|end| since >= end) {
                break;
            }
            row += 1;
            if since > Instant::now() {
                alarm.until(since).await?;
            } else if row % BATCH == 0 {
                tokio::task::yield_now().await;
            }
            self.0.borrow_mut().hand_out(Due { operation, since });
        }
        let mut state = self.0.borrow_mut();
        state.give_up = Some(Instant::now() + grace);
        state.seats.iter_mut().filter_map(|seat| seat.waker.take()).for_each(Waker::wake);
        Ok(())
    }

    /// The next one for this client; `None` when there will be no more.
    pub(super) async fn next(&self, client: usize) -> Option<Due> {
        poll_fn(|cx| {
            let state = &mut *self.0.borrow_mut();
            let seat = &mut state.seats[client];
            if let Some(due) = seat.due.take() {
                return Poll::Ready(Some(due));
            }
            if state.give_up.is_some_and(|give_up| state.backlog.is_empty() || Instant::now() > give_up) {
                return Poll::Ready(None);
            }
            if !seat.waits {
                if let Some(due) = state.backlog.pop_front() {
                    return Poll::Ready(Some(due));
                }
                seat.waits = true;
                state.free.push_back(client);
            }
            seat.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// What nobody has begun.
    pub(super) fn left(&self) -> VecDeque<Due> {
        std::mem::take(&mut self.0.borrow_mut().backlog)
    }
}

impl State {
    fn hand_out(&mut self, due: Due) {
        let Some(client) = self.free.pop_front() else {
            return self.backlog.push_back(due);
        };
        let seat = &mut self.seats[client];
        seat.waits = false;
        seat.due = Some(due);
        if let Some(waker) = seat.waker.take() {
            waker.wake();
        }
    }
}
