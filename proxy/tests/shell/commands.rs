//! The client commands against a running proxy.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::program::{Keyway, PATIENCE, eventually, keyway};

/// A node that no proxy starts, so that it stays dead once it is.
struct Adopted {
    url: String,
    process: Child,
}

impl Adopted {
    /// It shows the secret that the proxy with its data in `data` made.
    fn start(name: &str, data: &Path) -> Self {
        let folder = data.join(name).display().to_string();
        let mut command = keyway(&["kvnode", "--name", name, "--listen", "127.0.0.1:0", "--data", &folder]);
        command.env("KEYWAY_CLUSTER_SECRET_FILE", data.join("secret"));
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        Self { url: format!("http://{}", ready["listen"].as_str().unwrap()), process }
    }
}

impl Drop for Adopted {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Puts so many keys.
fn fill(keyway: &Keyway, keys: u32) {
    for key in 0..keys {
        keyway.ask("PUT", &format!("/kv?key=k{key}"), "v");
    }
}

/// What a command that must succeed shows.
fn shown(keyway: &Keyway, arguments: &[&str]) -> String {
    let (code, said, complaint) = keyway.command(arguments);
    assert_eq!(code, 0, "{arguments:?}: {said}\n{complaint}");
    said
}

fn json(keyway: &Keyway, arguments: &[&str]) -> Value {
    serde_json::from_str(&shown(keyway, &[arguments, &["--json"]].concat())).unwrap()
}

#[test]
fn a_tour_with_the_commands() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    fill(&keyway, 50);
    let (code, plan, _) = keyway.command(&["add-server", "--dry-run"]);
    assert!(code == 0 && plan.contains("Would move") && plan.contains("n3"), "{plan}");
    let (code, done, progress) = keyway.command(&["add-server"]);
    assert!(code == 0 && done.contains("change 1: add-server n3 is done"), "{done}\n{progress}");
    assert_eq!(keyway.children().len(), 3);

    let (code, status, _) = keyway.command(&["status"]);
    assert!(
        code == 0 && status.lines().any(|line| line.starts_with("n3 ") && line.contains(" up ")),
        "{status}"
    );
    let (code, place, _) = keyway.command(&["locate", "k1"]);
    assert!(code == 0 && place.contains(" at http://127.0.0.1:"), "{place}");
    let (code, verified, _) = keyway.command(&["verify"]);
    assert!(code == 0 && verified.contains("all 50 keys"), "{verified}");

    let (code, json, _) = keyway.command(&["remove-server", "n1", "--json"]);
    let change: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, change["state"].as_str()), (0, Some("done")), "{json}");
    let (code, changes, _) = keyway.command(&["changes"]);
    assert!(code == 0 && changes.lines().count() == 3, "{changes}");
    let (code, one, _) = keyway.command(&["changes", "2"]);
    assert!(code == 0 && one.starts_with("change 2: remove-server n1 done"), "{one}");
}

#[test]
fn a_finished_change_shows_its_receipt() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    fill(&keyway, 50);
    let change = json(&keyway, &["add-server", "--rate", "none"]);
    let receipt = change["receipt"].as_array().unwrap();
    let text = shown(&keyway, &["changes", "1"]);
    assert_eq!(receipt.len(), 2, "{text}");
    for one in receipt {
        let digest = one["target"]["digest"].as_str().unwrap();
        let row: Vec<&str> = text.lines().filter(|line| line.contains(digest)).collect();
        let cells: Vec<&str> = row[0].split_whitespace().collect();
        let records = one["source"]["records"].to_string();
        assert_eq!((cells[0], cells[1]), (one["from"].as_str().unwrap(), "n3"), "{text}");
        assert_eq!((row.len(), text.matches(digest).count(), cells[2]), (1, 1, records.as_str()), "{text}");
    }
    let longest = format!("longest hold {} us", change["longest_hold_us"]);
    assert!(text.contains(&longest), "{text}");
}

#[test]
fn a_dead_node_is_given_up_by_the_commands_that_are_named_and_the_loss_is_shown() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    let mut node = Adopted::start("extra", data.path());
    shown(&keyway, &["add-server", &node.url]);
    fill(&keyway, 50);
    eventually(PATIENCE, "the proxy knows what the node holds", || {
        let stats = json(&keyway, &["status"]);
        let nodes = stats["nodes"].as_array().unwrap();
        nodes.iter().any(|node| node["name"] == "extra" && node["records"].as_u64() > Some(0))
    });
    node.process.kill().unwrap();
    eventually(PATIENCE, "the proxy sees that the node is down", || keyway.command(&["status"]).0 == 1);

    let (code, blocked, followed) = keyway.command(&["remove-server", "extra", "--wait=3s"]);
    assert_eq!(code, 4, "{blocked}\n{followed}");
    for text in [&blocked, &followed] {
        assert!(text.contains("`keyway changes 2 --cancel` cancels it"), "{text}");
        assert!(text.contains("`keyway remove-server extra --force`") && !text.contains("/admin"), "{text}");
    }
    // Each second it is unreachable for another second, which is no news.
    assert_eq!(followed.matches("unreachable").count(), 1, "{followed}");
    let as_it_came = json(&keyway, &["changes", "2"])["blocked"].to_string();
    assert!(as_it_came.contains("DELETE /admin/changes/2"), "{as_it_came}");

    shown(&keyway, &["changes", "2", "--cancel"]);
    let lost = json(&keyway, &["remove-server", "extra", "--force"])["lost"]["keys"].to_string();
    for arguments in [&["changes"][..], &["changes", "3"]] {
        let text = shown(&keyway, arguments);
        let forced: Vec<&str> = text.lines().filter(|line| line.contains("by force")).collect();
        assert_eq!(forced.len(), 1, "{text}");
        let gone = format!("by force: {lost} keys (");
        assert!(forced[0].contains(&gone) && forced[0].contains(") given up"), "{text}");
    }
}

#[test]
fn a_node_that_is_added_twice_is_given_another_weight_by_the_line_that_is_shown() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    let node = keyway.node_urls().remove(0);
    let told = shown(&keyway, &["add-server", &node]);
    let line = told.split('`').nth(1).unwrap();
    let admin = keyway.address("admin");
    let line_for_curl = format!("curl -X PATCH -d '{{\"weight\":2}}' 'http://{admin}/admin/nodes/n1'");
    assert_eq!(line, line_for_curl, "{told}");
}

#[test]
fn a_refusal_is_said_once() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    shown(&keyway, &["add-server"]);
    for (arguments, says) in [
        (&["remove-server", "n99"][..], "keyway: there is no node n99"),
        (&["changes", "1", "--cancel"], "keyway: change 1 has ended\n"),
        (&["changes", "99"], "keyway: there is no change 99,"),
    ] {
        let (code, _, complaint) = keyway.command(arguments);
        assert!(code == 1 && complaint.starts_with(says), "{arguments:?}: {complaint}");
    }
}

#[test]
fn a_command_that_is_refused_says_why_and_has_the_code_for_it() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    for (arguments, code, says) in [
        (&["remove-server", "nobody"][..], 1, "there is no node nobody"),
        (&["add-server", "http://127.0.0.1:1"], 1, "http://127.0.0.1:1"),
        (&["add-server", "nonsense"], 1, "`url`"),
        (&["changes", "99"], 1, "no change 99"),
        (&["changes", "99", "--cancel"], 1, "no change 99"),
        (&["changes", "foo"], 2, "a change is named by its number"),
        (&["add-server", "--rate", "fast"], 1, "or none for no limit"),
        (&["locate", "k", "--without", "nobody"], 1, "nobody"),
        (&["status", "--url", "http://127.0.0.1:1"], 3, "http://127.0.0.1:1"),
        (&["status", "--url", "somewhere"], 2, "somewhere"),
        (&["remove-server"], 2, "NAME"),
        (&["frobnicate"], 2, "frobnicate"),
    ] {
        let (found, stdout, stderr) = keyway.command(arguments);
        assert!(found == code && stderr.contains(says), "{arguments:?}: {found}\n{stdout}\n{stderr}");
    }
}

#[test]
fn the_token_is_taken_from_the_environment() {
    let data = tempfile::tempdir().unwrap();
    let token = ("KEYWAY_ADMIN_TOKEN", "a-token-for-the-admin");
    let keyway = Keyway::start_with(data.path(), |command| {
        command.env(token.0, token.1);
    });
    let (code, _, stderr) = keyway.command(&["status"]);
    assert!(code == 1 && stderr.contains("set KEYWAY_ADMIN_TOKEN to the admin token"), "{stderr}");
    let status_with = |name: &str, token: &str| {
        let mut status = self::keyway(&["status"]);
        status.env(name, token).env("KEYWAY_URL", format!("http://{}", keyway.address("admin")));
        let output = status.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(status_with(token.0, token.1), (Some(0), String::new()));
    let (code, stderr) = status_with(token.0, "another-token-than-that");
    assert!(code == Some(1) && stderr.contains("does not accept what KEYWAY_ADMIN_TOKEN holds"), "{stderr}");
    let file = data.path().join("token");
    std::fs::write(&file, "another-token-than-that").unwrap();
    let (code, stderr) = status_with("KEYWAY_ADMIN_TOKEN_FILE", file.to_str().unwrap());
    assert!(code == Some(1) && stderr.contains("the file that KEYWAY_ADMIN_TOKEN_FILE names"), "{stderr}");
}

#[test]
fn help_and_version_are_answered_without_a_proxy() {
    for (arguments, says) in [
        (&["--help"][..], "add-server"),
        (&["add-server", "--help"], "Examples:"),
        (&["kvnode", "--help"], "--join"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let output = keyway(arguments).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains(says), "{arguments:?}: {said}");
    }
}

#[test]
fn every_command_that_asks_a_proxy_names_the_variables_that_it_reads() {
    let pages = tempfile::tempdir().unwrap();
    let folder = pages.path().to_str().unwrap();
    assert!(keyway(&["man", "--folder", folder]).output().unwrap().status.success());
    let both = ["KEYWAY_URL", "KEYWAY_ADMIN_TOKEN "].as_slice();
    for (command, variables) in [
        (None, both),
        (Some("status"), both),
        (Some("verify"), both),
        (Some("changes"), both),
        (Some("locate"), both),
        (Some("add-server"), both),
        (Some("remove-server"), both),
        (Some("health"), &["KEYWAY_ADMIN_TOKEN "]),
        (Some("serve"), &["KEYWAY_ADMIN_TOKEN "]),
    ] {
        let arguments: Vec<&str> = command.into_iter().chain(["--help"]).collect();
        let help = String::from_utf8(keyway(&arguments).output().unwrap().stdout).unwrap();
        let page = command.map_or("keyway.1".to_owned(), |command| format!("keyway-{command}.1"));
        let page = std::fs::read_to_string(pages.path().join(page)).unwrap();
        for variable in variables {
            let line = format!("\n  {variable}");
            assert!(help.contains(&line) && page.contains(variable), "{command:?}: {help}\n{page}");
        }
    }
}

#[test]
fn shells_and_readers_of_manuals_are_told_every_command() {
    let commands =
        ["serve", "add-server", "remove-server", "status", "changes", "locate", "verify", "health"];
    let text = |arguments: &[&str]| {
        let output = keyway(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        let completions = text(&["completions", shell]);
        for command in commands {
            assert!(completions.contains(command), "{shell}: {command}");
        }
    }
    let page = text(&["man"]);
    assert!(page.contains(".TH keyway 1"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    text(&["man", "--folder", pages.to_str().unwrap()]);
    assert!(pages.join("keyway.1").is_file());
    for command in commands {
        assert!(pages.join(format!("keyway-{command}.1")).is_file(), "{command}");
    }
}

#[test]
fn bash_completes_what_has_been_typed() {
    let completions = keyway(&["completions", "bash"]).output().unwrap().stdout;
    let script = format!(
        "{}\nCOMP_WORDS=(keyway rem); COMP_CWORD=1; _keyway keyway rem keyway; echo \"${{COMPREPLY[@]}}\"",
        String::from_utf8(completions).unwrap()
    );
    let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "remove-server", "{output:?}");
}
