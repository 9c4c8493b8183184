//! Starts the real `keyway` and looks at its processes. Only processes that were started here are signalled.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Nothing here takes nearly as long, unless the machine is very busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running proxy in local mode.
pub(crate) struct Keyway {
    pub(crate) ready: Value,
    process: Child,
    log: Option<thread::JoinHandle<String>>,
}

/// A command line for `keyway`, without the settings of whoever runs the tests.
pub(crate) fn keyway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyway"));
    for (name, _) in std::env::vars_os() {
        if ["KEYWAY_", "OTEL_"].iter().any(|of| name.to_string_lossy().starts_with(of)) {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The arguments of a proxy on free ports with its data in `data`.
pub(crate) fn on(data: &Path) -> Vec<String> {
    ["--listen", "127.0.0.1:0", "--data", &data.display().to_string(), "--nodes", "2"]
        .map(str::to_owned)
        .into()
}

/// What a start that is refused says.
pub(crate) fn refused(arguments: &[&str], code: i32) -> String {
    refused_with(arguments, code, |_| {})
}

/// The same, where more than the arguments is changed.
pub(crate) fn refused_with(arguments: &[&str], code: i32, change: impl FnOnce(&mut Command)) -> String {
    let mut command = keyway(arguments);
    change(&mut command);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{said}");
    assert!(stdout.is_empty() && !said.contains("panicked"), "{said}");
    said
}

impl Keyway {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, |_| {})
    }

    pub(crate) fn start_with(data: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let arguments = on(data);
        let mut command = keyway(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        change(&mut command);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = process.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_default();
        let mut keyway = Self { ready, process, log: Some(log) };
        if keyway.ready["ready"] != true {
            let _ = keyway.process.kill();
            panic!("it is not ready: {}", keyway.log());
        }
        keyway
    }

    pub(crate) fn address(&self, which: &str) -> String {
        self.ready[which].as_str().unwrap().to_owned()
    }

    pub(crate) fn node_urls(&self) -> Vec<String> {
        let nodes = self.ready["nodes"].as_array().unwrap();
        nodes.iter().map(|node| node["url"].as_str().unwrap().to_owned()).collect()
    }

    /// Sends a request and gives status line, header and body as they came.
    pub(crate) fn ask(&self, method: &str, target: &str, body: &str) -> String {
        ask(&self.address("listen"), method, target, body)
    }

    /// Runs a client command against it: exit code, stdout and stderr.
    pub(crate) fn command(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = keyway(arguments);
        command.env("KEYWAY_URL", format!("http://{}", self.address("admin")));
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    /// Its children, by name of the node.
    pub(crate) fn children(&self) -> Vec<(String, u32)> {
        let parent = self.process.id();
        let mut children: Vec<(String, u32)> = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|&pid| parent_of(pid) == Some(parent))
            .filter_map(|pid| Some((argument(pid, "--name")?, pid)))
            .collect();
        children.sort();
        children
    }

    /// Ends it with SIGKILL: it can do nothing about its children.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends it with SIGTERM: exit code and log.
    pub(crate) fn terminate(mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        let status = self.process.wait().unwrap();
        (status.code(), self.log())
    }

    fn log(&mut self) -> String {
        self.log.take().unwrap().join().unwrap()
    }
}

impl Drop for Keyway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn ask(address: &str, method: &str, target: &str, body: &str) -> String {
    ask_with(address, method, target, "", body)
}

/// The same with more lines in the head, each with its end.
pub(crate) fn ask_with(address: &str, method: &str, target: &str, fields: &str, body: &str) -> String {
    use std::io::Write;
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n"
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Waits until `holds`.
#[track_caller]
pub(crate) fn eventually(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn is_running(pid: u32) -> bool {
    // A zombie has ended, though its parent has not looked yet.
    stat(pid).is_some_and(|fields| fields.first().is_some_and(|state| state != "Z"))
}

/// Kills a child of a proxy that was started here.
pub(crate) fn kill_child(pid: u32) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
}

pub(crate) fn command_line(pid: u32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).replace('\0', " ")
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect());
    entries.unwrap_or_default()
}

fn argument(pid: u32, flag: &str) -> Option<String> {
    let line = command_line(pid);
    let mut words = line.split(' ').skip_while(|word| *word != flag);
    words.nth(1).map(str::to_owned)
}

fn parent_of(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// What follows the program's name: state, parent, ...
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}
