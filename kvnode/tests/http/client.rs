//! The client that nodes talk to each other with.

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use kvnode::client::{Client, ClientError};
use kvnode::http::Settings;
use kvnode::serve::{Limits, listen};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::site::{PATIENCE, Site};

#[tokio::test]
async fn a_lost_connection_is_dialled_again() {
    let mut first = Site::start().await;
    let client = Client::new();
    let ask = async |url: &str| {
        let request = Request::get("/").body(Bytes::new()).unwrap();
        client.send(url, request, PATIENCE).await
    };
    let url = first.url();
    assert_eq!(ask(&url).await.unwrap().status(), 200);
    first.stop();
    first.done.await.unwrap().unwrap();
    assert!(ask(&url).await.unwrap_err().surely_not_applied());
    // Another server at the same address.
    let listener = listen(first.address).unwrap();
    let (memory, _arrivals) = crate::memory::Memory::new("n1");
    let front = std::sync::Arc::new(kvnode::http::Front::new(memory, Settings::default()));
    let serving = tokio::spawn(async move {
        kvnode::serve::serve(listener, front, &Limits::default(), std::future::pending()).await
    });
    assert_eq!(ask(&url).await.unwrap().status(), 200);
    serving.abort();
}

#[tokio::test]
async fn many_requests_share_one_connection() {
    // One place only: a second connection would be turned away.
    let limits = Limits { connections: 1, ..Limits::default() };
    let mut site = Site::with("n1", Settings::default(), limits).await;
    site.memory.hold_writes();
    let client = Client::new();
    let mut asking = JoinSet::new();
    for key in 0..500 {
        let (client, url) = (client.clone(), site.url());
        asking.spawn(async move {
            let request = Request::put(format!("/kv?key={key}")).body(Bytes::from(key.to_string())).unwrap();
            client.send(&url, request, PATIENCE).await.unwrap().status()
        });
    }
    for _ in 0..500 {
        site.arrivals.recv().await.unwrap();
    }
    site.memory.let_through(500);
    assert!(asking.join_all().await.iter().all(|status| *status == StatusCode::CREATED));
    assert_eq!(site.memory.keys().len(), 500);
}

#[tokio::test]
async fn a_connection_that_breaks_after_sending_leaves_the_outcome_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            // The body comes last, so all has been sent when it is there.
            while !seen.windows(8).any(|it| it == b"the body") {
                stream.read_buf(&mut seen).await.unwrap();
            }
        }
    });
    let body = Bytes::from_static(b"the body");
    let outcome = Client::new().post(&url, "/x", HeaderMap::new(), body, PATIENCE).await;
    assert!(matches!(outcome, Err(ClientError::Lost { .. })), "{outcome:?}");
}
