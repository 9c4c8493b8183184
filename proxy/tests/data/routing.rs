//! Which request goes where, and which goes nowhere.

use std::net::SocketAddr;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use keyway::data::Admin;
use tokio::runtime::Handle;

use crate::support::{FakeNode, Proxy, member, quick, view};

async fn two_nodes() -> (Proxy, FakeNode, FakeNode) {
    let (first, second) = (FakeNode::named("n1").await, FakeNode::named("n2").await);
    let proxy = Proxy::start(view(7, [member("n1", first.url(), 1), member("n2", second.url(), 2)]));
    (proxy, first, second)
}

#[tokio::test]
async fn each_key_goes_to_its_owner() {
    let (proxy, first, second) = two_nodes().await;
    let mut client = proxy.client().await;
    for i in 0..200 {
        let key = format!("key{i}");
        let owner =
            proxy.bridge.current().ring.owner(hashring::Position::of(key.as_bytes())).unwrap().clone();
        let answer = client.ask("GET", &format!("/kv?key={key}"), "", b"").await;
        assert_eq!((answer.status, answer.text()), (200, owner.as_str()));
    }
    assert!(first.calls() > 20 && second.calls() > 20);
}

#[tokio::test]
async fn a_key_is_decoded_before_it_is_hashed_and_the_target_arrives_as_it_was_sent() {
    let (proxy, first, second) = two_nodes().await;
    let mut client = proxy.client().await;
    let targets = ["/kv?key=a+b", "/kv?key=a%20b", "/x%2Fy?z=%41&key=%61%20b", "/any//path?%6bey=a+b&c=d+e"];
    let mut owners = Vec::new();
    for target in targets {
        owners.push(client.ask("GET", target, "", b"").await.body);
    }
    owners.dedup();
    assert_eq!(owners.len(), 1);
    let node = if owners[0] == b"n1" { first } else { second };
    let arrived: Vec<_> =
        node.heads().iter().map(|head| head.uri.path_and_query().unwrap().to_string()).collect();
    assert_eq!(arrived, targets);
}

#[tokio::test]
async fn a_request_without_exactly_one_good_key_is_refused_with_the_reason() {
    let (proxy, first, second) = two_nodes().await;
    let mut client = proxy.client().await;
    let long = format!("/kv?key={}", "x".repeat(1025));
    for (target, slug) in [
        ("/kv", "key-missing"),
        ("/kv?", "key-missing"),
        ("/kv?keys=1", "key-missing"),
        ("/kv?key=", "key-empty"),
        ("/kv?key=a&key=a", "key-repeated"),
        ("/kv?key=a&%6Bey=b", "key-repeated"),
        ("/kv?key=%zz", "bad-escape"),
        ("/kv?key=a%", "bad-escape"),
        (&long, "key-too-long"),
    ] {
        // A small body that nobody wants does not cost the client its connection.
        let answer = client.ask("PUT", target, "", b"value").await;
        assert_eq!((answer.status, answer.slug().as_str()), (400, slug), "{target}");
        assert_eq!(answer.fields["proxy-status"], "keyway; error=http_request_error");
    }
    assert_eq!(client.ask("GET", &format!("/kv?key={}", "x".repeat(1024)), "", b"").await.status, 200);
    assert_eq!(first.calls() + second.calls(), 1);
}

#[tokio::test]
async fn inner_paths_are_never_forwarded() {
    let (proxy, first, second) = two_nodes().await;
    let mut client = proxy.client().await;
    for target in ["/inner/v1/beat", "/inner/v1/move?key=a", "/inner?key=a", "http://h/inner/v1/census?key=a"]
    {
        let answer = client.ask("POST", target, "Keyway-Secret: x\r\n", b"{}").await;
        assert_eq!((answer.status, answer.slug().as_str()), (404, "inner-path"), "{target}");
    }
    assert_eq!(first.calls() + second.calls(), 0);
}

#[tokio::test]
async fn an_empty_ring_is_503() {
    let proxy = Proxy::start(view(1, []));
    let answer = proxy.client().await.ask("GET", "/kv?key=a", "", b"").await;
    assert_eq!((answer.status, answer.slug().as_str()), (503, "no-owner"));
    assert_eq!(answer.fields["retry-after"], "1");
}

#[tokio::test]
async fn the_root_without_a_key_is_a_page() {
    let (proxy, ..) = two_nodes().await;
    let mut client = proxy.client().await;
    let plain = client.ask("GET", "/", "", b"").await;
    assert_eq!((plain.status, plain.fields["content-type"].as_str()), (200, "text/plain; charset=utf-8"));
    assert!(plain.text().contains("curl -T hello.txt 'http://h/kv?key=hello'"), "{}", plain.text());
    let html = client.ask("GET", "/", "Accept: text/html,*/*\r\n", b"").await;
    assert!(html.text().contains("<a href=\"/admin/stats\">"));
    assert_eq!(html.fields["content-security-policy"], "default-src 'none'; sandbox");
    let head = client.ask("HEAD", "/", "", b"").await;
    assert_eq!(head.fields["content-length"], plain.body.len().to_string());
}

#[tokio::test]
async fn no_answer_of_the_proxy_itself_may_run_or_be_guessed_at_in_a_browser() {
    let (proxy, ..) = two_nodes().await;
    for (method, target, fields, status) in [
        ("GET", "/", "", 200),
        ("OPTIONS", "*", "", 204),
        ("OPTIONS", "/kv?key=a", "Max-Forwards: 0\r\n", 204),
        ("GET", "/kv", "", 400),
        ("GET", "/admin/stats", "", 404),
        ("GET", "/inner/v1/beat", "", 404),
        ("TRACE", "/kv?key=a", "", 405),
        ("CONNECT", "example.org:443", "", 501),
    ] {
        let answer = proxy.client().await.ask(method, target, fields, b"").await;
        assert_eq!(answer.status, status, "{method} {target}");
        assert_eq!(answer.fields["x-content-type-options"], "nosniff", "{method} {target}");
        let policy = &answer.fields["content-security-policy"];
        assert_eq!(policy, "default-src 'none'; sandbox", "{method} {target}");
    }
}

#[tokio::test]
async fn methods_that_are_for_proxies_of_another_kind_are_refused() {
    let (proxy, first, second) = two_nodes().await;
    let answer = proxy.client().await.ask("CONNECT", "example.org:443", "", b"").await;
    assert_eq!((answer.status, answer.slug().as_str()), (501, "no-tunnels"));
    let answer = proxy.client().await.ask("TRACE", "/kv?key=a", "", b"").await;
    assert_eq!((answer.status, answer.slug().as_str()), (405, "no-trace"));
    assert!(answer.fields["allow"].contains("GET"));
    let mut client = proxy.client().await;
    let options = client.ask("OPTIONS", "*", "", b"").await;
    assert_eq!(options.status, 204);
    assert!(options.fields["allow"].contains("PUT"));
    let here = client.ask("OPTIONS", "/kv?key=a", "Max-Forwards: 0\r\n", b"").await;
    assert_eq!(here.status, 204);
    assert_eq!(first.calls() + second.calls(), 0);
    client.ask("OPTIONS", "/kv?key=a", "Max-Forwards: 5\r\n", b"").await;
    assert_eq!(first.calls() + second.calls(), 1);
}

#[tokio::test]
async fn admin_paths_go_to_the_admin_service_with_the_peer_and_the_fields_as_they_came() {
    let control = Handle::current();
    let service = |request: Request<Incoming>, peer: SocketAddr| async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let said =
            format!("{} {} {} {peer}", head.uri, head.headers["keyway-odd"].to_str().unwrap(), body.len());
        Response::new(Full::from(said).map_err(|never| match never {}).boxed_unsync())
    };
    let node = FakeNode::named("n1").await;
    let proxy = Proxy::start_with(
        quick(),
        view(1, [member("n1", node.url(), 1)]),
        Some(Admin::new(control, service)),
    );
    let mut client = proxy.client().await;
    let peer = client.local_addr();
    for target in ["/add-server", "/remove-server?name=n1", "/admin/ring?key=a", "/admin"] {
        let answer = client.ask("POST", target, "Keyway-Odd: 1\r\n", b"four").await;
        assert_eq!((answer.status, answer.text()), (200, format!("{target} 1 4 {peer}").as_str()));
    }
    assert_eq!(client.ask("GET", "/kv?key=a", "", b"").await.text(), "n1");
    assert_eq!(proxy.counts().admin_requests, 4);
}

#[tokio::test]
async fn an_admin_service_that_panics_fails_its_request_only() {
    let service = |request: Request<Incoming>, _: SocketAddr| async move {
        assert!(request.uri().path() != "/admin/boom", "on purpose");
        Response::new(Full::from("fine").map_err(|never| match never {}).boxed_unsync())
    };
    let proxy = Proxy::start_with(quick(), view(1, []), Some(Admin::new(Handle::current(), service)));
    let mut client = proxy.client().await;
    let answer = client.ask("GET", "/admin/boom", "", b"").await;
    assert_eq!((answer.status, answer.slug().as_str()), (500, "internal"));
    assert_eq!(client.ask("GET", "/admin/live", "", b"").await.text(), "fine");
}

#[tokio::test]
async fn admin_paths_are_404_where_the_admin_plane_is_elsewhere() {
    let (proxy, first, second) = two_nodes().await;
    let answer = proxy.client().await.ask("POST", "/add-server?key=a", "", b"").await;
    assert_eq!((answer.status, answer.slug().as_str()), (404, "no-admin-here"));
    assert_eq!(first.calls() + second.calls(), 0);
}

#[tokio::test]
async fn idle_workers_take_over_a_new_view() {
    let settings = keyway::data::Settings { workers: 3.try_into().unwrap(), ..quick() };
    let proxy = Proxy::start_with(settings, view(1, []), None);
    proxy.bridge.publish(view(2, []));
    crate::support::soon(proxy.bridge.wait_seen_by_all_workers(2)).await;
    assert_eq!(proxy.bridge.epoch_seen_by_all_workers(), 2);
}
