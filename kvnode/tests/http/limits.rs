//! Limits of size, memory, time and number, and what a client over them sees.

use std::time::Duration;

use kvnode::http::Settings;
use kvnode::serve::Limits;
use tokio::time::timeout;

use crate::site::{BOTH, Http, Site};

async fn small() -> Site {
    let settings = Settings { max_value: 1000, ..Settings::default() };
    Site::with("n1", settings, Limits::default()).await
}

#[tokio::test]
async fn the_largest_value_fits_and_one_byte_more_does_not() {
    let site = small().await;
    for http in BOTH {
        assert!(site.ask(http, "PUT", "/kv?key=a", &[], "v".repeat(1000)).await.status < 300);
        let reply = site.ask(http, "PUT", "/kv?key=a", &[], "v".repeat(1001)).await;
        assert_eq!((reply.status, &*reply.problem()), (413, "value-too-large"));
        let json = |length| format!("{{\"value\":\"{}\"}}", "\\u0076".repeat(length));
        assert_eq!(site.ask(http, "POST", "/put?key=a", &[], json(1000)).await.status, 200);
        assert_eq!(site.ask(http, "POST", "/put?key=a", &[], json(1001)).await.problem(), "value-too-large");
    }
    assert_eq!(site.memory.record(b"a").unwrap().value.len(), 1000);
}

#[tokio::test]
async fn an_announced_length_is_refused_without_reading() {
    let site = small().await;
    let mut wire = site.wire().await;
    wire.send("PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n").await;
    assert_eq!(wire.answer(false).await.status, 413);
}

#[tokio::test]
async fn an_unannounced_length_is_refused_as_soon_as_it_is_exceeded() {
    let site = small().await;
    let mut wire = site.wire().await;
    wire.send("PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = format!("1f4\r\n{}\r\n", "v".repeat(500));
    wire.send(&chunk).await;
    wire.send(&chunk).await;
    wire.send("1\r\nv\r\n").await;
    // The rest never comes.
    assert_eq!(wire.answer(false).await.status, 413);
}

#[tokio::test]
async fn a_client_that_sends_all_of_a_refused_body_first_still_gets_its_answer() {
    let site = small().await;
    let mut wire = site.wire().await;
    let length = 8 << 20;
    wire.send(format!("PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n")).await;
    wire.send("v".repeat(length)).await;
    assert_eq!(wire.answer(false).await.status, 413);
    wire.send("GET /kv?key=a HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(wire.answer(false).await.status, 404);
}

#[tokio::test]
async fn who_expects_100_gets_it_only_for_a_body_that_is_wanted() {
    let site = small().await;
    for (length, status) in [(4, 100), (1001, 413)] {
        let mut wire = site.wire().await;
        wire.send(format!(
            "PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        ))
        .await;
        assert_eq!(wire.answer(false).await.status, status);
        if status == 100 {
            wire.send("body").await;
            assert_eq!(wire.answer(false).await.status, 201);
        } else {
            // At once: nobody waits here for a body that the client has good reason not to send.
            assert!(timeout(Duration::from_secs(4), wire.is_closed()).await.unwrap());
        }
    }
}

#[tokio::test]
async fn over_the_memory_budget_bodies_are_refused_at_once() {
    let settings = Settings { memory: 1000, ..Settings::default() };
    let mut site = Site::with("n1", settings, Limits::default()).await;
    site.memory.hold_writes();
    let mut first = site.wire().await;
    first
        .send(format!("PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nContent-Length: 600\r\n\r\n{}", "v".repeat(600)))
        .await;
    site.arrivals.recv().await.unwrap();
    for http in BOTH {
        let reply = site.ask(http, "PUT", "/kv?key=b", &[], "v".repeat(600)).await;
        assert_eq!((reply.status, &*reply.problem()), (503, "overloaded"));
        assert_eq!(reply.header("retry-after"), "1");
    }
    site.memory.let_through(2);
    assert_eq!(first.answer(false).await.status, 201);
    assert_eq!(site.ask(Http::One, "PUT", "/kv?key=b", &[], "v".repeat(600)).await.status, 201);
}

#[tokio::test]
async fn answers_that_nobody_reads_do_not_fill_the_memory() {
    let settings = Settings { memory: 48 << 20, ..Settings::default() };
    let site = Site::with("n1", settings, Limits::default()).await;
    site.ask(Http::One, "PUT", "/kv?key=a", &[], "v".repeat(8 << 20)).await;
    let mut lazy = Vec::new();
    let mut refused = false;
    for _ in 0..20 {
        let mut wire = site.wire().await;
        wire.send("GET /kv?key=a HTTP/1.1\r\nHost: x\r\n\r\n").await;
        // The first byte of the status tells that the answer was given.
        wire.stream.readable().await.unwrap();
        lazy.push(wire);
        refused |= site.get(Http::One, "/kv?key=a").await.status == 503;
    }
    assert!(refused, "twenty unread answers of 8 MiB were all kept");
    drop(lazy);
    let recovered = async {
        while site.get(Http::One, "/kv?key=a").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(crate::site::PATIENCE, recovered).await.unwrap();
}

#[tokio::test]
async fn a_header_that_does_not_end_in_time_ends_the_connection() {
    let limits = Limits { header_timeout: Duration::from_millis(50), ..Limits::default() };
    let site = Site::with("n1", Settings::default(), limits).await;
    for start in ["", "P", "PRI", "GET /kv?key=a HTTP/1.1\r\nHost:"] {
        let mut wire = site.wire().await;
        wire.send(start).await;
        assert!(wire.is_closed().await, "{start:?}");
    }
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let settings = Settings { body_pause: Duration::from_millis(50), ..Settings::default() };
    let site = Site::with("n1", settings, Limits::default()).await;
    let mut wire = site.wire().await;
    wire.send("PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nsome").await;
    let reply = wire.answer(false).await;
    assert_eq!((reply.status, &*reply.problem()), (408, "slow-body"));
    assert_eq!(reply.header("connection"), "close");
    assert!(site.memory.keys().is_empty());
}

#[tokio::test]
async fn headers_over_the_limit_are_refused() {
    let limits = Limits { header_size: 16 << 10, ..Limits::default() };
    let site = Site::with("n1", Settings::default(), limits).await;
    for (request, status) in [
        (format!("GET /kv?key=a HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(20_000)), 431),
        (format!("GET /kv?key={} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(20_000)), 431),
        (format!("GET /kv?key=a HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(200)), 431),
        (format!("GET /kv?key=a&x={} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(8000)), 404),
    ] {
        let mut wire = site.wire().await;
        wire.send(request).await;
        assert_eq!(wire.answer(false).await.status, status);
    }
}

#[tokio::test]
async fn connections_over_the_limit_are_told_so() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let site = Site::with("n1", Settings::default(), limits).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut wire = site.wire().await;
        wire.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(wire.answer(false).await.status, 200);
        held.push(wire);
    }
    for http in BOTH {
        let reply = site.get(http, "/").await;
        assert_eq!((reply.status, &*reply.problem()), (503, "too-many-connections"));
    }
    held.pop();
    let freed = async {
        while site.get(Http::One, "/").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(crate::site::PATIENCE, freed).await.unwrap();
}
