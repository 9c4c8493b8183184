//! The client commands against a running proxy.

use serde_json::Value;

use crate::program::{Keyway, keyway};

#[test]
fn a_tour_with_the_commands() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    for key in 0..50 {
        keyway.ask("PUT", &format!("/kv?key=k{key}"), "v");
    }
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
fn a_command_that_is_refused_says_why_and_has_the_code_for_it() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    for (arguments, code, says) in [
        (&["remove-server", "nobody"][..], 1, "there is no node nobody"),
        (&["add-server", "http://127.0.0.1:1"], 1, "http://127.0.0.1:1"),
        (&["add-server", "nonsense"], 1, "`url`"),
        (&["changes", "99"], 1, "no change 99"),
        (&["changes", "99", "--cancel"], 1, "no change 99"),
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
    assert!(code == 1 && stderr.contains("token"), "{stderr}");
    let mut shown = self::keyway(&["status"]);
    shown.env(token.0, token.1).env("KEYWAY_URL", format!("http://{}", keyway.address("admin")));
    assert!(shown.output().unwrap().status.success());
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
