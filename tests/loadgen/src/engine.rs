//! Carries a plan out: threads that share nothing, each with its own runtime and clients. What they count comes
//! back once a second.

mod alarm;
mod client;
mod pacer;
mod thread;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::machine;
use crate::plan::Plan;
use crate::tally::Tally;

use thread::Slice;

/// What came of a run.
#[derive(Debug, Default)]
pub struct Finished {
    /// Everything after the warm-up.
    pub total: Tally,
    /// Each second, the warm-up too.
    pub seconds: Vec<Second>,
    /// From the end of the warm-up to the last answer.
    pub elapsed: Duration,
    /// User and system time of this program, the warm-up included.
    pub cpu: Duration,
    /// From the start to the last answer.
    pub whole: Duration,
    /// Operations and failures, the warm-up included.
    pub operations: u64,
}

/// One second of a run.
#[derive(Debug, Clone, Default)]
pub struct Second {
    /// Its number, from 0.
    pub number: u64,
    /// The last one is shorter or longer: it ends with the last answer.
    pub length: Duration,
    /// Clients at work, at most at one time.
    pub clients: u64,
    /// Operations that went well, by kind.
    pub kinds: [u64; 5],
    /// Operations that failed.
    pub failures: u64,
    /// Latencies in microseconds: mean, then the percentiles of [`PERCENTILES`].
    pub mean: Option<f64>,
    /// In the order of [`PERCENTILES`].
    pub percentiles: [Option<f64>; 5],
}

/// The percentiles that every table has; the last is the longest.
pub const PERCENTILES: [(&str, f64); 5] =
    [("median", 50.0), ("p90", 90.0), ("p99", 99.0), ("p999", 99.9), ("max", 100.0)];

/// Runs a plan to its end. `watch` hears of every second.
///
/// # Errors
/// Where the machine does not let it run at all; what servers do is counted.
pub fn run(plan: &Plan, mut watch: impl FnMut(&Second)) -> Result<Finished, String> {
    // A thread without a client would have nobody to do what is due.
    let threads = plan.threads.min(plan.clients).max(1);
    let plan = Arc::new(Plan { threads, ..plan.clone() });
    let cpu = machine::cpu_time();
    let start = Instant::now();
    let (sender, receiver) = channel();
    let mut threads = Vec::new();
    for number in 0..plan.threads {
        let (plan, sender) = (Arc::clone(&plan), sender.clone());
        let named = std::thread::Builder::new().name(format!("load-{number}"));
        let spawned = named.spawn(move || thread::run(&plan, number, start, &sender));
        threads.push(spawned.map_err(|error| format!("cannot start a thread: {error}"))?);
    }
    drop(sender);
    let mut gathered = Gathered::new(&plan);
    gathered.all(&receiver, &mut watch);
    let mut last = start;
    for thread in threads {
        let ended = thread.join().map_err(|_| "a thread of the load panicked".to_owned())??;
        last = last.max(ended);
    }
    let whole = last.duration_since(start);
    let warmup = Duration::from_secs(gathered.warmup);
    if let Some(second) = gathered.seconds.last_mut() {
        second.length = whole.saturating_sub(Duration::from_secs(second.number));
    }
    Ok(Finished {
        total: gathered.total,
        seconds: gathered.seconds,
        elapsed: whole.saturating_sub(warmup),
        cpu: machine::cpu_time().saturating_sub(cpu),
        whole,
        operations: gathered.operations,
    })
}

/// What has come from the threads.
struct Gathered {
    threads: usize,
    warmup: u64,
    total: Tally,
    seconds: Vec<Second>,
    operations: u64,
    /// Seconds that not every thread has told of yet.
    partial: BTreeMap<u64, (usize, Tally)>,
}

impl Gathered {
    fn new(plan: &Plan) -> Self {
        // Slices are whole seconds, so the warm-up is.
        let warmup = plan.warmup.as_secs() + u64::from(plan.warmup.subsec_nanos() > 0);
        Self {
            threads: usize::try_from(plan.threads).unwrap_or(usize::MAX),
            warmup,
            total: Tally::default(),
            seconds: Vec::new(),
            operations: 0,
            partial: BTreeMap::new(),
        }
    }

    fn all(&mut self, receiver: &Receiver<Slice>, watch: &mut impl FnMut(&Second)) {
        while let Ok(slice) = receiver.recv() {
            let (told, tally) = self.partial.entry(slice.second).or_default();
            *told += 1;
            tally.add(&slice.tally);
            while let Some(first) = self.partial.first_entry()
                && first.get().0 == self.threads
            {
                let (number, (_, tally)) = first.remove_entry();
                self.finish(number, &tally, watch);
            }
        }
        // The last seconds, which some threads have not lived to see.
        for (number, (_, tally)) in std::mem::take(&mut self.partial) {
            self.finish(number, &tally, watch);
        }
    }

    fn finish(&mut self, number: u64, tally: &Tally, watch: &mut impl FnMut(&Second)) {
        let all = tally.all();
        let second = Second {
            number,
            length: Duration::from_secs(1),
            clients: tally.clients,
            kinds: tally.kinds.each_ref().map(crate::tally::Latencies::count),
            failures: tally.failures(),
            mean: all.mean(),
            percentiles: PERCENTILES.map(|(_, percent)| all.percentile(percent)),
        };
        self.operations += tally.operations() + tally.failures();
        if number >= self.warmup {
            self.total.add(tally);
        } else {
            // Opened once, used all along.
            self.total.connections += tally.connections;
        }
        watch(&second);
        self.seconds.push(second);
    }
}
