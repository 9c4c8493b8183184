//! A client's connection: versions, persistence, patience.

use std::time::Duration;

use keyway::data::{DataPath, Settings};
use keyway::metrics::MethodKind;
use keyway::view::Bridge;

use crate::support::{Client, FakeNode, Proxy, member, quick, reply, secret, soon, until, view};

async fn proxy_with(settings: Settings) -> (Proxy, FakeNode) {
    let node = FakeNode::start(|call| async move { reply(200, call.read().await) }).await;
    let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
    (proxy, node)
}

#[tokio::test]
async fn one_connection_carries_many_requests_and_closes_when_it_is_told_to() {
    let (proxy, _node) = proxy_with(quick()).await;
    let mut client = proxy.client().await;
    for i in 0..100 {
        let value = format!("value {i}");
        assert_eq!(client.ask("PUT", "/kv?key=a", "", value.as_bytes()).await.text(), value);
    }
    let last = client.ask("GET", "/kv?key=a", "Connection: close\r\n", b"").await;
    assert_eq!(last.fields["connection"], "close");
    assert!(client.is_closed().await);
    assert_eq!((proxy.counts().accepted, proxy.counts().dials), (1, 1));
    let counts = proxy.counts();
    assert_eq!(
        (counts.answers[MethodKind::Put as usize], counts.answers[MethodKind::Get as usize]),
        ([0, 100, 0, 0, 0], [0, 1, 0, 0, 0])
    );
    assert_eq!(counts.latency().count(), 101);
    let node = counts.nodes.values().next().unwrap();
    assert_eq!((node.requests(), node.errors(), node.in_flight), (101, 0, 0));
    assert_eq!(node.latency.count(), 101);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let (proxy, _node) = proxy_with(quick()).await;
    let mut client = proxy.client().await;
    let mut all = String::new();
    for i in 0..50 {
        all += &format!("PUT /kv?key={i} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{i:02}");
    }
    client.send(all).await;
    for i in 0..50 {
        assert_eq!(client.answer().await.text(), format!("{i:02}"));
    }
}

#[tokio::test]
async fn http_1_0_works_without_a_host_and_closes() {
    let (proxy, node) = proxy_with(quick()).await;
    let mut client = proxy.client().await;
    client.send("PUT /kv?key=a HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (200, "hi"));
    assert!(client.is_closed().await);
    assert_eq!(node.heads()[0].uri, "/kv?key=a");
    let mut client = proxy.client().await;
    for _ in 0..2 {
        client.send("GET /kv?key=a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
        assert_eq!(client.answer().await.fields["connection"], "keep-alive");
    }
    // An expectation means nothing in HTTP/1.0.
    client.send("PUT /kv?key=a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi").await;
    assert_eq!(client.answer().await.text(), "hi");
}

#[tokio::test]
async fn a_client_that_closes_its_sending_half_gets_its_answer() {
    let (proxy, _node) = proxy_with(quick()).await;
    let mut client = proxy.client().await;
    client.send("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi").await;
    client.finish().await;
    assert_eq!(client.answer().await.text(), "hi");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_slow_head_is_408_and_an_idle_connection_is_closed_in_silence() {
    let settings = Settings {
        head_timeout: Duration::from_millis(200),
        keep_alive: Duration::from_millis(400),
        ..quick()
    };
    let (proxy, _node) = proxy_with(settings).await;
    let mut silent = proxy.client().await;
    let mut slow = proxy.client().await;
    slow.send("GET /kv?key=a HTTP/1.1\r\nHo").await;
    let mut idle = proxy.client().await;
    assert_eq!(idle.ask("GET", "/kv?key=a", "", b"").await.status, 200);
    let begun = std::time::Instant::now();
    assert_eq!(slow.answer().await.status, 408);
    assert!(slow.is_closed().await);
    assert!(silent.is_closed().await);
    assert!(idle.is_closed().await);
    assert!(begun.elapsed() >= Duration::from_millis(390));
}

#[tokio::test]
async fn drops_of_a_head_do_not_buy_time() {
    let settings = Settings { head_timeout: Duration::from_millis(300), ..quick() };
    let (proxy, _node) = proxy_with(settings).await;
    let mut client = proxy.client().await;
    client.send("GET /kv?key=a HTTP/1.1\r\nHost: h\r\nX-Long: ").await;
    until(|| proxy.counts().connections == 1).await;
    let begun = std::time::Instant::now();
    soon(async {
        while client.is_silent() && client.try_send(b"a").await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn one_connection_too_many_is_turned_away_at_once() {
    let (proxy, _node) = proxy_with(Settings { max_connections: 2, ..quick() }).await;
    let (mut one, mut two) = (proxy.client().await, proxy.client().await);
    assert_eq!(one.ask("GET", "/kv?key=a", "", b"").await.status, 200);
    assert_eq!(two.ask("GET", "/kv?key=a", "", b"").await.status, 200);
    let mut three = proxy.client().await;
    let answer = three.answer().await;
    assert_eq!((answer.status, answer.slug().as_str()), (503, "too-many-connections"));
    assert_eq!(answer.fields["retry-after"], "1");
    assert_eq!(answer.fields["x-content-type-options"], "nosniff");
    assert_eq!(one.ask("GET", "/kv?key=a", "", b"").await.status, 200);
    drop(two);
    until(|| proxy.counts().connections == 1).await;
    assert_eq!(proxy.client().await.ask("GET", "/kv?key=a", "", b"").await.status, 200);
    assert_eq!(proxy.counts().turned_away, 1);
}

#[tokio::test]
async fn a_second_proxy_on_the_same_port_is_refused() {
    let (proxy, _node) = proxy_with(quick()).await;
    let settings = Settings { listen: proxy.address(), ..quick() };
    let error = DataPath::start(&settings, &Bridge::new(view(1, [])), &secret(), None).unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
}

#[tokio::test]
async fn several_workers_share_a_port_and_each_has_its_own_link() {
    let (proxy, node) = proxy_with(Settings { workers: 4.try_into().unwrap(), ..quick() }).await;
    for i in 0..64 {
        let mut client: Client = proxy.client().await;
        let value = i.to_string();
        assert_eq!(client.ask("PUT", "/kv?key=a", "", value.as_bytes()).await.text(), value);
    }
    let counts = proxy.counts();
    assert_eq!((node.calls(), counts.requests(), counts.accepted), (64, 64, 64));
    assert!((2..=4).contains(&counts.dials), "{}", counts.dials);
}
