//! Going away without anybody noticing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway::data::Settings;
use tokio::sync::Semaphore;

use crate::support::{Client, FakeNode, Proxy, member, quick, reply, soon, until, view};

/// A proxy before a node that answers only as often as it is allowed to.
async fn gated(settings: Settings) -> (Proxy, FakeNode, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let node = FakeNode::start(move |call| {
        let gate = Arc::clone(&held);
        async move {
            let body = call.read().await;
            gate.acquire().await.unwrap().forget();
            reply(200, body)
        }
    })
    .await;
    let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
    (proxy, node, gate)
}

#[tokio::test]
async fn requests_in_flight_are_answered_and_told_to_close() {
    let (proxy, node, gate) = gated(quick()).await;
    let address = proxy.address();
    let mut waiting = proxy.client().await;
    waiting.send("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi").await;
    let mut sending = proxy.client().await;
    sending.send("PUT /kv?key=b HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nfir").await;
    let mut beginning = proxy.client().await;
    beginning.send("PUT /kv?key=c HTTP/1.1\r\nHo").await;
    let mut idle = proxy.client().await;
    until(|| node.calls() == 1 && proxy.counts().in_flight == 2 && proxy.counts().connections == 4).await;

    let draining = tokio::spawn(proxy.path.drain(Duration::from_secs(10)));
    assert!(idle.is_closed().await);
    assert!(!draining.is_finished());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    gate.add_permits(3);
    sending.send("st!").await;
    beginning.send("st: h\r\nContent-Length: 2\r\n\r\nhi").await;
    for (client, value) in [(&mut waiting, "hi"), (&mut sending, "first!"), (&mut beginning, "hi")] {
        let answer = client.answer().await;
        assert_eq!(
            (answer.status, answer.text(), answer.fields["connection"].as_str()),
            (200, value, "close")
        );
        assert!(client.is_closed().await);
    }
    soon(draining).await.unwrap();
}

#[tokio::test]
async fn a_busy_client_on_a_kept_connection_sees_no_error() {
    let (proxy, _node, gate) = gated(Settings { linger: Duration::from_millis(500), ..quick() }).await;
    gate.add_permits(1_000_000);
    let address = proxy.address();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..16 {
        clients.spawn(async move {
            let mut client = Client::connect(address).await;
            let mut answered = 0;
            loop {
                let answer = client.ask("PUT", "/kv?key=a", "", b"value").await;
                assert_eq!((answer.status, answer.text()), (200, "value"));
                answered += 1;
                if answer.fields.get("connection").is_some_and(|connection| connection == "close") {
                    return answered;
                }
            }
        });
    }
    until(|| proxy.counts().requests() > 500).await;
    soon(proxy.path.drain(Duration::from_secs(10))).await;
    let answered: usize = soon(clients.join_all()).await.into_iter().sum();
    assert!(answered > 500);
}

#[tokio::test]
async fn what_does_not_end_is_cut_at_the_limit() {
    let (proxy, node, _gate) = gated(quick()).await;
    let mut stuck = proxy.client().await;
    stuck.send("GET /kv?key=a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    until(|| node.calls() == 1).await;
    let begun = Instant::now();
    soon(proxy.path.drain(Duration::from_millis(300))).await;
    assert!((250..3000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    assert!(stuck.is_closed().await);
}
