//! `loadgen run`

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;

use super::interrupt::{self, INTERRUPTED};
use super::{FAILED, WELL, Wrong, failed, show, usage, watched};
use crate::api::Api;
use crate::check::Check;
use crate::engine::{Finished, Second};
use crate::keys::Distribution;
use crate::mix::{Kind, Mix};
use crate::plan::{Load, Plan, Until};
use crate::record::{self, Row};
use crate::schedule::Arrivals;
use crate::target::Target;
use crate::values::Values;
use crate::{report, table, units};

/// What a run is.
#[derive(Debug, Args)]
#[command(after_help = concat!(
    "Mixes:\n",
    "  read-only, write-only, delete-only     one kind\n",
    "  read-mostly, write-mostly              90 % of one, 10 % of the other\n",
    "  mixed, thirds                          60 % reads, 30 % writes, 10 % deletes; a third each\n",
    "  ycsb-a, ycsb-b, ycsb-c                 50 %, 95 %, 100 % reads, the rest writes; zipf keys\n",
    "  ycsb-d                                 95 % reads of the latest keys, 5 % inserts\n",
    "  ycsb-f                                 50 % reads, 50 % read and write again; zipf keys\n",
    "  read=80,write=15,delete=5              your own, also insert and modify\n\n",
    "Examples:\n",
    "  loadgen run --preload --mix ycsb-a --clients 64 --duration 30s --warmup 5s\n",
    "  loadgen run --rate 20000 --arrivals poisson --clients 256 --csv runs.csv --series seconds.csv\n",
    "  loadgen run --api json --clients 400 --think 5ms..15ms --ramp 1m --duration 2m     users come\n",
    "  loadgen run --api etcd --target http://127.0.0.1:2379 --preload --check            another store\n",
    "  loadgen run --api static --read 'GET /files/{key}.html' --prefix page --keys 20    any server\n\n",
    "Exit codes: 0 all went well; 1 an operation failed (unless --allow-errors) or the tool itself; 2 wrong usage.",
))]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) setup: Setup,
    /// Write every key once before, as fast as it goes
    #[arg(long)]
    preload: bool,
    /// Exit with success although operations failed
    #[arg(long)]
    allow_errors: bool,
    /// Add a row with all settings and results to this table
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Add a row for each second to this table
    #[arg(long, value_name = "FILE")]
    series: Option<PathBuf>,
    /// What this run is called in the tables
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
    /// No progress
    #[arg(long)]
    quiet: bool,
}

/// The part of it that a plan is made of.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5000")]
    pub(crate) target: String,
    /// How it is asked: kv, json, webdis, etcd, static
    #[arg(long, default_value = "kv", help_heading = "Requests")]
    pub(crate) api: String,
    /// Read like this: 'METHOD /path?k={key} [body]', also {key64}
    #[arg(long, value_name = "REQUEST", help_heading = "Requests")]
    read: Option<String>,
    /// Write like this, also {value}, {value64}
    #[arg(long, value_name = "REQUEST", help_heading = "Requests")]
    write: Option<String>,
    /// Delete like this
    #[arg(long, value_name = "REQUEST", help_heading = "Requests")]
    delete: Option<String>,
    /// One more field in every head, 'Name: value'
    #[arg(long, value_name = "FIELD", help_heading = "Requests")]
    header: Vec<String>,
    /// What the operations are, by name or in parts (see below) [default: read-mostly]
    #[arg(long, value_name = "MIX", help_heading = "Operations")]
    mix: Option<Mix>,
    /// How many keys there are
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, help_heading = "Operations", value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// Which of them: uniform, zipf, latest, sequential [default: that of the mix, else uniform]
    #[arg(long, value_name = "HOW", help_heading = "Operations")]
    distribution: Option<Distribution>,
    /// How popular the popular keys are, with zipf and latest
    #[arg(long, value_name = "EXPONENT", default_value_t = 0.99, help_heading = "Operations")]
    theta: f64,
    /// What the names of keys begin with
    #[arg(long, value_name = "TEXT", default_value = "key", help_heading = "Operations")]
    prefix: String,
    /// How large values are: 100, 4KiB, 10..4096
    #[arg(long, value_name = "SIZES", default_value = "100", value_parser = units::sizes, help_heading = "Operations")]
    value_size: RangeInclusive<usize>,
    /// Another seed, other keys and operations
    #[arg(long, value_name = "NUMBER", default_value_t = 1, help_heading = "Operations")]
    seed: u64,
    /// Write values that say which write they are, and judge what is read
    #[arg(long, help_heading = "Operations")]
    check: bool,
    /// How many requests at a time, each over a connection of its own
    #[arg(long, value_name = "NUMBER", default_value_t = 10, help_heading = "Load", value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// Open loop: begin so many requests a second, whatever the server does; latency counts from when each was due
    #[arg(long, value_name = "NUMBER", help_heading = "Load", conflicts_with = "think")]
    rate: Option<f64>,
    /// How the open loop's requests are spread: even, poisson
    #[arg(long, value_name = "HOW", default_value = "even", help_heading = "Load")]
    arrivals: Arrivals,
    /// Closed loop: each client pauses so long after an answer: 10ms, 10ms..50ms
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = units::durations, help_heading = "Load")]
    think: RangeInclusive<Duration>,
    /// Go on so long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::duration, help_heading = "Load")]
    duration: Duration,
    /// Instead, end when every client has made so many requests
    #[arg(long, value_name = "NUMBER", help_heading = "Load", conflicts_with = "duration")]
    requests: Option<u64>,
    /// Let the clients (in an open loop, the rate) grow to their number in this time
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = units::duration, help_heading = "Load")]
    ramp: Duration,
    /// Do not count the first seconds
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = units::duration, help_heading = "Load")]
    warmup: Duration,
    /// Wait so long for an answer
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::duration, help_heading = "Load")]
    timeout: Duration,
    /// Threads that drive the clients
    #[arg(long, value_name = "NUMBER", default_value_t = 1, help_heading = "Load", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: u32,
    /// Keep the threads on these processors: 1 or 0,1
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Load")]
    cpu: Vec<usize>,
}

impl Setup {
    /// The plan, or what is wrong with it.
    pub(crate) fn plan(&self) -> Result<Plan, Wrong> {
        let target = Target::new(&self.target).map_err(usage)?;
        let mut api = Api::preset(&self.api).map_err(usage)?;
        api = api.with(self.read.as_deref(), self.write.as_deref(), self.delete.as_deref()).map_err(usage)?;
        for line in &self.header {
            api.field(line).map_err(usage)?;
        }
        api.aim(&target).map_err(usage)?;
        let default = if api.write().is_some() { "read-mostly" } else { "read-only" };
        let mix = self.mix.clone().map_or_else(|| default.parse(), Ok).map_err(usage)?;
        possible(&api, &mix)?;
        let theta = self.theta;
        if !(theta > 0.0 && theta <= 10.0) {
            return Err(usage("--theta is above 0 and at most 10"));
        }
        let distribution = self.distribution.or(mix.distribution()).unwrap_or(Distribution::Uniform);
        let load = match self.rate {
            None => Load::Closed { think: self.think.clone() },
            Some(rate) if rate > 0.0 && rate.is_finite() => Load::Open { rate, arrivals: self.arrivals },
            Some(_) => return Err(usage("--rate is above 0")),
        };
        let until = self.requests.map_or(Until::Elapsed(self.duration), Until::Requests);
        if matches!(until, Until::Elapsed(time) if time <= self.warmup) {
            return Err(usage("--warmup is shorter than --duration"));
        }
        Ok(Plan {
            target,
            api,
            mix,
            keys: self.keys,
            distribution: distribution.with_theta(theta),
            once: false,
            prefix: self.prefix.clone(),
            sizes: self.value_size.clone(),
            values: Values::new(self.value_size.clone()),
            load,
            clients: self.clients,
            threads: self.threads,
            cpus: self.cpu.clone(),
            until,
            ramp: self.ramp,
            warmup: self.warmup,
            timeout: self.timeout,
            seed: self.seed,
            check: self.check.then(|| Arc::new(Check::new(self.keys, format!("{:08x}", fastrand::u32(..))))),
            stop: Arc::default(),
        })
    }
}

/// Whether the server can be asked for everything in the mix.
fn possible(api: &Api, mix: &Mix) -> Result<(), Wrong> {
    for kind in Kind::ALL {
        let known = match kind {
            Kind::Read => api.read().is_some(),
            Kind::Write | Kind::Insert => api.write().is_some(),
            Kind::Modify => api.read().is_some() && api.write().is_some(),
            Kind::Delete => api.delete().is_some(),
        };
        if mix.has(kind) && !known {
            return Err(usage(format!(
                "--api {} has no {kind}: say how with --write or --delete, or name another --mix",
                api.name
            )));
        }
    }
    Ok(())
}

impl Run {
    /// Runs it to its end.
    pub(crate) fn carry_out(&self) -> Result<u8, Wrong> {
        let plan = self.setup.plan()?;
        let mut before: Row = record::row([("label", self.label.clone())]);
        before.extend(record::circumstances());
        // A table that cannot be written is no news for the end of a long run.
        self.note(&plan, &before, &Finished::default())?;
        interrupt::sets(&plan.stop).map_err(failed)?;
        let mut failures = 0;
        if self.preload {
            let preload = plan.preload();
            possible(&preload.api, &preload.mix)?;
            let finished = watched("preload", &preload, self.quiet).map_err(failed)?;
            failures += finished.total.failures();
            if failures > 0 {
                show(&format!("The preload: {}", report::failures(&finished)))?;
            }
        }
        if plan.stop.load(Ordering::Relaxed) {
            return Err(failed(INTERRUPTED));
        }
        let finished = watched("run", &plan, self.quiet).map_err(failed)?;
        failures += finished.total.failures();
        show(report::text(&plan, &finished).trim_end())?;
        self.note(&plan, &before, &finished)?;
        if plan.stop.load(Ordering::Relaxed) {
            return Err(failed(format!("{INTERRUPTED}: these are the figures until then")));
        }
        let nothing = finished.total.operations() == 0;
        Ok(if !self.allow_errors && (failures > 0 || nothing) { FAILED } else { WELL })
    }

    /// Adds a run to the tables; one that has not begun only makes them.
    fn note(&self, plan: &Plan, before: &Row, finished: &Finished) -> Result<(), Wrong> {
        let whole = |columns: Row| before.iter().cloned().chain(columns).collect::<Row>();
        let has_begun = !finished.seconds.is_empty();
        if let Some(path) = &self.csv {
            let row = whole(record::settings(plan).into_iter().chain(record::results(finished)).collect());
            table::begin(path, &row).map_err(failed)?;
            table::append(path, if has_begun { std::slice::from_ref(&row) } else { &[] }).map_err(failed)?;
        }
        if let Some(path) = &self.series {
            table::begin(path, &whole(record::second(&Second::default()))).map_err(failed)?;
            let rows: Vec<Row> =
                finished.seconds.iter().map(|second| whole(record::second(second))).collect();
            table::append(path, &rows).map_err(failed)?;
        }
        Ok(())
    }
}
