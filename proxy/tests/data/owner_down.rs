//! An owner that cannot answer: its keys get 503, at once; others go on; nothing is routed elsewhere.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Frame;
use keyway::data::Settings;

use crate::support::{FakeNode, Proxy, RawNode, member, quick, soon, text, until, view};

#[tokio::test]
async fn a_dead_owner_is_503_for_its_keys_only_until_it_is_back() {
    let (first, second) = (FakeNode::named("n1").await, FakeNode::named("n2").await);
    let proxy = Proxy::start(view(1, [member("n1", first.url(), 1), member("n2", second.url(), 2)]));
    let (mine, other) =
        (format!("/kv?key={}", proxy.key_of("n1")), format!("/kv?key={}", proxy.key_of("n2")));
    let mut client = proxy.client().await;
    assert_eq!(client.ask("GET", &mine, "", b"").await.text(), "n1");

    let address = first.kill().await;
    for _ in 0..5 {
        let down = client.ask("PUT", &mine, "", b"value").await;
        assert_eq!((down.status, down.slug().as_str()), (503, "owner-down"));
        assert_eq!(down.fields["retry-after"], "1");
        assert_eq!(down.fields["proxy-status"], "keyway; error=connection_refused; next-hop=\"n1\"");
        assert_eq!(client.ask("GET", &other, "", b"").await.text(), "n2");
    }
    assert!(proxy.counts().failed_dials < 4, "each back-off allows one dial");

    let _back = FakeNode::start_at(address, |_| async { text("again") }).await;
    soon(async {
        while client.ask("GET", &mine, "", b"").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(second.heads().iter().filter(|head| head.uri == mine.as_str()).count(), 0);
}

#[tokio::test]
async fn a_node_that_the_probes_call_down_is_not_even_asked() {
    let node = FakeNode::named("n1").await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let health = &proxy.bridge.current().targets[0].health;
    let mut client = proxy.client().await;
    health.set_down(true);
    let down = client.ask("GET", "/kv?key=a", "", b"").await;
    assert_eq!((down.status, down.slug().as_str()), (503, "owner-down"));
    assert_eq!(down.fields["proxy-status"], "keyway; error=destination_unavailable; next-hop=\"n1\"");
    assert_eq!(node.calls(), 0);
    health.set_down(false);
    assert_eq!(client.ask("GET", "/kv?key=a", "", b"").await.status, 200);
}

#[tokio::test]
async fn a_node_that_was_down_gets_a_new_link_because_the_old_one_may_be_stuck() {
    let node = FakeNode::named("n1").await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let health = &proxy.bridge.current().targets[0].health;
    let mut client = proxy.client().await;
    for dials in 1..4 {
        for _ in 0..3 {
            assert_eq!(client.ask("GET", "/kv?key=a", "", b"").await.status, 200);
        }
        assert_eq!(proxy.counts().dials, dials);
        // Whether anybody asks for it while it is down makes no difference.
        health.set_down(true);
        if dials == 2 {
            assert_eq!(client.ask("GET", "/kv?key=a", "", b"").await.status, 503);
        }
        health.set_down(false);
    }
}

#[tokio::test]
async fn a_node_that_has_not_said_hello_is_not_asked() {
    let node = FakeNode::named("n1").await;
    let (name, mut unknown) = member("n1", node.url(), 1);
    unknown.boot = None;
    let proxy = Proxy::start(view(1, [(name, unknown)]));
    let down = proxy.client().await.ask("GET", "/kv?key=a", "", b"").await;
    assert_eq!((down.status, down.slug().as_str()), (503, "owner-down"));
    assert_eq!(node.calls(), 0);
}

#[tokio::test]
async fn a_view_with_the_nodes_new_place_is_followed_at_once() {
    let (old, new) = (FakeNode::named("old").await, FakeNode::named("new").await);
    let proxy = Proxy::start(view(1, [member("n1", old.url(), 1)]));
    let mut client = proxy.client().await;
    assert_eq!(client.ask("GET", "/kv?key=a", "", b"").await.text(), "old");
    old.kill().await;
    assert_eq!(client.ask("GET", "/kv?key=a", "", b"").await.status, 503);
    proxy.bridge.publish(view(2, [member("n1", new.url(), 2)]));
    assert_eq!(client.ask("GET", "/kv?key=a", "", b"").await.text(), "new");
    assert_eq!(new.heads()[0].headers["keyway-epoch"], "2");
}

#[tokio::test]
async fn a_node_that_hangs_is_504_and_a_write_is_said_to_be_unknown() {
    let node = FakeNode::start(|_| std::future::pending()).await;
    let settings = Settings { answer_timeout: Duration::from_millis(200), ..quick() };
    let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
    let mut client = proxy.client().await;
    for (method, unknown) in [("GET", false), ("PUT", true)] {
        let start = Instant::now();
        let late = client.ask(method, "/kv?key=a", "", b"x").await;
        assert_eq!((late.status, late.slug().as_str()), (504, "no-answer"));
        assert!(start.elapsed() >= Duration::from_millis(200));
        assert_eq!(late.text().contains("unknown"), unknown, "{}", late.text());
        assert_eq!(late.fields["proxy-status"], "keyway; error=http_response_timeout; next-hop=\"n1\"");
    }
    assert_eq!((node.calls(), proxy.counts().unknown_outcomes), (2, 2));
}

#[tokio::test]
async fn a_node_that_falls_silent_in_an_answer_costs_the_client_its_connection_and_no_more() {
    let node = FakeNode::start(|_| async { Response::new(half_a_body()) }).await;
    let settings = Settings { body_idle: Duration::from_millis(200), ..quick() };
    let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
    let mut client = proxy.client().await;
    client.send("GET /kv?key=a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(client.head().await.0, 200);
    assert_eq!(client.take(8).await, b"4\r\nhalf\r");
    assert!(client.is_reset().await);
    until(|| proxy.counts().connections == 0).await;
    assert_eq!(proxy.counts().in_flight, 0);

    // Where only the end of the connection ends the body, it must not look like one.
    let mut old = proxy.client().await;
    old.send("GET /kv?key=a HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.head().await.0, 200);
    assert_eq!(old.take(4).await, b"half");
    assert!(old.is_reset().await);
}

/// A body that stops after four bytes, for ever.
fn half_a_body() -> http_body_util::combinators::BoxBody<Bytes, std::convert::Infallible> {
    struct Half(bool);
    impl hyper::body::Body for Half {
        type Data = Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            if std::mem::replace(&mut self.0, true) {
                std::task::Poll::Pending
            } else {
                std::task::Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"half")))))
            }
        }
    }
    Half(false).boxed()
}

#[tokio::test]
async fn something_that_is_no_node_is_502_or_503_and_never_an_answer() {
    let nonsense = RawNode::start(|mut stream| async move {
        use tokio::io::AsyncWriteExt;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", nonsense.url(), 1)]));
    let answer = proxy.client().await.ask("PUT", "/kv?key=a", "", b"x").await;
    assert!(matches!(answer.status, 502 | 503), "{answer:?}");
}

#[tokio::test]
async fn too_much_in_flight_is_503_at_once() {
    let node = FakeNode::start(|_| std::future::pending()).await;
    let settings = Settings { max_in_flight: 2, ..quick() };
    let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
    let (mut one, mut two) = (proxy.client().await, proxy.client().await);
    one.send("GET /kv?key=a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    two.send("GET /kv?key=a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    until(|| node.calls() == 2).await;
    let busy = proxy.client().await.ask("GET", "/kv?key=a", "", b"").await;
    assert_eq!((busy.status, busy.slug().as_str()), (503, "overloaded"));
    assert_eq!(busy.fields["proxy-status"], "keyway; error=connection_limit_reached; next-hop=\"n1\"");
    // A client that goes away gives its place back.
    drop(one);
    assert_eq!(proxy.counts().overloads, 1);
}
