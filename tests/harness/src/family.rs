//! Processes and their children, as `/proc` tells them. Only descendants of our own processes are ever touched.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::eventually;

/// The signal that no process survives.
pub const KILL: Signal = Signal::KILL;

/// A process that a process of ours started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its process id.
    pub pid: Pid,
    /// Its command line.
    pub arguments: Vec<String>,
    /// When it started, in clock ticks since boot: with the pid, an identity that is never reused.
    started: u64,
}

impl Child {
    /// Whether this very process (not another one with the same pid) still runs; a zombie does not.
    #[must_use]
    pub fn alive(&self) -> bool {
        stat(self.pid.as_raw_nonzero().get())
            .is_some_and(|now| now.started == self.started && now.state != 'Z')
    }

    /// Sends it a signal, if it is still alive.
    pub fn signal(&self, signal: Signal) {
        if self.alive() {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// SIGSTOP: it keeps its sockets and its memory, and does nothing.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT, after [`Child::pause`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Whether its command line has this value for this flag: `--name n2` or `--name=n2`.
    #[must_use]
    pub fn has(&self, flag: &str, value: &str) -> bool {
        let joined = format!("{flag}={value}");
        self.arguments.windows(2).any(|pair| pair[0] == flag && pair[1] == value)
            || self.arguments.contains(&joined)
    }
}

/// The children of a process, oldest first.
#[must_use]
pub fn children(parent: Pid) -> Vec<Child> {
    let mut found: Vec<Child> = pids()
        .filter_map(|pid| {
            let stat = stat(pid)?;
            let ours = stat.parent == parent.as_raw_nonzero().get() && stat.state != 'Z';
            let pid_of_child = Pid::from_raw(pid).filter(|_| ours)?;
            Some(Child { pid: pid_of_child, arguments: arguments(pid), started: stat.started })
        })
        .collect();
    found.sort_by_key(|child| (child.started, child.pid.as_raw_nonzero()));
    found
}

/// SIGSTOP for all of these, and waits until none of them can act any more: each of their threads stands still, or will
/// when the call of the system returns that it is in.
pub async fn stand_still(processes: &[Pid]) {
    for pid in processes {
        kill_process(*pid, Signal::STOP).expect("a process that stands still");
    }
    eventually(Duration::from_secs(10), "they stand still", || {
        let acting = processes.iter().flat_map(|pid| threads(*pid)).find(|state| !"TDZX".contains(*state));
        async move { acting.map_or(Ok(()), |state| Err(format!("a thread is in state {state}"))) }
    })
    .await;
}

/// The states of a process's threads.
fn threads(pid: Pid) -> Vec<char> {
    let pid = pid.as_raw_nonzero();
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| task.file_name().into_string().ok());
    names.filter_map(|task| Some(stat_in(&format!("/proc/{pid}/task/{task}"))?.state)).collect()
}

/// How much memory a process holds, in bytes.
#[must_use]
pub fn resident(pid: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

struct Stat {
    state: char,
    parent: i32,
    started: u64,
}

fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir(Path::new("/proc")).expect("these tests need /proc");
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn stat(pid: i32) -> Option<Stat> {
    stat_in(&format!("/proc/{pid}"))
}

fn stat_in(folder: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("{folder}/stat")).ok()?;
    // The second field is the program's name in brackets and may hold anything; count from its end.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

fn arguments(pid: i32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes
        .split(|&b| b == 0)
        .filter(|part| !part.is_empty())
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_found_by_its_parent_and_gone_after_its_end() {
        let mut started = std::process::Command::new("sleep").arg("--").arg("20").spawn().unwrap();
        let own = rustix::process::getpid();
        let pid = Pid::from_child(&started);
        let child = loop {
            let found = children(own).into_iter().find(|child| child.pid == pid);
            // Between fork and exec the child still has our command line.
            if let Some(child) = found.filter(|child| child.has("--", "20")) {
                break child;
            }
        };
        assert!(child.alive());
        child.signal(Signal::KILL);
        started.wait().unwrap();
        assert!(!child.alive());
    }
}
