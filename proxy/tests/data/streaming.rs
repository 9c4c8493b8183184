//! Bodies stream both ways: no faster than the slower side, and in bounded memory.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use keyway::data::{Admin, Settings};
use kvnode::link::server::RequestBody;
use tokio::runtime::Handle;

use crate::support::{FakeNode, Proxy, member, quick, reply, soon, text, until, view};

const PIECE: usize = 64 << 10;

/// A body of many pieces that counts how many were asked for.
struct Pieces {
    left: usize,
    given: Arc<AtomicUsize>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.given.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; PIECE])))))
    }
}

/// Waits until a number stops growing.
async fn settled(number: &AtomicUsize) -> usize {
    let mut last = usize::MAX;
    loop {
        let now = number.load(Ordering::Relaxed);
        if now == last && now > 0 {
            return now;
        }
        last = now;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_slow_reader_holds_up_its_node_and_nobody_else() {
    let given = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&given);
    let node = FakeNode::start(move |call| {
        let given = Arc::clone(&count);
        async move {
            match call.head.uri.path() {
                "/large" => Response::new(Pieces { left: 4096, given }.boxed()),
                _ => text("small"),
            }
        }
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut slow = proxy.client().await;
    slow.send("GET /large?key=a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let stuck = soon(settled(&given)).await;
    // 256 MiB were asked for. What is under way fills the sockets and the windows, and no more.
    assert!(stuck * PIECE < 32 << 20, "{} KiB", (stuck * PIECE) >> 10);
    let mut other = proxy.client().await;
    for _ in 0..50 {
        assert_eq!(other.ask("GET", "/small?key=a", "", b"").await.text(), "small");
    }
    let (status, _) = slow.head().await;
    assert_eq!(status, 200);
    slow.take(20 << 20).await;
    assert!(given.load(Ordering::Relaxed) > stuck);
}

#[tokio::test]
async fn a_slow_node_holds_up_its_client() {
    let node = FakeNode::start(|call| async move {
        let _unread = call.body;
        std::future::pending().await
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    client.send(format!("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", 256 << 20)).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let sending = tokio::spawn(async move {
        while client.try_send(&[0; PIECE]).await {
            count.fetch_add(PIECE, Ordering::Relaxed);
        }
    });
    let stuck = soon(settled(&sent)).await;
    assert!(stuck < 32 << 20, "{} KiB", stuck >> 10);
    sending.abort();
}

#[tokio::test]
async fn large_values_arrive_whole_both_ways() {
    let node = FakeNode::start(|call| async move { reply(200, call.read().await) }).await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    let value: Vec<u8> = (0..2u32 << 20).flat_map(u32::to_le_bytes).collect();
    let head = format!("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", value.len());
    client.send(head).await;
    client.send(&value).await;
    let answer = client.answer().await;
    assert_eq!(answer.fields["content-length"], value.len().to_string());
    assert!(answer.body == value);
    // The connection goes on.
    assert_eq!(client.ask("PUT", "/kv?key=a", "", b"more").await.text(), "more");
}

#[tokio::test]
async fn an_answer_that_is_all_here_before_anybody_looks_arrives_whole() {
    // More than the first frame holds, and no more than may come without new room: the node sends it at once.
    for length in [PIECE + 1, 100_000, 2 * PIECE] {
        let node = FakeNode::start(move |_| async move { reply(200, vec![b'x'; length]) }).await;
        let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
        let mut client = proxy.client().await;
        for _ in 0..10 {
            assert_eq!(client.ask("GET", "/kv?key=a", "", b"").await.body.len(), length);
        }
    }
}

#[tokio::test]
async fn a_node_may_answer_while_the_client_still_sends() {
    let node = FakeNode::start(|call| async move { Response::new(Echo(call.body).boxed()) }).await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    client.send(format!("POST /echo?key=a HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", 1 << 20)).await;
    client.send([b'x'; 1000]).await;
    let (status, fields) = client.head().await;
    assert_eq!((status, fields["connection"].as_str()), (200, "close"));
    client.send(vec![b'x'; (1 << 20) - 1000]).await;
    let mut echoed = Vec::new();
    while !echoed.ends_with(b"0\r\n\r\n") {
        echoed.extend(client.take(1).await);
    }
    assert_eq!(echoed.iter().filter(|&&byte| byte == b'x').count(), 1 << 20);
}

/// Gives a request's body back, piece by piece.
struct Echo(RequestBody);

impl Body for Echo {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(cx).map(|frame| frame.and_then(Result::ok).map(Ok))
    }
}

#[tokio::test]
async fn a_value_that_is_refused_early_gets_its_answer_and_not_a_reset() {
    let node = FakeNode::start(|_| async { reply(413, "too large") }).await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    client.send(format!("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", 3 << 20)).await;
    // Like many clients, this one sends everything before it reads anything. It is not interrupted in that.
    client.send([0; PIECE]).await;
    client.has_something().await;
    for _ in 1..(3 << 20) / PIECE {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(client.try_send(&[0; PIECE]).await);
    }
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.fields["connection"].as_str()), (413, "close"));
    assert_eq!(answer.text(), "too large");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn an_expectation_is_met_and_a_refusal_in_its_place_does_not_hang() {
    let node = FakeNode::start(|call| async move {
        match call.head.uri.path() {
            "/large" => reply(413, "too large"),
            _ => reply(200, call.read().await),
        }
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    client
        .send("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        .await;
    assert_eq!(client.head().await.0, 100);
    client.send("value").await;
    assert_eq!(client.answer().await.text(), "value");
    assert!(!node.heads()[0].headers.contains_key("expect"));

    // Decided here: the client never sends the body, and is not asked to.
    client.send("PUT /kv HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").await;
    let refused = client.answer().await;
    assert_eq!((refused.status, refused.fields["connection"].as_str()), (400, "close"));
    assert!(client.is_closed().await);

    // Decided by the node. Most often in time; if not, the client was told to go on in vain.
    let mut client = proxy.client().await;
    client
        .send("PUT /large?key=a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        .await;
    let mut status = client.head().await.0;
    if status == 100 {
        status = client.head().await.0;
    }
    assert_eq!(status, 413);
}

#[tokio::test]
async fn a_client_that_stops_sending_is_408_and_the_node_forgets_the_request() {
    let node = FakeNode::start(|call| async move { reply(200, call.read().await) }).await;
    let settings = Settings { body_idle: Duration::from_millis(200), ..quick() };
    let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
    for framing in ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        let mut client = proxy.client().await;
        client.send(format!("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\n{framing}")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.slug().as_str()), (408, "slow-body"));
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn a_client_that_stops_reading_is_cut_off() {
    let node =
        FakeNode::start(|_| async { Response::new(Pieces { left: 4096, given: Arc::default() }.boxed()) })
            .await;
    let settings = Settings { body_idle: Duration::from_millis(300), ..quick() };
    let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
    let mut client = proxy.client().await;
    client.send("GET /kv?key=a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    until(|| proxy.counts().connections == 1).await;
    until(|| proxy.counts().connections == 0).await;
    assert_eq!(proxy.counts().in_flight, 0);
}

#[tokio::test]
async fn a_client_that_stops_reading_an_admin_answer_is_cut_off_too() {
    let service = |_: Request<Incoming>, _: SocketAddr| async {
        let endless = Pieces { left: usize::MAX, given: Arc::default() };
        Response::new(endless.map_err(|never| match never {}).boxed_unsync())
    };
    let settings = Settings { body_idle: Duration::from_millis(300), ..quick() };
    let proxy = Proxy::start_with(settings, view(1, []), Some(Admin::new(Handle::current(), service)));
    let mut client = proxy.client().await;
    client.send("GET /admin/stream HTTP/1.1\r\nHost: h\r\n\r\n").await;
    until(|| proxy.counts().in_flight == 1).await;
    until(|| proxy.counts().connections == 0).await;
}
