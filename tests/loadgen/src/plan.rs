//! A run in full: what was typed, made sense of.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::api::Api;
use crate::check::Check;
use crate::keys::Distribution;
use crate::mix::{Kind, Mix};
use crate::schedule::Arrivals;
use crate::target::Target;
use crate::values::Values;

/// What begins a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// The answer to the one before, and a pause of this length.
    Closed {
        /// From and to.
        think: RangeInclusive<Duration>,
    },
    /// The clock, so often a second.
    Open {
        /// Requests a second, of all clients.
        rate: f64,
        /// How they are spread.
        arrivals: Arrivals,
    },
}

/// When it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// After this time.
    Elapsed(Duration),
    /// When every client has made so many requests; in an open loop, all of them together as many.
    Requests(u64),
}

/// A run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which server.
    pub target: Target,
    /// How it is asked.
    pub api: Api,
    /// What for.
    pub mix: Mix,
    /// How many keys there are.
    pub keys: u64,
    /// Which of them.
    pub distribution: Distribution,
    /// Each key once, and then the run is over (with [`Distribution::Sequential`]).
    pub once: bool,
    /// What key names begin with.
    pub prefix: String,
    /// Their sizes, as they were written.
    pub sizes: RangeInclusive<usize>,
    /// What is written.
    pub values: Values,
    /// What begins a request.
    pub load: Load,
    /// How many at a time.
    pub clients: u32,
    /// By how many threads.
    pub threads: u32,
    /// The processors that threads are bound to, in turn; none: wherever the system puts them.
    pub cpus: Vec<usize>,
    /// When it is over.
    pub until: Until,
    /// Clients (in an open loop, the rate) grow to their number in this time.
    pub ramp: Duration,
    /// The first part of the run that does not count.
    pub warmup: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Another seed, another order.
    pub seed: u64,
    /// Judges what is read.
    pub check: Option<Arc<Check>>,
    /// Once it is set the run is over at the next second; what is under way then is neither awaited nor counted.
    pub stop: Arc<AtomicBool>,
}

impl Plan {
    /// One client that reads ten thousand keys for ten seconds; change what is to be otherwise.
    ///
    /// # Errors
    /// Where there is no such server or preset.
    pub fn new(url: &str, api: &str) -> Result<Self, String> {
        let target = Target::new(url)?;
        let mut api = Api::preset(api)?;
        api.aim(&target)?;
        Ok(Self {
            target,
            api,
            mix: Mix::only(Kind::Read),
            keys: 10_000,
            distribution: Distribution::Uniform,
            once: false,
            prefix: "key".to_owned(),
            sizes: 100..=100,
            values: Values::new(100..=100),
            load: Load::Closed { think: Duration::ZERO..=Duration::ZERO },
            clients: 1,
            threads: 1,
            cpus: Vec::new(),
            until: Until::Elapsed(Duration::from_secs(10)),
            ramp: Duration::ZERO,
            warmup: Duration::ZERO,
            timeout: Duration::from_secs(10),
            seed: 1,
            check: None,
            stop: Arc::default(),
        })
    }

    /// The same, but each key once and no more, dealt out among the clients.
    #[must_use]
    pub fn each_key_once(mut self) -> Self {
        self.distribution = Distribution::Sequential;
        self.once = true;
        self.until = Until::Requests(u64::MAX);
        self
    }

    /// The name of a key.
    #[must_use]
    pub fn key(&self, number: u64) -> String {
        format!("{}{number}", self.prefix)
    }

    /// The run before the run: writes every key once, as fast as its clients can.
    #[must_use]
    pub fn preload(&self) -> Self {
        let plan = Self {
            mix: Mix::only(Kind::Write),
            load: Load::Closed { think: Duration::ZERO..=Duration::ZERO },
            // More clients would have nothing to do.
            clients: self.clients.max(16).min(u32::try_from(self.keys).unwrap_or(u32::MAX)),
            ramp: Duration::ZERO,
            warmup: Duration::ZERO,
            ..self.clone()
        };
        plan.each_key_once()
    }

    /// How many operations there will be, where that is known.
    #[must_use]
    pub fn operations(&self) -> Option<u64> {
        match self.until {
            _ if self.once => Some(self.keys),
            Until::Elapsed(_) => None,
            Until::Requests(each) => Some(each.saturating_mul(u64::from(self.clients))),
        }
    }

    /// A small one.
    #[cfg(test)]
    pub(crate) fn for_tests(url: &str) -> Self {
        Self::new(url, "kv").unwrap()
    }
}
