//! What a restart brings back.

use crate::program::Keyway;

#[test]
fn a_restart_brings_back_the_same_nodes_at_the_same_addresses_with_their_keys() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    for key in 0..20 {
        let answer = keyway.ask("PUT", &format!("/kv?key=k{key}"), &format!("v{key}"));
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    let urls = keyway.node_urls();
    keyway.terminate();

    let keyway = Keyway::start(data.path());
    let again = keyway.node_urls();
    for key in 0..20 {
        let answer = keyway.ask("GET", &format!("/kv?key=k{key}"), "");
        assert!(answer.ends_with(&format!("\r\n\r\nv{key}")), "{answer}");
    }
    // Free ports are anybody's: another program may have taken one in between, and then the log says so.
    let (_, log) = keyway.terminate();
    for (before, after) in urls.iter().zip(&again) {
        assert!(before == after || log.contains("another program listens on"), "{before} {after}\n{log}");
    }
}

#[test]
fn a_node_whose_port_was_taken_meanwhile_is_found_at_another_one() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    keyway.ask("PUT", "/kv?key=k", "v");
    let taken = keyway.node_urls()[0].clone();
    keyway.terminate();

    // Where this fails, some other stranger was quicker, which is as good.
    let _stranger = std::net::TcpListener::bind(taken.trim_start_matches("http://"));
    let keyway = Keyway::start(data.path());
    assert_ne!(keyway.node_urls()[0], taken);
    let answer = keyway.ask("GET", "/kv?key=k", "");
    assert!(answer.ends_with("\r\n\r\nv"), "{answer}");
}

#[test]
fn logs_are_json_on_request_those_of_the_children_too() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start_with(data.path(), |command| {
        command.arg("--log-format=json");
    });
    let (_, log) = keyway.terminate();
    assert!(log.lines().count() > 5, "{log}");
    for line in log.lines() {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok_and(|line| line["level"].is_string()), "{line}");
    }
}

#[test]
fn the_admin_plane_moves_to_a_port_of_its_own() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start_with(data.path(), |command| {
        command.env("KEYWAY_ADMIN_LISTEN", "127.0.0.1:0");
    });
    assert_ne!(keyway.address("admin"), keyway.address("listen"));
    assert!(keyway.ask("GET", "/admin/live", "").starts_with("HTTP/1.1 404"));
    let live = crate::program::ask(&keyway.address("admin"), "GET", "/admin/live", "");
    assert!(live.starts_with("HTTP/1.1 200"), "{live}");
    let (code, status, _) = keyway.command(&["status"]);
    assert_eq!(code, 0, "{status}");
}
