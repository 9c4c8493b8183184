//! Where lines of the access log go, and warnings of slow requests: to threads of their own, so that no request waits for a
//! disk, a pipe or a terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::Slow;
use crate::metrics::Metrics;

/// Lines that may wait; the next one is dropped.
const WAITING: usize = 16_384;
/// Warnings that may wait.
const WARNINGS: usize = 64;
/// How long what waits may take at the end. Whoever reads a pipe may have stopped reading.
const LAST_LINES: Duration = Duration::from_secs(2);
/// The owner may read and write, the group read: lines tell who asked.
const MODE: u32 = 0o640;

/// The thread that writes lines.
#[derive(Debug)]
pub(crate) struct Output {
    lines: NonBlocking,
    metrics: Arc<Metrics>,
    thread: Option<WorkerGuard>,
}

/// Takes lines, and never waits.
#[derive(Debug)]
pub(crate) struct Lines {
    lines: NonBlocking,
    dropped: ErrorCounter,
    metrics: Arc<Metrics>,
}

/// What the thread writes to: counts what it cannot write, and says so once.
struct Sink {
    file: File,
    metrics: Arc<Metrics>,
    failed: bool,
}

impl Output {
    /// Appends to `file`, or writes to stdout.
    ///
    /// # Errors
    /// Where that cannot be written to.
    pub(crate) fn start(file: Option<&Path>, metrics: &Arc<Metrics>) -> io::Result<Self> {
        let file = match file {
            Some(file) => OpenOptions::new().append(true).create(true).mode(MODE).open(file)?,
            // Not the stdout of the library: its lock would be held for as long as a write hangs.
            None => File::from(io::stdout().as_fd().try_clone_to_owned()?),
        };
        let sink = Sink { file, metrics: Arc::clone(metrics), failed: false };
        let (lines, thread) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(WAITING)
            .thread_name("access-log")
            .finish(sink);
        Ok(Self { lines, metrics: Arc::clone(metrics), thread: Some(thread) })
    }

    /// Where one worker writes its lines.
    pub(crate) fn lines(&self) -> Lines {
        let lines = self.lines.clone();
        Lines { dropped: lines.error_counter(), lines, metrics: Arc::clone(&self.metrics) }
    }
}

impl Drop for Output {
    /// Lets what waits be written, for a while.
    fn drop(&mut self) {
        let (done, written) = channel();
        let thread = self.thread.take();
        // A guard waits without end where its thread hangs.
        thread::spawn(move || {
            drop(thread);
            let _ = done.send(());
        });
        let _ = written.recv_timeout(LAST_LINES);
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

impl Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // All of it or nothing that anybody relies on: a broken line is counted as lost.
        if let Err(error) = self.file.write_all(line) {
            self.metrics.lose_line();
            if !std::mem::replace(&mut self.failed, true) {
                tracing::error!(%error, "the access log cannot be written; lines are lost until it can");
            }
        } else {
            self.failed = false;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A thread that tells of slow requests; it ends when nobody sends any more.
///
/// # Errors
/// Where the system has no thread.
pub(crate) fn teller() -> io::Result<SyncSender<Slow>> {
    let (sender, slow) = sync_channel::<Slow>(WARNINGS);
    thread::Builder::new()
        .name("slow-log".to_owned())
        .spawn(move || slow.iter().for_each(|slow| slow.tell()))?;
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_full_costs_lines_and_they_are_counted() {
        let metrics = Metrics::new(1);
        let output = Output::start(Some(Path::new("/dev/full")), &metrics).unwrap();
        let mut lines = output.lines();
        (0..3).for_each(|_| lines.write("a line\n"));
        drop(output);
        assert_eq!(metrics.snapshot().dropped_lines, 3);
    }

    #[test]
    fn a_reader_that_stopped_reading_costs_lines_and_no_time() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // Both ends are open here, and nobody reads.
        let _reader = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
        let metrics = Metrics::new(1);
        let output = Output::start(Some(&pipe), &metrics).unwrap();
        let mut lines = output.lines();
        let line = "x".repeat(1000) + "\n";
        let begun = std::time::Instant::now();
        (0..WAITING + 1000).for_each(|_| lines.write(&line));
        assert!(metrics.snapshot().dropped_lines > 0);
        drop(output);
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}
