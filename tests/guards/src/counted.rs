//! Instructions of a program, counted by valgrind.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::Command;

/// What one operation costs.
pub(crate) struct Count {
    pub(crate) each: f64,
}

/// Why nothing could be counted.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Count {
    /// From two runs that differ only in how often they do it: what comes before and after is in both.
    pub(crate) fn between(few: (u32, u64), many: (u32, u64)) -> Result<Self, Failure> {
        match (many.0.checked_sub(few.0), many.1.checked_sub(few.1)) {
            (Some(times @ 1..), Some(instructions)) => {
                #[expect(clippy::cast_precision_loss, reason = "a count, far from 2^53")]
                let instructions = instructions as f64;
                Ok(Self { each: instructions / f64::from(times) })
            }
            _ => Err(Failure::new(format!("more work cost fewer instructions: {few:?}, {many:?}"))),
        }
    }
}

/// valgrind with this program, which leaves its counts in files of `folder`, one for each thread.
pub(crate) fn valgrind(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--separate-threads=yes", "--error-exitcode=0"]);
    command.arg(format!("--callgrind-out-file={}", folder.join("count").display()));
    command.arg(format!("--log-file={}", folder.join("log").display()));
    command.arg(program);
    command
}

/// What each thread did, in the order in which they were started.
pub(crate) fn threads(folder: &Path) -> Result<Vec<u64>, Failure> {
    let mut threads = Vec::new();
    for number in 1.. {
        let Ok(text) = std::fs::read_to_string(folder.join(format!("count-{number:02}"))) else { break };
        let total = text.lines().rev().find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok());
        threads.push(total.unwrap_or(0));
    }
    if threads.is_empty() {
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        return Err(Failure::new(format!("valgrind left no counts; it said: {log}")));
    }
    Ok(threads)
}

impl Failure {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    /// valgrind, or what it was to run, did not start.
    pub(crate) fn start(error: &io::Error) -> Self {
        Self(format!("valgrind cannot be started ({error}): install it (Debian's package is called so)"))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FAILED: {}", self.0)
    }
}
