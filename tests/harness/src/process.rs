//! A process of ours: started, signalled, awaited, and surely ended when the story ends.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::launch::Launch;
use crate::wait::eventually;

/// How long a process may take until it says that it is ready.
const START: Duration = Duration::from_secs(30);

/// A running process that said it is ready.
#[derive(Debug)]
pub struct Process {
    /// What it said on stdout: the JSON line with its addresses.
    pub ready: Value,
    name: String,
    child: Child,
}

/// A process that ended instead of getting ready.
#[derive(Debug)]
pub struct Refusal {
    /// How it ended.
    pub status: ExitStatus,
    /// All that it wrote, stdout and stderr.
    pub said: String,
}

impl Process {
    /// Starts it and waits for its ready line.
    ///
    /// # Errors
    /// [`Refusal`] where it ended before.
    ///
    /// # Panics
    /// Where it neither ended nor got ready within half a minute.
    pub async fn start(launch: &Launch) -> Result<Self, Refusal> {
        let mut log = OpenOptions::new().create(true).append(true).open(&launch.log).expect("a log file");
        let earlier = log.metadata().map(|found| found.len()).unwrap_or(0);
        writeln!(log, "--- {} starts: {:?}", launch.name, launch.command().get_args()).expect("the log");
        let mut command = launch.command();
        command.stderr(Stdio::from(log.try_clone().expect("the log, twice")));
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{}: {error}", launch.program.display()));
        let lines = read_stdout(child.stdout.take().expect("stdout is piped"), log);
        let mut process = Self { ready: Value::Null, name: launch.name.clone(), child };
        match tokio::time::timeout(START, lines).await {
            Ok(Ok(ready)) => {
                process.ready = ready;
                Ok(process)
            }
            Ok(Err(_)) => {
                let status = process.ended(Duration::from_secs(10)).await;
                Err(Refusal { status, said: since(&launch.log, earlier) })
            }
            Err(_) => panic!(
                "{} said neither that it is ready nor why not within {START:?}:\n{}",
                launch.name,
                since(&launch.log, earlier)
            ),
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// `kill -9`: the process gets no chance to finish anything. Returns when it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGSTOP: it keeps its sockets and its memory, and does nothing.
    pub fn pause(&mut self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT, after [`Process::pause`].
    pub fn resume(&mut self) {
        self.signal(Signal::CONT);
    }

    /// SIGTERM: the polite way to ask it to end. Does not wait.
    pub fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Whether it has not ended yet.
    pub fn running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// Where it still runs after `limit`.
    pub async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        let child = &mut self.child;
        eventually(limit, &what, || {
            let found = match child.try_wait() {
                Ok(Some(status)) => Ok(status),
                Ok(None) => Err("it still runs".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            async move { found }
        })
        .await
    }

    fn signal(&mut self, signal: Signal) {
        // A child that has not been reaped keeps its pid, so no stranger can be hit.
        assert!(self.running(), "{} has ended, so it cannot get {signal:?}", self.name);
        kill_process(self.pid(), signal).unwrap_or_else(|error| panic!("signalling {}: {error}", self.name));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads stdout to its end, into the log; the first line that is a JSON object with `ready` goes to the caller.
fn read_stdout(stdout: std::process::ChildStdout, mut log: File) -> oneshot::Receiver<Value> {
    let (say, ready) = oneshot::channel();
    let mut say = Some(say);
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { return };
            let _ = writeln!(log, "stdout: {line}");
            let parsed = serde_json::from_str::<Value>(&line).ok().filter(|value| value["ready"] == true);
            if let Some(ready) = parsed
                && let Some(say) = say.take()
            {
                let _ = say.send(ready);
            }
        }
    });
    ready
}

fn since(log: &Path, offset: u64) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let from = usize::try_from(offset).unwrap_or(0).min(bytes.len());
    String::from_utf8_lossy(&bytes[from..]).into_owned()
}
