//! How far a run is: a bar where somebody watches, a plain line now and then elsewhere.

use std::io::{IsTerminal, Write, stderr};
use std::time::Instant;

use crate::engine::Second;
use crate::plan::{Plan, Until};
use crate::units::{count, micros};

const WIDTH: u64 = 30;
/// Seconds between two plain lines.
const PACE: u64 = 10;

/// Where it is told.
#[derive(Debug)]
pub(crate) struct Progress {
    name: String,
    quiet: bool,
    watched: bool,
    until: Until,
    operations: Option<u64>,
    done: u64,
    began: Instant,
    drawn: bool,
}

impl Progress {
    pub(crate) fn new(name: &str, plan: &Plan, quiet: bool) -> Self {
        Self {
            name: name.to_owned(),
            quiet,
            watched: stderr().is_terminal(),
            until: plan.until,
            operations: plan.operations(),
            done: 0,
            began: Instant::now(),
            drawn: false,
        }
    }

    /// One more second is over.
    pub(crate) fn tell(&mut self, second: &Second) {
        let now = second.kinds.iter().sum::<u64>() + second.failures;
        self.done += now;
        if self.quiet {
            return;
        }
        let p99 = second.percentiles[2].map_or_else(|| "-".to_owned(), micros);
        let mut line = format!("{} {} {}/s, p99 {p99}", self.name, self.bar(), count(now));
        if second.failures > 0 {
            line += &format!(", {} FAILED", count(second.failures));
        }
        if self.watched {
            // The line before may have been longer.
            let _ = write!(stderr(), "\r{line}\x1b[K");
            self.drawn = true;
        } else if (second.number + 1).is_multiple_of(PACE) {
            let _ = writeln!(stderr(), "{line}");
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if self.drawn {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }

    fn bar(&self) -> String {
        let (done, of, shown) = match (self.operations, self.until) {
            (None, Until::Elapsed(time)) => {
                let seconds = self.began.elapsed().as_secs().min(time.as_secs());
                (seconds, time.as_secs(), format!("{seconds} of {} s", time.as_secs()))
            }
            (Some(all), _) => (self.done, all, format!("{} of {}", count(self.done), count(all))),
            (None, Until::Requests(_)) => (0, 0, count(self.done)),
        };
        let full = usize::try_from((done * WIDTH).checked_div(of).unwrap_or(0).min(WIDTH)).unwrap_or(0);
        let empty = usize::try_from(WIDTH).unwrap_or(0) - full;
        format!("[{}{}] {shown}", "#".repeat(full), ".".repeat(empty))
    }
}
