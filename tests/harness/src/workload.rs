//! Clients that read and write at full speed and check every answer against the history.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use checkers::contents::Contents;
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::client::{Client, Lost};
use crate::history::{Effect, History};
use crate::ledger::{Ledger, Noted};

pub use crate::workload::report::{Figures, Report};

mod report;

/// How long a client waits after a failure before it goes on: a server that is down is not hammered.
const AFTER_FAILURE: Duration = Duration::from_millis(10);

/// What went wrong with one operation.
#[derive(Debug)]
pub struct Failure {
    /// The key.
    pub key: String,
    /// Whether it was a write.
    pub write: bool,
    /// What came back, if anything.
    pub answer: Result<Answer, Lost>,
    /// What is wrong about it.
    pub why: String,
}

/// Whether a failure is to be expected in this story; it is then counted, and not an error.
pub type Forgive = dyn Fn(&Failure) -> bool + Send + Sync;

/// Clients to be started.
#[derive(Clone)]
pub struct Workload {
    /// How many.
    pub clients: u32,
    /// Of 100 operations, how many are reads.
    pub reads: u8,
    /// Another seed, another order.
    pub seed: u64,
    /// Which failures are expected.
    pub forgive: Arc<Forgive>,
    /// Where every acknowledged write is noted before it counts.
    pub ledger: Option<Arc<Ledger>>,
    /// How long a client rests after each operation; none rests by itself.
    pub rest: Duration,
}

/// Clients at work.
#[derive(Debug)]
pub struct Running {
    tasks: JoinSet<Worker>,
    board: Arc<Board>,
    phases: Vec<(String, Instant)>,
}

/// What all clients of a workload write to.
#[derive(Debug, Default)]
struct Board {
    stop: AtomicBool,
    phase: AtomicUsize,
    done: AtomicU64,
    forgiven: AtomicU64,
    wrong: AtomicU64,
    examples: Mutex<Vec<String>>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    phase: usize,
    write: bool,
    micros: u32,
}

impl Workload {
    /// So many clients, half reads and half writes; every failure is an error.
    #[must_use]
    pub fn new(clients: u32) -> Self {
        Self { clients, reads: 50, seed: 1, forgive: Arc::new(|_| false), ledger: None, rest: Duration::ZERO }
    }

    /// Forgives some failures.
    #[must_use]
    pub fn forgive(mut self, forgive: impl Fn(&Failure) -> bool + Send + Sync + 'static) -> Self {
        self.forgive = Arc::new(forgive);
        self
    }

    /// Writes every key once, as fast as it goes.
    pub async fn fill(&self, client: &Client, history: &Arc<History>) -> Report {
        self.spawn(client, history, |worker| async move { worker.fill().await }).finished().await
    }

    /// Reads every key once, when no writer is at work any more.
    pub async fn read_back(&self, client: &Client, history: &Arc<History>) -> Report {
        self.spawn(client, history, |worker| async move { worker.read_back().await }).finished().await
    }

    /// Lets the clients run until they are told to stop.
    #[must_use]
    pub fn start(&self, client: &Client, history: &Arc<History>) -> Running {
        self.spawn(client, history, |worker| async move { worker.mixed().await })
    }

    fn spawn<F>(&self, client: &Client, history: &Arc<History>, work: impl Fn(Worker) -> F) -> Running
    where
        F: Future<Output = Worker> + Send + 'static,
    {
        let board = Arc::new(Board::default());
        let mut tasks = JoinSet::new();
        for number in 0..self.clients {
            let (client, history, board) = (client.clone(), Arc::clone(history), Arc::clone(&board));
            tasks.spawn(work(Worker {
                number,
                plan: self.clone(),
                client,
                history,
                board,
                samples: Vec::new(),
                read: Contents::default(),
            }));
        }
        Running { tasks, board, phases: vec![("start".to_owned(), Instant::now())] }
    }
}

impl Running {
    /// From here the figures are counted under this name.
    pub fn phase(&mut self, name: &str) {
        self.phases.push((name.to_owned(), Instant::now()));
        self.board.phase.store(self.phases.len() - 1, Ordering::Relaxed);
    }

    /// How many operations are done.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.board.done.load(Ordering::Relaxed)
    }

    /// Waits until so many more operations are done: faults and changes are to hit a running load.
    pub async fn proceed(&self, operations: u64) {
        let goal = self.done() + operations;
        crate::wait::eventually(Duration::from_secs(60), &format!("{operations} more operations"), || {
            let done = self.done();
            let failed = self.board.wrong.load(Ordering::Relaxed);
            async move { if done >= goal { Ok(()) } else { Err(format!("{done} done, {failed} of them wrong")) } }
        })
        .await;
    }

    /// Lets each client finish what it has begun, and reports.
    pub async fn stop(self) -> Report {
        self.board.stop.store(true, Ordering::Relaxed);
        self.finished().await
    }

    async fn finished(mut self) -> Report {
        let (mut samples, mut read) = (Vec::new(), Contents::default());
        while let Some(finished) = self.tasks.join_next().await {
            let worker = finished.expect("a client of the workload panicked");
            samples.extend(worker.samples);
            read = read + worker.read;
        }
        let examples = self.board.examples.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let forgiven = self.board.forgiven.load(Ordering::Relaxed);
        let wrong = self.board.wrong.load(Ordering::Relaxed);
        Report { read, ..Report::new(&self.phases, &samples, wrong, forgiven, examples) }
    }
}

/// One client.
struct Worker {
    number: u32,
    plan: Workload,
    client: Client,
    history: Arc<History>,
    board: Arc<Board>,
    samples: Vec<Sample>,
    /// What its reads have shown.
    read: Contents,
}

impl Worker {
    async fn mixed(mut self) -> Self {
        let mut random = fastrand::Rng::with_seed(self.plan.seed << 16 | u64::from(self.number));
        let own = self.own_keys().len();
        while !self.board.stop.load(Ordering::Relaxed) {
            if random.u8(0..100) < self.plan.reads || own == 0 {
                self.read(random.u32(0..self.history.len())).await;
            } else {
                self.write(self.number + self.plan.clients * random.u32(0..u32::try_from(own).unwrap_or(1)))
                    .await;
            }
            if !self.plan.rest.is_zero() {
                tokio::time::sleep(self.plan.rest).await;
            }
        }
        self
    }

    async fn fill(mut self) -> Self {
        for key in self.own_keys() {
            self.write(key).await;
        }
        self
    }

    async fn read_back(mut self) -> Self {
        for key in self.own_keys() {
            self.read(key).await;
        }
        self
    }

    /// The keys that this client, and no other, writes.
    fn own_keys(&self) -> std::iter::StepBy<std::ops::Range<u32>> {
        (self.number..self.history.len().max(self.number)).step_by(self.plan.clients as usize)
    }

    async fn read(&mut self, key: u32) {
        let name = self.history.content().name(key);
        let asked = self.client.get(&name);
        let floor = self.history.begin_read(key);
        let start = Instant::now();
        let answer = asked.try_send().await;
        self.timed(start, false);
        let outcome = match &answer {
            Ok(answer) => {
                if answer.status == 200 {
                    self.read.add(name.as_bytes(), &answer.body);
                }
                self.history.read(floor, answer)
            }
            Err(lost) => Err(lost.0.clone()),
        };
        self.judge(key, false, answer, outcome).await;
    }

    async fn write(&mut self, key: u32) {
        let (asked, begun) = self.history.begin_write(&self.client, key);
        let ledger = self.plan.ledger.clone();
        let noted = match &ledger {
            Some(ledger) => Some(self.announced(ledger, key, begun.number()).await),
            None => None,
        };
        let start = Instant::now();
        let answer = asked.try_send().await;
        self.timed(start, true);
        if let (Some(noted), Ok(answer)) = (noted, &answer) {
            noted.answered(answer).await;
        }
        let outcome = match &answer {
            Ok(answer) => self.history.wrote(begun, answer),
            Err(lost) => {
                self.history.lost(begun);
                Err(lost.0.clone())
            }
        };
        self.judge(key, true, answer, outcome).await;
    }

    async fn announced<'a>(&self, ledger: &'a Ledger, key: u32, number: u32) -> Noted<'a> {
        let name = self.history.content().name(key);
        match self.history.content().effect(key, number) {
            Effect::Value(value) => ledger.putting(&name, &value),
            Effect::Absence => ledger.removing(&name).await,
        }
    }

    async fn judge(&self, key: u32, write: bool, answer: Result<Answer, Lost>, outcome: Result<(), String>) {
        let Err(why) = outcome else { return };
        let failure = Failure { key: self.history.content().name(key), write, answer, why };
        if (self.plan.forgive)(&failure) {
            self.board.forgiven.fetch_add(1, Ordering::Relaxed);
        } else {
            self.board.wrong.fetch_add(1, Ordering::Relaxed);
            let mut examples = self.board.examples.lock().unwrap_or_else(PoisonError::into_inner);
            if examples.len() < 12 {
                let mut text = String::new();
                let verb = if write { "write" } else { "read" };
                let _ = write!(text, "client {}, {verb} of {}: {}", self.number, failure.key, failure.why);
                examples.push(text);
            }
        }
        tokio::time::sleep(AFTER_FAILURE).await;
    }

    fn timed(&mut self, start: Instant, write: bool) {
        let micros = u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX);
        self.samples.push(Sample { phase: self.board.phase.load(Ordering::Relaxed), write, micros });
        self.board.done.fetch_add(1, Ordering::Relaxed);
    }
}
