//! The README's tour works word for word, twice, with a restart between.

use std::process::Command;

use harness::{Cluster, secs, story};

/// A command of the tour and what the README says it prints; nothing where it does not say.
struct Stop {
    command: String,
    prints: Vec<String>,
}

#[test]
fn the_readmes_tour_works_word_for_word_twice_with_a_restart_between() {
    story(secs(120), || async {
        let stops = tour();
        assert!(stops.len() > 5, "the README has no tour any more, or not in console blocks");
        let mut cluster = Cluster::start().await;
        for round in ["the first time", "after a restart"] {
            for stop in &stops {
                follow(stop, &cluster, round);
            }
            cluster.restart().await;
            cluster.admin().ready(secs(20)).await;
        }
    });
}

fn follow(stop: &Stop, cluster: &Cluster, round: &str) {
    let command = stop.command.replace("localhost:5000", &cluster.address().to_string());
    let output = Command::new("bash").args(["-c", &command]).output();
    let output = output.unwrap_or_else(|error| panic!("the tour needs bash and curl: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = format!("{round}: {}\n{printed}{}", stop.command, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    if let Some(status) = stop.command.split('#').nth(1).and_then(|comment| comment.split("only: ").nth(1)) {
        // "# create only: 412" with curl -i: the status line has it.
        assert!(printed.starts_with(&format!("HTTP/1.1 {status} ")), "{told}");
    } else {
        assert!(!printed.contains("urn:keyway:problem"), "{told}");
    }
    if !stop.prints.is_empty() {
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines, stop.prints, "{told}");
    }
}

/// The commands in the console blocks of the section that is called a tour.
fn tour() -> Vec<Stop> {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let text = std::fs::read_to_string(readme).expect("a README");
    let section = text.split("\n## ").find(|section| section.to_lowercase().starts_with("a tour"));
    let mut stops: Vec<Stop> = Vec::new();
    let mut inside = false;
    for line in section.unwrap_or_default().lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            stops.push(Stop { command: command.trim().to_owned(), prints: Vec::new() });
        } else if let (true, Some(stop)) = (inside, stops.last_mut()) {
            stop.prints.push(line.to_owned());
        }
    }
    stops
}
