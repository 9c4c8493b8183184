//! Whatever fails is counted by its kind, said aloud, and is the exit code.

use std::time::Duration;

use crate::command_line::{loadgen, said};
use crate::server::{Mood, Server};

fn run(mood: Mood, more: &[&str]) -> (Option<i32>, String, Server) {
    let server = Server::start(mood);
    let url = server.url();
    let base = ["run", "--target", &url, "--preload", "--keys", "20", "--clients", "2", "--requests", "50"];
    let output = loadgen(&[&base[..], more].concat());
    (output.status.code(), said(&output), server)
}

#[test]
fn a_refused_operation_is_a_failure_unless_errors_are_allowed() {
    let (code, text, _) = run(Mood::Refuses(30, 503), &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("FAILED") && text.contains("status-503"), "{text}");
    let (code, text, _) = run(Mood::Refuses(30, 503), &["--allow-errors"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("status-503"), "{text}");
}

#[test]
fn a_cut_connection_is_a_failure_and_the_client_goes_on_with_another() {
    let (code, text, server) = run(Mood::Cuts(30), &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("closed-before-answer"), "{text}");
    assert_eq!(server.requests(), 120, "each was sent once");
}

#[test]
fn a_server_that_closes_kept_connections_in_order_makes_nothing_fail() {
    let (code, text, server) = run(Mood::Closes(10), &[]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(server.requests(), 120, "each was sent once");
    assert!(server.connections() >= 12, "{}", server.connections());
}

#[test]
fn a_server_that_hangs_up_while_a_client_thinks_makes_nothing_fail() {
    let server = Server::start(Mood::HangsUp(Duration::from_millis(20)));
    let output =
        loadgen(&["run", "--target", &server.url(), "--clients", "2", "--requests", "5", "--think", "200ms"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(
        (server.requests(), server.connections()),
        (10, 10),
        "each was sent once, each on a new connection"
    );
}

#[test]
fn an_answer_that_does_not_come_is_a_timeout() {
    let server = Server::start(Mood::StallsAtFirst(Duration::from_secs(3)));
    let output = loadgen(&[
        "run",
        "--target",
        &server.url(),
        "--clients",
        "3",
        "--requests",
        "1",
        "--timeout",
        "200ms",
        "--mix",
        "write-only",
    ]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("3  timeout"), "{text}");
}

#[test]
fn nobody_there_is_said_at_once() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output =
        loadgen(&["run", "--target", &format!("http://{gone}"), "--clients", "1", "--requests", "3"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("3  connection-refused"), "{}", said(&output));
}
