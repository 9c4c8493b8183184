//! Starts that must be refused: each says what to do, and leaves things as they were.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::program::{Keyway, files, on, refused};

fn refused_on(data: &Path, more: &[&str], code: i32) -> String {
    let arguments = on(data);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
    refused(&arguments, code)
}

#[test]
fn a_second_proxy_on_the_same_folder_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start(data.path());
    let said = refused_on(data.path(), &[], 1);
    assert!(said.contains("another keyway is running on the data folder"), "{said}");
    assert!(said.contains(&data.path().display().to_string()) && said.contains("--data"), "{said}");
    assert!(keyway.ask("GET", "/admin/ready", "").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_port_in_use_is_refused_before_anything_is_made() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let address = busy.local_addr().unwrap().to_string();
    for flag in ["--listen", "--admin-listen"] {
        let other = if flag == "--listen" { "--admin-listen" } else { "--listen" };
        let data = data.display().to_string();
        let said = refused(&[flag, &address, other, "127.0.0.1:0", "--data", &data], 1);
        assert!(said.contains(&address) && said.contains(flag), "{said}");
    }
    assert!(!data.exists());
}

#[test]
fn other_points_than_the_clusters_are_refused() {
    let data = tempfile::tempdir().unwrap();
    Keyway::start(data.path()).terminate();
    let view = fs::read(data.path().join("view.json")).unwrap();
    let said = refused_on(data.path(), &["--points", "1024"], 1);
    assert!(said.contains("points = 4096") && said.contains("1024"), "{said}");
    assert_eq!(fs::read(data.path().join("view.json")).unwrap(), view);
    let keyway = Keyway::start_with(data.path(), |command| {
        command.args(["--points", "4096"]);
    });
    assert_eq!(keyway.children().len(), 2);
}

#[test]
fn every_mistake_of_the_configuration_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keyway.toml");
    fs::write(&file, "listen = 5000\n\n[limits]\n  hed = \"1KiB\"\n").unwrap();
    let file = file.display().to_string();
    let data = folder.path().join("data");
    let said = refused_on(&data, &["--config", &file, "--workers", "many"], 2);
    for says in [format!("{file}:1:10: "), format!("{file}:4:3: "), "--workers: ".to_owned()] {
        assert!(said.contains(&says), "{says}: {said}");
    }
    assert!(!data.exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let parent = tempfile::NamedTempFile::new().unwrap();
    let said = refused_on(&parent.path().join("data"), &[], 1);
    assert!(said.contains(&parent.path().display().to_string()), "{said}");
}

#[test]
fn a_damaged_or_lost_view_stops_the_start_and_is_left_alone() {
    let data = tempfile::tempdir().unwrap();
    Keyway::start(data.path()).terminate();
    let view = data.path().join("view.json");
    let good = fs::read(&view).unwrap();

    fs::write(&view, &good[..good.len() / 2]).unwrap();
    let said = refused_on(data.path(), &[], 1);
    assert!(said.contains("view.json") && said.contains("backup"), "{said}");
    assert_eq!(fs::read(&view).unwrap().len(), good.len() / 2);

    fs::remove_file(&view).unwrap();
    let said = refused_on(data.path(), &[], 1);
    assert!(said.contains("is missing") && said.contains("--data"), "{said}");
    assert!(!view.exists() && files(&data.path().join("nodes")).len() == 2);

    fs::write(&view, &good).unwrap();
    assert_eq!(Keyway::start(data.path()).children().len(), 2);
}
