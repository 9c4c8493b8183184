//! A server stands still for a while. Clients that wait for it before they ask again hardly see it: most of their
//! requests were never made. In an open loop every request that was due in that time has waited, and says so.

use std::path::Path;
use std::time::Duration;

use loadgen::table;

use crate::command_line::{loadgen, said};
use crate::server::{Mood, Server};

const STALL: Duration = Duration::from_millis(800);

fn column(path: &Path, name: &str) -> f64 {
    let table = table::read(path).unwrap();
    table.rows[0][table.column(name).unwrap()].parse().unwrap()
}

fn against_a_stall(how: &[&str]) -> (tempfile::TempDir, std::path::PathBuf) {
    let server = Server::start(Mood::StallsAtFirst(STALL));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.csv");
    let url = server.url();
    let base =
        ["run", "--target", &url, "--clients", "2", "--mix", "write-only", "--csv", path.to_str().unwrap()];
    let output = loadgen(&[&base[..], how].concat());
    assert!(output.status.success(), "{}", said(&output));
    (folder, path)
}

#[test]
fn a_closed_loop_hides_a_stall_and_an_open_loop_shows_it() {
    // Two clients wait once each; the other 598 requests are made when all is well again.
    let (_folder, closed) = against_a_stall(&["--requests", "300"]);
    assert!(column(&closed, "max_us") > 700_000.0);
    assert!(column(&closed, "p99_us") < 400_000.0, "p99 {} us", column(&closed, "p99_us"));

    // 200 a second for 2 s; 160 of the 400 become due while it stands still, and wait 400 ms on average.
    let (_folder, open) = against_a_stall(&["--rate", "200", "--duration", "2s"]);
    assert_eq!(column(&open, "operations"), 399.0, "all that were due, the last at 1.995 s");
    assert!(column(&open, "p90_us") > 300_000.0, "p90 {} us", column(&open, "p90_us"));
    let mean = column(&open, "mean_us");
    assert!(mean > 100_000.0, "mean {mean} us");
    let service = column(&open, "service_median_us");
    assert!(
        service < mean / 2.0,
        "counted from sending most were fast ({service} us), which is what hides a stall"
    );
}

#[test]
fn an_open_loop_sends_when_it_is_due_and_not_in_bursts() {
    let server = Server::start(Mood::Good);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.csv");
    let output = loadgen(&[
        "run",
        "--target",
        &server.url(),
        "--clients",
        "20",
        "--threads",
        "2",
        "--rate",
        "500",
        "--duration",
        "2s",
        "--arrivals",
        "poisson",
        "--csv",
        path.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let operations = column(&path, "operations");
    assert!((850.0..1150.0).contains(&operations), "{operations} of about 1000");
}

#[test]
fn a_warm_up_is_not_counted() {
    let (_folder, path) = against_a_stall(&["--rate", "100", "--duration", "3s", "--warmup", "2s"]);
    let operations = column(&path, "operations");
    assert!((80.0..=150.0).contains(&operations), "{operations}: about 100 of 300 are after the warm-up");
    let throughput = column(&path, "throughput");
    assert!((60.0..=150.0).contains(&throughput), "{throughput} of about 100 a second");
    assert!(
        column(&path, "median_us") < 400_000.0,
        "the stall was over, median {} us",
        column(&path, "median_us")
    );
}

#[test]
fn what_was_due_and_never_sent_is_a_failure() {
    let server = Server::start(Mood::StallsAtFirst(Duration::from_secs(30)));
    let output = loadgen(&[
        "run",
        "--target",
        &server.url(),
        "--clients",
        "1",
        "--rate",
        "50",
        "--duration",
        "500ms",
        "--timeout",
        "400ms",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("never-sent"), "{}", said(&output));
}
