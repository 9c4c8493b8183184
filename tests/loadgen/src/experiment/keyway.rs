//! A Keyway of its own: started on free ports with a fresh folder, and surely gone in the end.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::machine;

/// How long it may take to start, and to stop; a hundred nodes on two processors take their time.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much of its log is shown when it does not start.
const SHOWN: usize = 2000;

/// A running Keyway.
#[derive(Debug)]
pub(super) struct Keyway {
    process: Child,
    url: String,
    /// Removed with it.
    _folder: TempDir,
}

/// What a Keyway has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    pub(super) proxy_cpu: Duration,
    pub(super) nodes_cpu: Duration,
    pub(super) proxy_kib: u64,
    /// Of all nodes together.
    pub(super) nodes_kib: u64,
}

impl Keyway {
    pub(super) fn start(program: &Path, nodes: u32) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("cannot start {}: {error}", program.display());
        let folder = tempfile::tempdir().map_err(|error| wrong(&error))?;
        let log = folder.path().join("log");
        let errors = File::create(&log).map_err(|error| wrong(&error))?;
        let mut command = Command::new(program);
        // What the person has set for another Keyway is not for this one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KEYWAY_") {
                command.env_remove(name);
            }
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--nodes", &nodes.to_string(), "--data"]);
        command.arg(folder.path().join("data")).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let process = command.spawn().map_err(|error| wrong(&error))?;
        let mut keyway = Self { process, url: String::new(), _folder: folder };
        let ready = keyway.ready().map_err(|why| {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            let from = log.len().saturating_sub(SHOWN);
            wrong(&format!("{why}\n{}", log.get(from..).unwrap_or(&log)))
        })?;
        let listen = ready["listen"].as_str().ok_or_else(|| wrong(&"its ready line has no address"))?;
        keyway.url = format!("http://{listen}");
        Ok(keyway)
    }

    /// The line on stdout that says where it listens.
    fn ready(&mut self) -> Result<Value, String> {
        let output = self.process.stdout.take().ok_or("it has no output")?;
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(output).lines();
            // Nobody waits for it any more where it comes too late. Later lines are read so that it never blocks.
            let _ = sender.send(lines.next());
            lines.for_each(drop);
        });
        match receiver.recv_timeout(PATIENCE) {
            Ok(Some(Ok(line))) => serde_json::from_str(&line).map_err(|error| format!("{line:?}: {error}")),
            Ok(_) => Err("it ended instead of getting ready".to_owned()),
            Err(_) => Err(format!("it was not ready within {PATIENCE:?}")),
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn used(&self) -> Used {
        let proxy = self.process.id();
        let mut used = Used {
            proxy_cpu: machine::cpu_time_of(&proxy.to_string()).unwrap_or_default(),
            proxy_kib: machine::memory_of(proxy).unwrap_or_default(),
            ..Used::default()
        };
        for node in machine::children_of(proxy) {
            used.nodes_cpu += machine::cpu_time_of(&node.to_string()).unwrap_or_default();
            used.nodes_kib += machine::memory_of(node).unwrap_or_default();
        }
        used
    }

    /// As a user stops it; what it stores goes with it.
    pub(super) fn stop(mut self) -> Result<(), String> {
        if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).map_err(|error| format!("cannot stop Keyway: {error}"))?;
        }
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            match self.process.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("Keyway ended with {status}")),
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(format!("Keyway cannot be waited for: {error}")),
            }
        }
        Err(format!("Keyway did not stop within {PATIENCE:?}"))
    }
}

impl Drop for Keyway {
    /// Its nodes follow it by themselves.
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            // It may just have ended.
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}
