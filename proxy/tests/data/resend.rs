//! What is sent again, and what never is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keyway::data::Settings;
use kvnode::link::frame::Reset;
use tokio::net::TcpStream;

use crate::support::{
    Call, FakeNode, Peer, Proxy, RawNode, Reply, member, quick, reply, soon, text, until, view,
};

fn misdirected(epoch: u64) -> Reply {
    let mut answer = reply(421, "not mine");
    answer.headers_mut().insert("keyway-epoch", epoch.into());
    answer
}

async fn echo(call: Call) -> Reply {
    reply(200, call.read().await)
}

#[tokio::test]
async fn a_misdirected_request_waits_for_the_newer_view_and_goes_to_the_new_owner() {
    let old = FakeNode::start(|_| async { misdirected(2) }).await;
    let new = FakeNode::start(echo).await;
    let proxy = Proxy::start(view(1, [member("n1", old.url(), 1)]));
    let mut client = proxy.client().await;
    client.send("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nvalue").await;
    until(|| old.calls() == 1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(client.is_silent());
    assert_eq!(old.calls(), 1, "there is nothing to ask before the view comes");
    proxy.bridge.publish(view(2, [member("n1", new.url(), 2)]));
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (200, "value"));
    assert_eq!(new.heads()[0].headers["keyway-epoch"], "2");
    assert_eq!(proxy.counts().resends, 1);
}

#[tokio::test]
async fn a_node_that_is_behind_or_someone_else_is_asked_again_after_a_pause() {
    let asked = Arc::new(AtomicUsize::new(0));
    let node = FakeNode::start(move |call| {
        let first = asked.fetch_add(1, Ordering::Relaxed) < 3;
        async move { if first { misdirected(1) } else { echo(call).await } }
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let answer = proxy.client().await.ask("PUT", "/kv?key=a", "", b"value").await;
    assert_eq!((answer.status, answer.text(), node.calls()), (200, "value", 4));
}

#[tokio::test]
async fn a_misdirected_request_ends_as_503_and_421_never_reaches_a_client() {
    for (settings, calls) in [
        (Settings { max_resends: 3, ..quick() }, 4..=4),
        (Settings { resend_for: Duration::from_millis(100), ..quick() }, 2..=20),
    ] {
        let node = FakeNode::start(|_| async { misdirected(1) }).await;
        let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
        let answer = proxy.client().await.ask("GET", "/kv?key=a", "", b"").await;
        assert_eq!((answer.status, answer.slug().as_str()), (503, "ring-changing"));
        assert_eq!(answer.fields["retry-after"], "1");
        assert!(calls.contains(&node.calls()), "{}", node.calls());
    }
}

#[tokio::test]
async fn a_kept_body_is_sent_again_whole_whatever_its_framing() {
    let asked = Arc::new(AtomicUsize::new(0));
    let node = FakeNode::start(move |call| {
        let first = asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        // The first answer comes before the body is read, the second after it.
        async move { if first { misdirected(1) } else { echo(call).await } }
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    let value: Vec<u8> = (0..1u32 << 18).flat_map(u32::to_le_bytes).collect();
    assert_eq!(client.ask("PUT", "/kv?key=a", "", &value).await.body, value);

    client.send("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for chunk in value.chunks(5000) {
        client.send(format!("{:x}\r\n", chunk.len())).await;
        client.send(chunk).await;
        client.send("\r\n").await;
    }
    client.send("0\r\nX-Trailer: 1\r\n\r\n").await;
    assert_eq!(client.answer().await.body, value);
    let heads = node.heads();
    assert_eq!(heads.len(), 4);
    assert!(heads.iter().all(|head| !head.headers.contains_key("keyway-replay")));
    assert_eq!(heads[3].headers["content-length"], value.len().to_string());
    assert!(heads.iter().all(|head| !head.headers.contains_key("x-trailer")));
}

#[tokio::test]
async fn a_body_too_large_to_keep_says_so_and_is_sent_once() {
    let node = FakeNode::start(|call| async move {
        call.read().await;
        misdirected(1)
    })
    .await;
    let settings = Settings { replay_buffer: 1000, ..quick() };
    let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
    let value = [7; 1001];
    let known = proxy.client().await.ask("PUT", "/kv?key=a", "", &value).await;
    assert_eq!((known.status, known.slug().as_str()), (503, "ring-changing"));
    let mut client = proxy.client().await;
    client.send("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    client.send([&b"3e9\r\n"[..], &value, b"\r\n0\r\n\r\n"].concat()).await;
    assert_eq!(client.answer().await.status, 503);
    let heads = node.heads();
    assert_eq!(heads.len(), 2);
    assert!(heads.iter().all(|head| head.headers["keyway-replay"] == "no"));
}

#[tokio::test]
async fn a_pool_that_is_full_makes_bodies_unkept_not_refused() {
    let node = FakeNode::start(echo).await;
    let settings = Settings { replay_pool: 100_000, ..quick() };
    let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
    let mut waiting = proxy.client().await;
    waiting.send("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nContent-Length: 80000\r\n\r\nfirst").await;
    until(|| node.calls() == 1).await;
    let mut client = proxy.client().await;
    let value = vec![1; 40_000];
    assert_eq!(client.ask("PUT", "/kv?key=b", "", &value).await.body, value);
    drop(waiting);
    until(|| proxy.counts().connections == 1).await;
    assert_eq!(client.ask("PUT", "/kv?key=b", "", &value).await.body, value);
    let kept: Vec<_> = node.heads().iter().map(|head| !head.headers.contains_key("keyway-replay")).collect();
    assert_eq!(kept, [true, false, true]);
}

/// A node that takes in a request and hangs up on it, `breaks` times; then it answers with the number of the
/// attempt.
async fn node_that_hangs_up(breaks: usize) -> (RawNode, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let node = RawNode::start(move |stream| {
        let count = Arc::clone(&count);
        async move {
            let mut peer = Peer::greet(stream).await;
            while let Some((id, _)) = peer.request().await {
                let number = count.fetch_add(1, Ordering::Relaxed) + 1;
                if number <= breaks {
                    return;
                }
                peer.answer(id, number.to_string()).await;
            }
        }
    })
    .await;
    (node, asked)
}

#[tokio::test]
async fn a_write_of_unknown_outcome_is_not_repeated() {
    for method in ["PUT", "POST", "DELETE", "OPTIONS"] {
        let (node, asked) = node_that_hangs_up(1).await;
        let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
        let lost = proxy.client().await.ask(method, "/kv?key=a", "", b"value").await;
        assert_eq!((lost.status, lost.slug().as_str()), (502, "connection-lost"));
        assert!(lost.text().contains("unknown"));
        assert_eq!(lost.fields["proxy-status"], "keyway; error=connection_terminated; next-hop=\"n1\"");
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(proxy.counts().unknown_outcomes, 1);
    }
}

#[tokio::test]
async fn a_read_of_unknown_outcome_is_repeated_once() {
    let (node, asked) = node_that_hangs_up(3).await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    let lost = client.ask("GET", "/kv?key=a", "", b"").await;
    assert_eq!((lost.status, lost.slug().as_str()), (502, "connection-lost"));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    let answer = client.ask("GET", "/kv?key=a", "", b"").await;
    assert_eq!((answer.status, answer.text()), (200, "4"));
}

/// A node that ends its first `refusals` requests without an answer, and gives the others their body back.
async fn node_that_refuses(refusals: usize, why: Reset) -> RawNode {
    let asked = Arc::new(AtomicUsize::new(0));
    RawNode::start(move |stream: TcpStream| {
        let asked = Arc::clone(&asked);
        async move {
            let mut peer = Peer::greet(stream).await;
            while let Some((id, request)) = peer.request().await {
                if asked.fetch_add(1, Ordering::Relaxed) < refusals {
                    peer.reset(id, why).await;
                } else {
                    peer.answer(id, request.body).await;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_refused_request_is_sent_again_whatever_the_method() {
    let node = node_that_refuses(3, Reset::Refused).await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let answer = proxy.client().await.ask("PUT", "/kv?key=a", "", b"value").await;
    assert_eq!((answer.status, answer.text()), (200, "value"));
    assert_eq!((proxy.counts().resends, proxy.counts().dials), (3, 1));
}

#[tokio::test]
async fn what_a_node_never_took_is_503_once_it_is_not_sent_again_any_more() {
    for (resends, replay_buffer) in [(2, 1000), (0, 1000), (9, 1)] {
        let node = node_that_refuses(usize::MAX, Reset::Refused).await;
        let settings = Settings { max_resends: resends, replay_buffer, ..quick() };
        let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
        for method in ["PUT", "GET"] {
            let answer = proxy.client().await.ask(method, "/kv?key=a", "", b"value").await;
            assert_eq!((answer.status, answer.slug().as_str()), (503, "not-taken"));
            assert_eq!(answer.fields["retry-after"], "1");
            assert!(answer.text().contains("Nothing was changed") && !answer.text().contains("unknown"));
        }
        assert_eq!(proxy.counts().unknown_outcomes, 0);
    }
}

#[tokio::test]
async fn a_node_that_closes_before_it_takes_anything_is_503() {
    // Every connection says welcome and goodbye at once. It stays open, so that nothing overtakes the goodbye.
    let node = RawNode::start(|stream| async move {
        let mut peer = Peer::greet(stream).await;
        peer.go_away(0).await;
        peer.wait().await;
    })
    .await;
    let settings = Settings { max_resends: 2, ..quick() };
    let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
    let answer = proxy.client().await.ask("PUT", "/kv?key=a", "", b"value").await;
    assert_eq!((answer.status, answer.slug().as_str()), (503, "not-taken"));
}

#[tokio::test]
async fn any_other_reset_is_an_unknown_outcome() {
    let node = node_that_refuses(9, Reset::Failed).await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let answer = proxy.client().await.ask("PUT", "/kv?key=a", "", b"value").await;
    assert_eq!((answer.status, answer.slug().as_str()), (502, "connection-lost"));
    assert_eq!(proxy.counts().resends, 0);
}

#[tokio::test]
async fn a_node_that_says_goodbye_gets_nothing_new_and_loses_nothing() {
    // The first connection answers one request, then says goodbye with that one as the last.
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let node = RawNode::start(move |stream| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            let mut peer = Peer::greet(stream).await;
            while let Some((id, _)) = peer.request().await {
                peer.answer(id, if first { "first" } else { "second" }).await;
                if first {
                    peer.go_away(id).await;
                }
            }
        }
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    assert_eq!(client.ask("PUT", "/kv?key=a", "", b"1").await.text(), "first");
    for _ in 0..20 {
        assert_eq!(client.ask("PUT", "/kv?key=a", "", b"2").await.text(), "second");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn requests_beyond_what_a_node_takes_at_once_are_503_and_the_others_are_answered() {
    let refused = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&refused);
    let node = RawNode::start(move |stream| {
        let told = Arc::clone(&told);
        async move {
            let mut peer = Peer::greet_with(stream, 2).await;
            let (first, second) = (peer.request().await.unwrap().0, peer.request().await.unwrap().0);
            told.notified().await;
            peer.answer(second, "second").await;
            peer.answer(first, "first").await;
            // What comes next was asked for after the refusal: nothing of the refused request was sent.
            let (next, request) = peer.request().await.unwrap();
            peer.answer(next, request.body).await;
            peer.wait().await;
        }
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut clients = [proxy.client().await, proxy.client().await];
    for client in &mut clients {
        client.send("GET /kv?key=a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    }
    until(|| proxy.counts().in_flight == 2).await;
    let busy = proxy.client().await.ask("PUT", "/kv?key=a", "", b"value").await;
    assert_eq!((busy.status, busy.slug().as_str()), (503, "overloaded"));
    refused.notify_one();
    let mut answers = Vec::new();
    for client in &mut clients {
        answers.push(client.answer().await.text().to_owned());
    }
    answers.sort_unstable();
    assert_eq!(answers, ["first", "second"]);
    assert_eq!(clients[0].ask("PUT", "/kv?key=a", "", b"later").await.text(), "later");
}

#[tokio::test]
async fn a_request_that_the_kernel_never_took_is_sent_again_over_another_link() {
    // The first connection reads nothing after its welcome, until more is queued than the sockets hold; then it breaks.
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let node = RawNode::start(move |stream| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            let mut peer = Peer::greet(stream).await;
            if first {
                tokio::time::sleep(Duration::from_millis(500)).await;
                return;
            }
            while let Some((id, request)) = peer.request().await {
                peer.answer(id, request.body).await;
            }
        }
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    // Enough whole requests to fill the sockets; some of them are cut off in the middle, or have not begun.
    let mut clients = tokio::task::JoinSet::new();
    let value = vec![b'x'; 30_000];
    for _ in 0..400 {
        let (mut client, value) = (proxy.client().await, value.clone());
        clients.spawn(async move { client.ask("PUT", "/kv?key=a", "", &value).await });
    }
    let answers = soon(clients.join_all()).await;
    let (again, unknown): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert!(again.len() > 10, "{} of 400 were sent again", again.len());
    assert!(unknown.iter().all(|answer| answer.status == 502));
    assert_eq!(proxy.counts().unknown_outcomes, unknown.len() as u64);
}

#[tokio::test]
async fn a_client_that_breaks_off_never_completes_a_write() {
    let wholes = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&wholes);
    let node = FakeNode::start(move |call| {
        let count = Arc::clone(&count);
        async move {
            use http_body_util::BodyExt;
            if call.body.collect().await.is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
            text("done")
        }
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    // A small one does not even reach the node.
    let mut small = proxy.client().await;
    small.send("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf").await;
    small.finish().await;
    assert_eq!(small.answer().await.slug(), "bad-body");
    assert_eq!(node.calls(), 0);
    let mut cut = proxy.client().await;
    cut.send("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nhalf").await;
    until(|| node.calls() == 1).await;
    cut.finish().await;
    assert_eq!(cut.answer().await.slug(), "bad-body");
    let mut garbled = proxy.client().await;
    let large = vec![b'x'; 2 << 20];
    garbled.send("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n").await;
    garbled.send(large).await;
    until(|| node.calls() == 2).await;
    garbled.send("\r\nzz\r\n").await;
    assert_eq!(garbled.answer().await.slug(), "bad-body");
    drop((small, cut, garbled));
    until(|| proxy.counts().connections == 0).await;
    assert_eq!(wholes.load(Ordering::Relaxed), 0);
}
