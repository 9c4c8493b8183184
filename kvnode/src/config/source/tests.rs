//! Tests of reading a file.

use super::*;

/// Reads a made-up program's settings and gives what is wrong with them, one a line.
fn mistakes(text: &str) -> String {
    let (_, outcome) = Source::new("f.toml", text).read(|file| {
        file.string("listen");
        file.boolean("quiet");
        file.size_in("max_value", 1..=1 << 20);
        file.table("http", |http| {
            http.duration_in("drain", Duration::ZERO..=Duration::from_secs(60));
            http.integer_in("connections", 1..=100);
        });
        file.tables("nodes", |node| {
            node.string("name");
        });
    });
    outcome.mistakes.to_string()
}

#[test]
fn a_file_without_mistakes_has_none() {
    let text = "listen = \"x\"\nmax_value = 1024\nnodes = [{ name = \"a\" }]\n[http]\ndrain = \"5s\"\n";
    assert_eq!(mistakes(text), "");
    assert_eq!(mistakes(""), "");
}

#[test]
fn every_mistake_is_shown_with_its_line_and_column() {
    let text =
        "listen = 5\nmax_value = \"2MiB\"\n\n[http]\n  drain = \"never\"\nconnections = 0\nconections = 3\n";
    assert_eq!(
        mistakes(text),
        "f.toml:1:10: `listen`: this must be a string in quotes, not the number 5\n\
         f.toml:2:13: `max_value`: 2MiB is outside 1B to 1MiB\n\
         f.toml:5:11: `http.drain`: `never` is not a duration; write for example \"250ms\", \"10s\" or \"1m 30s\"\n\
         f.toml:6:15: `http.connections`: 0 is outside 1 to 100\n\
         f.toml:7:1: unknown key `http.conections`: did you mean `connections`?"
    );
}

#[test]
fn an_unknown_key_unlike_any_other_lists_the_known_ones() {
    assert_eq!(
        mistakes("[http]\nzzz = 1\n"),
        "f.toml:2:1: unknown key `http.zzz`: known keys here: connections, drain"
    );
}

#[test]
fn columns_count_characters_and_not_bytes() {
    assert!(mistakes("[http]\n\"äö\" = 1\n").starts_with("f.toml:2:1: "));
    assert!(mistakes("nodes = [{ name = \"äö\", age = 1 }]").starts_with("f.toml:1:25: "));
}

#[test]
fn syntax_errors_do_not_hide_the_other_mistakes() {
    let shown = mistakes("listen = \nquiet = 1\nquiet = true\n[http\nconnections = 500\n");
    let places: Vec<_> = shown.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["f.toml:1:10", "f.toml:2:9", "f.toml:3:1", "f.toml:4:6"], "{shown}");
}

#[test]
fn keys_that_the_file_lacks_are_told_with_their_table() {
    let (_, outcome) = Source::new("f.toml", "[http]\nport = 1").read(|file| {
        file.string("listen");
        file.table("http", |http| (http.integer_in("port", 0..=9), http.boolean("on")));
        file.table("log", |log| log.string("format"));
    });
    assert_eq!(outcome.absent, ["listen", "http.on", "log.format"]);
}

#[test]
fn a_mistake_seen_later_points_at_the_value() {
    let (_, outcome) = Source::new("f.toml", "low = 5\nhigh = 3").read(|file| {
        let (low, high) = (file.integer_in("low", 0..=9), file.integer_in("high", 0..=9));
        if low > high {
            file.wrong("high", "this must not be below `low`");
        }
    });
    assert_eq!(outcome.mistakes.to_string(), "f.toml:2:8: `high`: this must not be below `low`");
}
