//! `--check`: a store that shows old values is found out, one that does not is not.

use crate::command_line::{loadgen, said};
use crate::server::{Mood, Server};

fn checked(mood: Mood) -> (Option<i32>, String) {
    let server = Server::start(mood);
    let output = loadgen(&[
        "run",
        "--target",
        &server.url(),
        "--preload",
        "--check",
        "--keys",
        "10",
        "--clients",
        "8",
        "--requests",
        "200",
        "--mix",
        "read=5,write=4,delete=1",
        "--value-size",
        "10..200",
    ]);
    (output.status.code(), said(&output))
}

#[test]
fn reads_that_show_replaced_values_are_counted_as_wrong() {
    let (code, text) = checked(Mood::Forgets(7));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("wrong-value"), "{text}");
}

#[test]
fn a_correct_store_is_not_accused() {
    let (code, text) = checked(Mood::Good);
    assert_eq!(code, Some(0), "{text}");
}
