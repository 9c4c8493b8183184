//! The end: what is under way is finished, and nothing new begins.

use std::time::Duration;

use kvnode::http::Settings;
use kvnode::serve::{Limits, listen};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::site::{Http, PATIENCE, Site};

#[tokio::test]
async fn requests_under_way_are_finished_and_idle_connections_closed() {
    let mut site = Site::start().await;
    site.memory.hold_writes();
    let mut idle = site.wire().await;
    idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    idle.answer(false).await;
    let mut silent = site.wire().await;
    let mut busy = site.wire().await;
    busy.send("PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nv").await;
    site.arrivals.recv().await.unwrap();
    site.stop();
    assert!(idle.is_closed().await);
    assert!(silent.is_closed().await);
    assert!(TcpStream::connect(site.address).await.is_err());
    site.memory.let_through(1);
    let reply = busy.answer(false).await;
    assert_eq!((reply.status, reply.header("connection")), (201, "close"));
    assert!(busy.is_closed().await);
    timeout(PATIENCE, site.done).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_http2_request_under_way_is_finished_too() {
    let mut site = Site::start().await;
    site.memory.hold_writes();
    let stopping = async {
        site.arrivals.recv().await.unwrap();
        site.memory.let_through(1);
    };
    let site_address = site.address;
    let asking = async {
        let client = kvnode::client::Client::new();
        let request = hyper::Request::put("/kv?key=a").body(bytes::Bytes::from_static(b"v")).unwrap();
        client.send(&format!("http://{site_address}"), request, PATIENCE).await.unwrap()
    };
    let (answer, ()) = tokio::join!(asking, stopping);
    assert_eq!(answer.status(), 201);
    site.stop();
    timeout(PATIENCE, site.done).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn the_drain_has_an_end() {
    let limits = Limits { drain: Duration::from_millis(50), ..Limits::default() };
    let mut site = Site::with("n1", Settings::default(), limits).await;
    site.memory.hold_writes();
    let mut busy = site.wire().await;
    busy.send("PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nv").await;
    site.arrivals.recv().await.unwrap();
    site.stop();
    timeout(PATIENCE, site.done).await.unwrap().unwrap().unwrap();
    assert!(busy.is_closed().await);
}

#[tokio::test]
async fn an_address_in_use_says_what_to_do() {
    let site = Site::start().await;
    let error = listen(site.address).unwrap_err().to_string();
    assert!(error.contains("another process listens there") && error.contains("--listen"), "{error}");
    assert_eq!(site.get(Http::One, "/").await.status, 200);
}

#[tokio::test]
async fn several_threads_share_the_connections_and_stop_together() {
    let limits = Limits { threads: 3, ..Limits::default() };
    let mut site = Site::with("n1", Settings::default(), limits).await;
    site.memory.hold_writes();
    let mut busy = Vec::new();
    for key in 0..6 {
        let mut wire = site.wire().await;
        wire.send(format!("PUT /kv?key={key} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nv")).await;
        site.arrivals.recv().await.unwrap();
        busy.push(wire);
    }
    site.stop();
    site.memory.let_through(6);
    for mut wire in busy {
        assert_eq!(wire.answer(false).await.status, 201);
        assert!(wire.is_closed().await);
    }
    timeout(PATIENCE, site.done).await.unwrap().unwrap().unwrap();
    assert_eq!(site.memory.keys().len(), 6);
}
