//! The connection to a node breaks at every byte: in the hello, in a head, in a body, in the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{FakeNode, Proxy, member, reply, soon, view};

/// Which way a relay counts bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToNode,
    ToProxy,
}

/// Lets `limit` bytes of its first connection pass one way, and then breaks it; later ones are left alone. What it
/// gives back is where it listens, and how many bytes passed that way on the first connection.
async fn relay(node: String, way: Way, limit: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, passed) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&passed);
    tokio::spawn(async move {
        for number in 0.. {
            let (proxy, _) = listener.accept().await.unwrap();
            let node = TcpStream::connect(node.strip_prefix("http://").unwrap()).await.unwrap();
            let ((from_proxy, to_proxy), (from_node, to_node)) = (proxy.into_split(), node.into_split());
            let limit = |this: Way| if number == 0 && this == way { limit } else { usize::MAX };
            let count =
                |this: Way| if number == 0 && this == way { Arc::clone(&count) } else { Arc::default() };
            let there = pass(from_proxy, to_node, limit(Way::ToNode), count(Way::ToNode));
            let back = pass(from_node, to_proxy, limit(Way::ToProxy), count(Way::ToProxy));
            // Whichever ends first takes the other with it.
            tokio::spawn(async move {
                tokio::select! { () = there => (), () = back => () }
            });
        }
    });
    (url, passed)
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, limit: usize, passed: Arc<AtomicUsize>) {
    let mut buffer = vec![0; 4096];
    let mut left = limit;
    while left > 0 {
        let room = buffer.len().min(left);
        let length = from.read(&mut buffer[..room]).await.unwrap_or(0);
        if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
        left -= length;
        passed.fetch_add(length, Ordering::Relaxed);
    }
}

/// Puts a value through a connection that breaks after `limit` bytes; the status, how often a node had the whole value,
/// and how many bytes passed.
async fn put(way: Way, limit: usize) -> (u16, usize, usize) {
    let applied = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&applied);
    let node = FakeNode::start(move |call| {
        let count = Arc::clone(&count);
        async move {
            // A node that gets half a value drops it.
            let body = http_body_util::BodyExt::collect(call.body).await;
            if body.is_ok_and(|body| body.to_bytes().as_ref() == b"value") {
                count.fetch_add(1, Ordering::Relaxed);
            }
            reply(200, "done")
        }
    })
    .await;
    let (url, passed) = relay(node.url(), way, limit).await;
    let proxy = Proxy::start(view(1, [member("n1", url, 1)]));
    let answer = proxy.client().await.ask("PUT", "/kv?key=a", "", b"value").await;
    assert!(answer.status != 503 || answer.fields.contains_key("retry-after"));
    (answer.status, applied.load(Ordering::Relaxed), passed.load(Ordering::Relaxed))
}

#[tokio::test]
async fn wherever_a_connection_breaks_a_write_is_applied_once_or_its_outcome_is_called_unknown() {
    for way in [Way::ToNode, Way::ToProxy] {
        let (status, applied, whole) = put(way, usize::MAX).await;
        assert_eq!((status, applied), (200, 1));
        let mut seen = [0; 3];
        for limit in 0..whole {
            let (status, applied, _) = soon(put(way, limit)).await;
            let place = format!("{way:?} after {limit} of {whole} bytes: {status}, applied {applied} times");
            match status {
                // The client knows that it was done: by the first connection, or by another one.
                200 => assert_eq!(applied, 1, "{place}"),
                // It knows that it was not.
                503 => assert_eq!(applied, 0, "{place}"),
                // It knows that it cannot know.
                502 => assert!(applied <= 1, "{place}"),
                _ => panic!("{place}"),
            }
            seen[usize::from(status == 502) + 2 * usize::from(status == 503)] += 1;
        }
        assert!(seen[1] > 0, "{way:?}: no cut left the outcome open: {seen:?}");
    }
}
