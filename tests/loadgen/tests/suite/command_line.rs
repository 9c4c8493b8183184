//! The whole way: arguments in, requests out, tables and exit codes back.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use loadgen::table;
use rustix::process::{Pid, Signal, kill_process};

use crate::server::{Mood, Server};

pub(crate) fn loadgen(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen")).args(arguments).output().unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn value(path: &Path, row: usize, column: &str) -> String {
    let table = table::read(path).unwrap();
    table.rows[row][table.column(column).unwrap()].clone()
}

#[test]
fn a_run_makes_the_requests_that_it_was_asked_for_and_tells_all_of_them() {
    let server = Server::start(Mood::Good);
    let folder = tempfile::tempdir().unwrap();
    let (runs, seconds) = (folder.path().join("runs.csv"), folder.path().join("seconds.csv"));
    let output = loadgen(&[
        "run",
        "--target",
        &server.url(),
        "--preload",
        "--keys",
        "50",
        "--clients",
        "5",
        "--requests",
        "100",
        "--threads",
        "2",
        "--mix",
        "read=6,write=3,delete=1",
        "--label",
        "one",
        "--csv",
        runs.to_str().unwrap(),
        "--series",
        seconds.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(server.requests(), 50 + 500, "the preload and the run");
    let number = |column: &str| value(&runs, 0, column).parse::<u64>().unwrap();
    assert_eq!((number("operations"), number("failures")), (500, 0));
    assert_eq!(number("read_operations") + number("write_operations") + number("delete_operations"), 500);
    assert_eq!(number("status_2xx") + number("status_4xx"), 500);
    assert_eq!(
        number("status_4xx"),
        number("absent"),
        "what was deleted is not there, and that is no failure"
    );
    assert_eq!(number("connections"), 5);
    assert_eq!(value(&runs, 0, "label"), "one");
    assert_eq!(value(&runs, 0, "mix"), "read=6,write=3,delete=1");
    let table = table::read(&seconds).unwrap();
    let read = table.column("read_operations").unwrap();
    let sum: u64 = table.rows.iter().map(|row| row[read].parse::<u64>().unwrap()).sum();
    assert_eq!(sum, number("read_operations"), "the seconds add up to the run");
}

#[test]
fn clients_come_during_the_ramp() {
    let server = Server::start(Mood::Good);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seconds.csv");
    let output = loadgen(&[
        "run",
        "--target",
        &server.url(),
        "--clients",
        "20",
        "--think",
        "5ms",
        "--ramp",
        "2s",
        "--duration",
        "3s",
        "--series",
        path.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let clients = |second| value(&path, second, "clients").parse::<u64>().unwrap();
    assert!((5..=13).contains(&clients(0)), "{} after the first second", clients(0));
    assert_eq!((clients(2), server.connections()), (20, 20));
}

#[test]
fn nothing_but_plain_lines_where_no_terminal_is() {
    let server = Server::start(Mood::Good);
    let output = loadgen(&["run", "--target", &server.url(), "--duration", "1200ms", "--clients", "1"]);
    assert!(output.status.success());
    assert!(!said(&output).contains(['\r', '\x1b']), "{:?}", said(&output));
    assert!(said(&output).contains("closed loop of 1 client,"), "{}", said(&output));
}

#[test]
fn a_run_that_is_interrupted_tells_what_it_has() {
    let server = Server::start(Mood::Good);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.csv");
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["run", "--target", &server.url(), "--duration", "10m", "--csv", path.to_str().unwrap()]);
    let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while server.requests() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("interrupted"), "{}", said(&output));
    assert_ne!(value(&path, 0, "operations"), "0");
}

#[test]
fn the_same_seed_sends_the_same_requests_and_another_one_does_not() {
    let sent = |seed: &str| {
        let server = Server::start(Mood::Good);
        let output = loadgen(&[
            "run",
            "--target",
            &server.url(),
            "--mix",
            "ycsb-a",
            "--seed",
            seed,
            "--clients",
            "1",
            "--requests",
            "300",
        ]);
        assert!(output.status.success(), "{}", said(&output));
        let log = server.seen.log.lock().unwrap();
        log.clone()
    };
    assert_eq!(sent("7"), sent("7"));
    assert_ne!(sent("7"), sent("8"));
}

#[test]
fn any_requests_can_be_sent() {
    let server = Server::start(Mood::Good);
    let output = loadgen(&[
        "run",
        "--target",
        &format!("{}/base", server.url()),
        "--api",
        "static",
        "--read",
        "GET /a/{key}.html?b=c",
        "--write",
        "PUT /a/{key}.html?b=c <{value}>",
        "--mix",
        "read=1,write=1",
        "--keys",
        "1",
        "--clients",
        "1",
        "--requests",
        "20",
        "--preload",
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let log = server.seen.log.lock().unwrap();
    assert!(log.contains(&"GET /base/a/key0.html?b=c".to_owned()), "{log:?}");
    assert!(log.contains(&"PUT /base/a/key0.html?b=c".to_owned()), "{log:?}");
}

#[test]
fn a_table_that_cannot_be_added_to_is_refused_before_the_run() {
    let server = Server::start(Mood::Good);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.csv");
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    for flag in ["--csv", "--series"] {
        let output =
            loadgen(&["run", "--target", &server.url(), "--requests", "1", flag, path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("other columns"), "{}", said(&output));
    }
    assert_eq!(server.requests(), 0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a,b\n1,2\n");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_sent() {
    let server = Server::start(Mood::Good);
    for (wrong, why) in [
        (&["--mix", "nothing=1"][..], "read-mostly"),
        (&["--api", "static", "--mix", "write-only"], "has no write"),
        (&["--rate", "0"], "--rate is above 0"),
        (&["--keys", "0"], "keys"),
        (&["--duration", "1s", "--warmup", "2s"], "--warmup"),
        (&["--header", "nonsense"], "Name: value"),
        (&["--read", "GET /{kye}"], "{key}"),
    ] {
        let url = server.url();
        let arguments: Vec<&str> =
            ["run", "--target", &url].into_iter().chain(wrong.iter().copied()).collect();
        let output = loadgen(&arguments);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {}", said(&output));
        assert!(said(&output).contains(why), "{wrong:?}: {}", said(&output));
    }
    assert_eq!(server.requests(), 0);
}
