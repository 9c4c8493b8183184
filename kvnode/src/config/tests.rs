//! Tests of the configuration as a whole; and that the manual says what the code does.

use super::*;
use clap::Parser as _;

fn flags(line: &str) -> Flags {
    Flags::try_parse_from(std::iter::once("kvnode").chain(line.split_whitespace())).unwrap()
}

fn config(line: &str) -> Result<Config, String> {
    Config::new(&flags(line), |_| None).map_err(|mistakes| mistakes.to_string())
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

/// The manual with its commented-out settings (`#key = value`) switched on.
fn manual(all: bool) -> String {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/kvnode.toml")).unwrap();
    let switch_on = |line: &str| match line.strip_prefix('#') {
        Some(setting) if all && setting.starts_with(|c: char| c.is_ascii_lowercase()) => setting.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|line| switch_on(line) + "\n").collect()
}

#[test]
fn the_manual_shows_every_key_and_no_other() {
    let (_, outcome) = Source::new("kvnode.toml", manual(true)).read(Layer::in_file);
    assert_eq!(outcome.mistakes.to_string(), "");
    assert_eq!(outcome.absent, [""; 0]);
}

#[test]
fn the_manual_shows_the_defaults() {
    let path = file(&manual(false));
    let shown = config(&format!("--config {}", path.path().display())).unwrap();
    let default = config("--name n1").unwrap();
    assert_eq!(format!("{shown:?}"), format!("{default:?}"));
}

#[test]
fn flags_win_over_the_file() {
    let path = file(
        "name = \"in-file\"\nlisten = \"127.0.0.1:1\"\nmax_value = \"1MiB\"\n[log]\nformat = \"json\"\n",
    );
    let config = config(&format!("--config {} --listen [::1]:2 --log debug", path.path().display())).unwrap();
    assert_eq!(config.who, Who::Named("in-file".parse().unwrap(), "./kvnode-data".into()));
    assert_eq!(config.listen, "[::1]:2".parse().unwrap());
    assert_eq!(config.http.max_value, 1 << 20);
    assert_eq!(config.log, Log { json: true, level: "debug".to_owned() });
}

#[test]
fn mistakes_in_all_places_are_shown_at_once() {
    let path = file("nam = \"n1\"\n[http]\ndrain = 5\n");
    let line = format!("--config {} --listen here --max-value 0 --join n1:5000", path.path().display());
    let shown = Config::new(&flags(&line), |name| (name == secret::CLUSTER).then(String::new)).unwrap_err();
    let shown = shown.to_string().replace(&path.path().display().to_string(), "FILE");
    assert_eq!(
        shown,
        "FILE:1:1: unknown key `nam`: did you mean `name`?\n\
         FILE:3:9: `http.drain`: this must be a duration such as \"10s\", not the number 5\n\
         --listen: `here` is not an address and a port; write for example \"127.0.0.1:5001\" or \"[::1]:5001\"\n\
         --join: `n1:5000` is not a base URL such as http://127.0.0.1:5001 (no path, and no https)\n\
         --max-value: 0 is outside 1B to 1GiB\n\
         KEYWAY_CLUSTER_SECRET: a secret has at least 16 characters, all of them visible ASCII ones; \
         `openssl rand -hex 32` makes a good one\n\
         the node needs a name of its own that stays: --name n1, or `name` in the file"
    );
}

#[test]
fn a_wrong_name_is_not_also_a_missing_one() {
    let shown = config("--name N1").unwrap_err();
    assert_eq!(shown.lines().count(), 1, "{shown}");
    assert!(shown.starts_with("--name: "), "{shown}");
}

#[test]
fn joining_needs_the_secret_and_an_address_that_others_can_use() {
    let shown = config("--name n1 --join http://proxy:5000 --listen 0.0.0.0:5001").unwrap_err();
    assert!(shown.contains("KEYWAY_CLUSTER_SECRET_FILE") && shown.contains("--advertise"), "{shown}");
    let secret = |name: &str| (name == secret::CLUSTER).then(|| "0123456789abcdef".to_owned());
    let line = "--name n1 --join http://proxy:5000/ --listen 0.0.0.0:5001 --advertise http://n1:5001";
    let config = Config::new(&flags(line), secret).unwrap();
    assert_eq!(config.join.as_deref(), Some("http://proxy:5000"));
}

#[test]
fn a_folder_of_folders_says_the_name() {
    let shared = || config("--data-under nodes").unwrap();
    assert_eq!(shared().who, Who::FirstFree("nodes".into()));
    let path = file("data_under = \"elsewhere\"\n");
    let in_file = config(&format!("--config {}", path.path().display())).unwrap();
    assert_eq!(in_file.who, Who::FirstFree("elsewhere".into()));
    for other in ["--name n1", "--data n1"] {
        let shown = config(&format!("--data-under nodes {other}")).unwrap_err();
        assert_eq!(shown.lines().count(), 1, "{shown}");
        assert!(shown.contains("give neither `name` nor `data`"), "{shown}");
    }
}

#[test]
fn memory_that_holds_no_value_is_a_mistake() {
    let path = file("name = \"n1\"\nmax_value = \"16MiB\"\n[http]\nmemory = \"1MiB\"\n");
    let shown = config(&format!("--config {}", path.path().display())).unwrap_err();
    assert!(shown.contains("`http.memory` is smaller"), "{shown}");
}

#[test]
fn a_file_that_is_not_there_is_told_by_name() {
    let shown = config("--config /nowhere/kvnode.toml --name n1").unwrap_err();
    assert!(shown.starts_with("/nowhere/kvnode.toml: the configuration file cannot be read"), "{shown}");
}
