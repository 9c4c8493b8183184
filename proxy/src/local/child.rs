//! One child process, from its start to its end.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::output::{self, Ready, Tail};
use super::{ChildSpec, Launch};

/// How long a child may take until it says that it is ready: a large folder after a crash takes a while.
const START: Duration = Duration::from_secs(10);
/// How long a child may take to end once it was asked: it finishes the requests under way, for 10 s at most.
const STOP: Duration = Duration::from_secs(15);

/// A child that said it is ready.
#[derive(Debug)]
pub(super) struct Child {
    process: tokio::process::Child,
    /// While this end of the pipe is open, the child runs. The system closes it however this process ends, so no
    /// child outlives it, not even after kill -9.
    lifeline: Option<ChildStdin>,
    log: JoinHandle<()>,
    tail: Tail,
    /// What it said.
    pub(super) ready: Ready,
}

impl Child {
    /// Starts a node that listens on `listen` and waits until it is ready; the error says why it is not.
    pub(super) async fn start(launch: &Launch, spec: &ChildSpec, listen: SocketAddr) -> Result<Self, String> {
        let mut process = command(launch, spec, listen)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", launch.program.display()))?;
        let lifeline = process.stdin.take();
        let tail = Tail::default();
        let prefix = if launch.prefix { format!("{} | ", spec.name) } else { String::new() };
        let log = follow(process.stderr.take(), prefix, tail.clone());
        let mut stdout = process.stdout.take();
        let said = tokio::time::timeout(START, first_words(&mut stdout)).await;
        let problem = match said {
            Ok(Some(ready)) if ready.name == spec.name => {
                drain(stdout);
                return Ok(Self { process, lifeline, log, tail, ready });
            }
            Ok(Some(ready)) => format!("it says that it is {}", ready.name),
            Ok(None) => return Err(end(process, log, &tail).await),
            Err(_) => format!("it was not ready within {START:?}"),
        };
        // Best effort: the pipe to it is closed as well.
        let _ = process.kill().await;
        Err(problem)
    }

    /// Its process number.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits for its end; the answer says how it ended.
    pub(super) async fn ended(&mut self) -> String {
        let status = self.process.wait().await;
        // The log reaches its end with the process; a grandchild that holds it open must not hold us up.
        let _ = tokio::time::timeout(Duration::from_secs(1), &mut self.log).await;
        describe(status, &self.tail)
    }

    /// Asks it to end, waits, and kills it where it does not.
    pub(super) async fn stop(mut self) {
        self.terminate();
        if tokio::time::timeout(STOP, self.process.wait()).await.is_err() {
            tracing::warn!(node = %self.ready.name, "did not stop within {STOP:?}; killed");
            let _ = self.process.kill().await;
        }
        drop(self.lifeline);
        let _ = tokio::time::timeout(Duration::from_secs(1), self.log).await;
    }

    /// SIGTERM, which lets it finish the requests under way; losing the lifeline would not.
    fn terminate(&self) {
        // A process that has not been waited for keeps its number, so no other one can be hit.
        let number = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(number) = number
            && let Err(error) = kill_process(number, Signal::TERM)
        {
            tracing::debug!(node = %self.ready.name, "cannot be asked to stop: {error}");
        }
    }
}

fn command(launch: &Launch, spec: &ChildSpec, listen: SocketAddr) -> Command {
    let mut command = Command::new(&launch.program);
    // The program may be named by a path that says nothing.
    command.arg0("keyway");
    command.args(&launch.arguments);
    command.arg("--name").arg(spec.name.as_str());
    command.arg("--listen").arg(listen.to_string());
    command.arg("--data").arg(&spec.data);
    command.arg("--exit-with-parent");
    // Settings for the proxy are not meant for its nodes, and the admin token is none of their business.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KEYWAY_") {
            command.env_remove(name);
        }
    }
    command.env(crate::config::secret::CLUSTER_SECRET, launch.secret.expose());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own: Ctrl-C in a terminal reaches only the proxy, which finishes its requests first.
    command.process_group(0);
    command.kill_on_drop(true);
    command
}

fn follow(log: Option<ChildStderr>, prefix: String, tail: Tail) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Some(log) = log {
            output::forward(log, prefix, tail).await;
        }
    })
}

async fn first_words(stdout: &mut Option<ChildStdout>) -> Option<Ready> {
    output::ready(stdout.as_mut()?).await
}

/// A child that prints more must not block on a full pipe, nor fail on a closed one.
fn drain(stdout: Option<ChildStdout>) {
    if let Some(mut stdout) = stdout {
        tokio::spawn(async move { tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await });
    }
}

async fn end(mut process: tokio::process::Child, log: JoinHandle<()>, tail: &Tail) -> String {
    // It closed its stdout without a ready line: it has ended, or has gone mad.
    let status = match tokio::time::timeout(Duration::from_secs(1), process.wait()).await {
        Ok(status) => status,
        Err(_) => process.kill().await.and(process.try_wait()).map(Option::unwrap_or_default),
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), log).await;
    describe(status, tail)
}

fn describe(status: std::io::Result<ExitStatus>, tail: &Tail) -> String {
    let how = match status {
        Ok(status) => status.to_string(),
        Err(error) => format!("its end could not be read: {error}"),
    };
    // Who was killed had no last words: the end of its log is about something else.
    let killed = how.starts_with("signal: 9");
    match tail.text() {
        text if text.is_empty() || killed => how,
        text => format!("{how}: {text}"),
    }
}
