//! Children live exactly as long as they should.

use std::time::Duration;

use crate::program::{Keyway, PATIENCE, command_line, eventually, is_running, kill_child};

#[test]
fn children_never_outlive_a_proxy_that_was_killed() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    let children = keyway.children();
    assert_eq!(children.len(), 2, "{children:?}");
    keyway.kill();
    eventually(Duration::from_secs(2), "both children have ended", || {
        children.iter().all(|(_, pid)| !is_running(*pid))
    });
}

#[test]
fn a_proxy_that_is_asked_to_stop_ends_with_success_and_leaves_nothing_behind() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    let children = keyway.children();
    let (code, log) = keyway.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert!(children.iter().all(|(_, pid)| !is_running(*pid)));
}

#[test]
fn a_child_that_dies_is_started_again_at_the_same_address() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    let (name, before) = keyway.children()[0].clone();
    kill_child(before);
    eventually(PATIENCE, "another process for the same node", || {
        keyway.children().iter().any(|(found, pid)| *found == name && *pid != before)
    });
    eventually(PATIENCE, "all of the ring serves", || {
        keyway.ask("GET", "/admin/ready", "").starts_with("HTTP/1.1 200")
    });
    let ring = keyway.ask("GET", "/admin/ring", "");
    assert!(ring.contains(&keyway.node_urls()[0]), "{ring}");
}

#[test]
fn the_secret_reaches_children_but_no_command_line_and_no_log() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    let secret = std::fs::read_to_string(data.path().join("secret")).unwrap().trim().to_owned();
    for (_, pid) in keyway.children() {
        let line = command_line(pid);
        assert!(line.contains("kvnode") && !line.contains(&secret), "{line}");
    }
    let (_, log) = keyway.terminate();
    assert!(!log.contains(&secret));
}
