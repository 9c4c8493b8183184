//! A checker that accepts everything would make every story green: each kind of wrong answer must be caught.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::*;

fn history() -> (History, Client) {
    let content = Content { size: |_| 20..40, removals: 0, ..Content::small(1, 1) };
    (History::new(content), Client::new(SocketAddr::from(([127, 0, 0, 1], 9))))
}

fn answer(status: u16, version: u64, body: Bytes) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("etag", format!("\"{version:016x}\"").parse().unwrap());
    Answer::new("test".to_owned(), StatusCode::from_u16(status).unwrap(), headers, body)
}

fn value(history: &History, number: u32) -> Bytes {
    match history.content.effect(0, number) {
        Effect::Value(value) => value,
        Effect::Absence => Bytes::new(),
    }
}

fn write(history: &History, client: &Client, status: u16, version: u64) -> Result<(), String> {
    let (_, begun) = history.begin_write(client, 0);
    history.wrote(begun, &answer(status, version, Bytes::new()))
}

#[test]
fn an_acknowledged_write_must_be_read_back() {
    let (history, client) = history();
    write(&history, &client, 201, 5).unwrap();
    let floor = history.begin_read(0);
    history.read(floor, &answer(200, 5, value(&history, 1))).unwrap();
    assert!(history.read(floor, &answer(404, 0, Bytes::new())).is_err(), "the write was lost");
    assert!(history.read(floor, &answer(200, 5, Bytes::from_static(b"other"))).is_err());
    assert!(history.read(floor, &answer(503, 0, Bytes::new())).is_err());
}

#[test]
fn a_value_older_than_an_acknowledged_one_is_stale() {
    let (history, client) = history();
    write(&history, &client, 201, 5).unwrap();
    let before = history.begin_read(0);
    write(&history, &client, 204, 6).unwrap();
    let old = answer(200, 5, value(&history, 1));
    history.read(before, &old).expect("a read that began before the write may miss it");
    assert!(history.read(history.begin_read(0), &old).is_err());
}

#[test]
fn what_one_reader_saw_no_later_reader_may_miss() {
    let (history, client) = history();
    write(&history, &client, 201, 5).unwrap();
    let (_, pending) = history.begin_write(&client, 0);
    history.read(history.begin_read(0), &answer(200, 6, value(&history, 2))).unwrap();
    assert!(history.read(history.begin_read(0), &answer(200, 5, value(&history, 1))).is_err());
    history.wrote(pending, &answer(204, 6, Bytes::new())).unwrap();
}

#[test]
fn a_write_of_unknown_outcome_may_show_or_not() {
    let (history, client) = history();
    write(&history, &client, 201, 5).unwrap();
    let (_, pending) = history.begin_write(&client, 0);
    history.lost(pending);
    history.read(history.begin_read(0), &answer(200, 5, value(&history, 1))).unwrap();
    history.read(history.begin_read(0), &answer(200, 6, value(&history, 2))).unwrap();
    assert!(history.read(history.begin_read(0), &answer(404, 0, Bytes::new())).is_err());
}

#[test]
fn versions_never_go_backwards() {
    let (history, client) = history();
    write(&history, &client, 201, 5).unwrap();
    assert!(write(&history, &client, 204, 5).is_err());
    write(&history, &client, 204, 9).unwrap();
    assert!(history.read(history.begin_read(0), &answer(200, 8, value(&history, 3))).is_err());
}

#[test]
fn created_and_replaced_are_told_apart() {
    let (history, client) = history();
    assert!(write(&history, &client, 204, 5).is_err(), "nothing was there");
    assert!(write(&history, &client, 201, 6).is_err(), "something was there");
}

#[test]
fn the_contents_are_what_the_last_writes_left_and_unknown_after_a_lost_answer() {
    let (history, client) = history();
    assert_eq!(history.contents(), Some(Contents::default()));
    write(&history, &client, 201, 5).unwrap();
    write(&history, &client, 204, 6).unwrap();
    let mut expected = Contents::default();
    expected.add(b"key0", &value(&history, 2));
    assert_eq!(history.contents(), Some(expected));
    let (_, pending) = history.begin_write(&client, 0);
    history.lost(pending);
    assert_eq!(history.contents(), None);
}
