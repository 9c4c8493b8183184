//! Where settings come from, and what is told when they are wrong.

use std::collections::BTreeMap;
use std::fs;

use super::*;

/// Loads with this file and these variables.
fn load(file: &str, flags: Flags, variables: &[(&str, &str)]) -> Result<Settings, Mistakes> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyway.toml");
    fs::write(&path, file).unwrap();
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    let flags = Flags { config: Some(path), ..flags };
    Settings::load(&flags, |name| variables.get(name).map(|value| (*value).to_owned()))
}

fn usual() -> Settings {
    Settings::default()
}

#[test]
fn nothing_said_means_the_defaults() {
    assert_eq!(load("", Flags::default(), &[]).unwrap(), usual());
    assert_eq!(Settings::load(&Flags::default(), |_| None).unwrap(), usual());
}

#[test]
fn the_manual_shows_every_key_with_its_default() {
    let manual = include_str!("../../../config/keyway.toml");
    let (_, outcome) = file::read(&Source::new("keyway.toml", manual));
    assert_eq!(outcome.mistakes.to_string(), "");
    assert_eq!(outcome.absent, ["node"], "only the example is commented out");
    let read = load(manual, Flags::default(), &[]).unwrap();
    assert_eq!(read.points, Some(hashring::ring::DEFAULT_POINTS));
    assert_eq!(Settings { points: None, ..read }, usual());
}

#[test]
fn the_example_of_the_manual_can_be_used() {
    let manual = include_str!("../../../config/keyway.toml");
    let example = &manual[manual.find("# [[node]]").unwrap()..];
    let example: String =
        example.lines().map(|line| line.trim_start_matches("# ").to_owned() + "\n").collect();
    let node = ListedNode { name: "n1".parse().unwrap(), url: "http://10.0.0.1:5001".to_owned(), weight: 1 };
    assert_eq!(load(&example, Flags::default(), &[]).unwrap().nodes, Nodes::Listed(vec![node]));
}

#[test]
fn a_flag_wins_over_its_variable_and_that_over_the_file() {
    let file = "listen = \"127.0.0.1:1\"\ndata = \"from-file\"\nnodes = 1\nworkers = 1\n";
    let variables =
        [("KEYWAY_LISTEN", "127.0.0.1:2"), ("KEYWAY_NODES", "2"), ("KEYWAY_DATA", "from-variable")];
    let flags = Flags { listen: Some("127.0.0.1:3".to_owned()), ..Flags::default() };
    let settings = load(file, flags, &variables).unwrap();
    assert_eq!(settings.data_path.listen.port(), 3);
    assert_eq!(settings.nodes, Nodes::Own(2));
    assert_eq!(settings.data, PathBuf::from("from-variable"));
    assert_eq!(settings.data_path.workers.get(), 1);
}

#[test]
fn every_mistake_of_every_place_is_told_at_once() {
    let file = "listen = \"nowhere\"\nlissten = 1\n[timeouts]\nanswer = 5\n[[node]]\nname = \"../x\"\nweight = 257\n";
    let flags = Flags { workers: Some("many".to_owned()), nodes: Some("-1".to_owned()), ..Flags::default() };
    let variables = [
        ("KEYWAY_ADMIN_LISTEN", "localhost"),
        ("KEYWAY_ADMIN_TOKEN", "short"),
        ("KEYWAY_CLUSTER_SECRET", "0123456789abcdef"),
        ("KEYWAY_CLUSTER_SECRET_FILE", "/nowhere"),
    ];
    let told = load(file, flags, &variables).unwrap_err().to_string();
    for says in [
        "keyway.toml:1:10: `listen`: \"nowhere\" is not an address and a port",
        "keyway.toml:2:1: unknown key `lissten`: did you mean `listen`?",
        "keyway.toml:4:10: `timeouts.answer`",
        "keyway.toml:6:8: `node.name`",
        "keyway.toml:7:10: `node.weight`: 257",
        "--workers: this must be a whole number, not \"many\"",
        "--nodes: ",
        "KEYWAY_ADMIN_LISTEN: ",
        "KEYWAY_ADMIN_TOKEN: a secret has at least 16",
        "KEYWAY_CLUSTER_SECRET: set either this or KEYWAY_CLUSTER_SECRET_FILE",
    ] {
        assert!(told.contains(says), "{says} is not in\n{told}");
    }
    assert!(!told.contains("0123456789abcdef"));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let nodes = "[[node]]\nname = \"n1\"\nurl = \"http://h:1\"\n";
    for (file, says) in [
        (format!("nodes = 3\n{nodes}"), "exclude each other"),
        (format!("{nodes}{nodes}"), "another node has this name"),
        (format!("{nodes}[[node]]\nname = \"n2\"\nurl = \"http://H:1/\"\n"), "another node has this URL"),
        ("[[node]]\nname = \"n1\"\n".to_owned(), "`node.url`: every [[node]] needs this"),
        (format!("{nodes}weight = 0\n"), "every weight is 0"),
        ("[limits]\nreplay_buffer = \"64MiB\"\n".to_owned(), "no body would ever be kept"),
    ] {
        let told = load(&file, Flags::default(), &[]).unwrap_err().to_string();
        assert!(told.contains(says), "{told}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let flags = Flags { config: Some("/nowhere/keyway.toml".into()), ..Flags::default() };
    let told = Settings::load(&flags, |_| None).unwrap_err().to_string();
    assert!(told.contains("/nowhere/keyway.toml"), "{told}");
}

#[test]
fn the_admin_plane_has_a_listener_of_its_own_only_at_another_address() {
    let admin = |text: &str| load(&format!("[admin]\nlisten = \"{text}\"\n"), Flags::default(), &[]);
    assert_eq!(admin("same").unwrap().admin_listen, None);
    assert_eq!(admin("127.0.0.1:5000").unwrap().admin_listen, None);
    assert_eq!(admin("127.0.0.1:5050").unwrap().admin_listen.unwrap().port(), 5050);
    assert!(admin("5050").is_err());
}

#[test]
fn no_points_at_all_are_refused_wherever_they_are_said() {
    let flag = Flags { points: Some("0".to_owned()), ..Flags::default() };
    for (place, told) in [
        ("keyway.toml:1:10: `points`", load("points = 0\n", Flags::default(), &[])),
        ("--points", load("", flag, &[])),
        ("KEYWAY_POINTS", load("", Flags::default(), &[("KEYWAY_POINTS", "0")])),
    ] {
        let told = told.unwrap_err().to_string();
        assert!(told.contains(&format!("{place}: 0 is outside 1 to 65536")), "{told}");
    }
}

#[test]
fn requests_are_logged_as_the_file_says() {
    let file = "[access_log]\nform = \"combined\"\nfile = \"/var/log/keyway\"\none_in = 7\nkeys = true\nslow = \"500ms\"\n";
    let access = load(file, Flags::default(), &[]).unwrap().data_path.access;
    let expected = data::AccessSettings {
        form: Some(data::Form::Combined),
        file: Some(PathBuf::from("/var/log/keyway")),
        one_in: 7,
        keys: true,
        slow: Some(Duration::from_millis(500)),
    };
    assert_eq!(access, expected);
    let mistakes = load("[access_log]\nform = \"xml\"\none_in = 0\n", Flags::default(), &[]).unwrap_err();
    for word in ["\"xml\"", "combined", "one_in"] {
        assert!(mistakes.to_string().contains(word), "{mistakes}");
    }
}
