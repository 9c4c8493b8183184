//! Where lines of the access log go: to a file or to stdout, by a thread of their own.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

use crate::metrics::Metrics;

/// Lines that may wait; the next one is dropped.
const WAITING: usize = 16_384;

/// The thread that writes lines. It writes what waits when this is dropped.
#[derive(Debug)]
pub(crate) struct Output {
    lines: NonBlocking,
    _thread: WorkerGuard,
}

/// Takes lines, and never waits.
#[derive(Debug)]
pub(crate) struct Lines {
    lines: NonBlocking,
    dropped: ErrorCounter,
    metrics: Arc<Metrics>,
}

impl Output {
    /// Appends to `file`, or writes to stdout.
    ///
    /// # Errors
    /// Where the file cannot be written to.
    pub(crate) fn start(file: Option<&Path>) -> io::Result<Self> {
        let sink: Box<dyn Write + Send> = match file {
            Some(file) => Box::new(OpenOptions::new().append(true).create(true).open(file)?),
            None => Box::new(io::stdout()),
        };
        let (lines, thread) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(WAITING)
            .thread_name("access-log")
            .finish(sink);
        Ok(Self { lines, _thread: thread })
    }

    /// Where one worker writes its lines.
    pub(crate) fn lines(&self, metrics: &Arc<Metrics>) -> Lines {
        let lines = self.lines.clone();
        Lines { dropped: lines.error_counter(), lines, metrics: Arc::clone(metrics) }
    }
}

impl Lines {
    /// Hands a line over, or drops it where too many wait.
    pub(super) fn write(&mut self, line: &str) {
        // It never fails: a line that finds no room is only counted.
        let _ = self.lines.write_all(line.as_bytes());
        let dropped = self.dropped.dropped_lines();
        if dropped > 0 {
            self.metrics.see_dropped_lines(dropped as u64);
        }
    }
}
