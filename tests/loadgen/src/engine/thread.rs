//! One thread of the load: its runtime, its clients, and what they have counted since the last second.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, LocalOptions};
use tokio::task::{JoinHandle, spawn_local};

use crate::connection::Trouble;
use crate::machine;
use crate::plan::{Load, Plan, Until};
use crate::schedule::Schedule;
use crate::stream::Stream;
use crate::tally::Tally;

use super::client::Client;
use super::pacer::Pacer;

/// What a thread has counted in one second.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) second: u64,
    pub(super) tally: Tally,
}

/// What the clients of a thread share.
pub(super) struct Thread {
    pub(super) plan: Arc<Plan>,
    pub(super) start: Instant,
    pub(super) end: Option<Instant>,
    pub(super) tally: RefCell<Tally>,
    at_work: Cell<u64>,
    /// The most of this second.
    peak: Cell<u64>,
}

/// Runs this thread's part of the plan; the moment of its last answer.
pub(super) fn run(
    plan: &Arc<Plan>,
    number: u32,
    start: Instant,
    slices: &Sender<Slice>,
) -> Result<Instant, String> {
    if let Some(cpu) = plan.cpus.get(number as usize % plan.cpus.len().max(1)) {
        machine::bind(*cpu)?;
    }
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let end = match plan.until {
        Until::Elapsed(time) => Some(start + time),
        Until::Requests(_) => None,
    };
    let thread = Rc::new(Thread {
        plan: Arc::clone(plan),
        start,
        end,
        tally: RefCell::new(Tally::default()),
        at_work: Cell::new(0),
        peak: Cell::new(0),
    });
    let ended = runtime.block_on(thread.work(number, slices));
    // Whoever waits for slices hears that this was the last one.
    ended.map_err(|error| format!("a thread of the load failed: {error}"))
}

impl Thread {
    async fn work(self: Rc<Self>, number: u32, slices: &Sender<Slice>) -> std::io::Result<Instant> {
        // Clients are dealt out like cards, so that threads have the same number of them, give or take one.
        let own = (number..self.plan.clients).step_by(self.plan.threads as usize);
        let all = match self.plan.load.clone() {
            Load::Closed { .. } => {
                own.map(|client| spawn_local(Client::new(client, &self).closed_loop())).collect()
            }
            Load::Open { rate, arrivals } => {
                let schedule =
                    Schedule::new(rate, arrivals, self.plan.ramp, self.plan.seed, number, self.plan.threads);
                self.open(number, own.collect(), schedule)
            }
        };
        let ended = spawn_local(all_of(all));
        self.count(ended, slices).await
    }

    fn open(self: &Rc<Self>, number: u32, own: Vec<u32>, schedule: Schedule) -> Vec<JoinHandle<()>> {
        let pacer = Rc::new(Pacer::new(own.len()));
        let clients = own
            .into_iter()
            .enumerate()
            .map(|(seat, client)| spawn_local(Client::new(client, self).open_loop(Rc::clone(&pacer), seat)));
        let clients = spawn_local(all_of(clients.collect()));
        let thread = Rc::clone(self);
        let paced = spawn_local(async move {
            let plan = &thread.plan;
            let stream = Stream::new(plan, u64::from(number), u64::from(plan.threads));
            let most = match plan.until {
                Until::Elapsed(_) => u64::MAX,
                Until::Requests(each) => {
                    let (clients, threads) = (u64::from(plan.clients), u64::from(plan.threads));
                    each.saturating_mul(clients).saturating_add(threads - 1 - u64::from(number)) / threads
                }
            };
            let operations = schedule.zip(stream).take(usize::try_from(most).unwrap_or(usize::MAX));
            let ran = pacer.run(operations, thread.start, thread.end, plan.timeout).await;
            // Without a clock nothing can be paced; it is told as what it is, operations that were not sent.
            drop(ran);
            drop(clients.await);
            for due in pacer.left() {
                thread.tally.borrow_mut().failed(due.operation.kind, Trouble::NotSent);
            }
        });
        vec![paced]
    }

    /// A client begins.
    pub(super) fn enter(&self) {
        self.at_work.update(|count| count + 1);
        self.peak.update(|peak| peak.max(self.at_work.get()));
    }

    /// A client has ended.
    pub(super) fn leave(&self) {
        self.at_work.update(|count| count - 1);
    }

    /// Sends what was counted once a second, until all clients have ended.
    async fn count(
        &self,
        mut ended: JoinHandle<std::io::Result<()>>,
        slices: &Sender<Slice>,
    ) -> std::io::Result<Instant> {
        let mut second = 0;
        loop {
            let boundary = self.start + Duration::from_secs(second + 1);
            // Answers that come after the end belong to the last second, however long they take.
            let over = match self.end {
                Some(end) if boundary >= end => Ok((&mut ended).await),
                _ => tokio::time::timeout_at(boundary.into(), &mut ended).await,
            };
            let last = Instant::now();
            let mut tally = self.tally.take();
            tally.clients = self.peak.replace(self.at_work.get());
            // Nobody listens only where the load is being given up.
            let _gone = slices.send(Slice { second, tally });
            match over {
                Ok(outcome) => return outcome.unwrap_or_else(|error| Err(error.into())).map(|()| last),
                Err(_) if self.plan.stop.load(Ordering::Relaxed) => return Ok(last),
                Err(_) => second += 1,
            }
        }
    }
}

/// Ends when all have; fails where one has panicked.
async fn all_of(tasks: Vec<JoinHandle<()>>) -> std::io::Result<()> {
    for task in tasks {
        task.await?;
    }
    Ok(())
}
