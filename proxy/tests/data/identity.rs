//! What a node learns about a request, and what a client can not make it believe.

use kvnode::link::frame::{Header, Kind};

use crate::support::{FakeNode, Peer, Proxy, RawNode, member, reply, view};

#[tokio::test]
async fn each_request_names_the_node_that_it_means_and_the_epoch() {
    let node = FakeNode::named("n1").await;
    let proxy = Proxy::start(view(7, [member("n1", node.url(), 2)]));
    let spoofed =
        "Keyway-To: me\r\nKeyway-Epoch: 99\r\nKeyway-Replay: no\r\nKeyway-Secret: x\r\nKeyway-New: 1\r\n";
    proxy.client().await.ask("PUT", "/kv?key=a", spoofed, b"value").await;
    let fields = &node.heads()[0].headers;
    // Cluster 12, node id 1002, boot 2, as `member` and `view` make them.
    assert_eq!(fields["keyway-to"], format!("{:032x}/{:032x}/{:032x}", 0xc, 1002, 2));
    assert_eq!(fields["keyway-epoch"], "7");
    let mut ours: Vec<_> = fields.keys().map(http::HeaderName::as_str).collect();
    ours.retain(|name| name.starts_with("keyway-"));
    assert_eq!(ours, ["keyway-epoch", "keyway-to"]);
}

#[tokio::test]
async fn a_node_gets_the_fields_that_it_acts_on_and_no_others() {
    let node = FakeNode::named("n1").await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let fields = "Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\n\
                  Accept: a\r\nAuthorization: Basic x\r\nCookie: c\r\nX-Forwarded-For: 10.1.1.1\r\nVia: 1.0 fred\r\n\
                  If-Match: \"1\"\r\nIf-Match: \"2\"\r\nIf-Unmodified-Since: then\r\nContent-Type: text/plain\r\n\
                  Content-Encoding: br\r\nContent-Range: bytes 0-1/2\r\nIf-None-Match: *\r\nRange: bytes=0-1\r\n\
                  If-Range: \"3\"\r\nIf-Modified-Since: now\r\n";
    proxy.client().await.ask("PUT", "/kv?key=a", fields, b"value").await;
    let head = &node.heads()[0];
    let mut lines: Vec<_> =
        head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.retain(|line| !line.starts_with("keyway-"));
    lines.sort_unstable();
    let expected = [
        "content-encoding: br",
        "content-length: 5",
        "content-range: bytes 0-1/2",
        "content-type: text/plain",
        "if-match: \"1\"",
        "if-match: \"2\"",
        "if-modified-since: now",
        "if-none-match: *",
        "if-range: \"3\"",
        "if-unmodified-since: then",
        "range: bytes=0-1",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_nodes_answer_passes_unchanged() {
    let node = FakeNode::start(|_| async {
        let mut answer = reply(404, r#"{"type":"urn:keyway:problem:no-such-key"}"#);
        let fields = answer.headers_mut();
        fields.insert("keyway-node", "n1".parse().unwrap());
        fields.insert("keyway-epoch", "1".parse().unwrap());
        fields.append("x-own", "1".parse().unwrap());
        fields.append("x-own", "2".parse().unwrap());
        answer
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let answer = proxy.client().await.ask("GET", "/kv?key=a", "", b"").await;
    assert_eq!((answer.status, answer.text()), (404, r#"{"type":"urn:keyway:problem:no-such-key"}"#));
    let mut names: Vec<_> = answer.fields.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "date", "keyway-epoch", "keyway-node", "x-own"]);
}

#[tokio::test]
async fn answers_without_a_body_stay_without_one() {
    let node = FakeNode::start(|call| async move {
        match call.head.uri.path() {
            "/head" => {
                let mut answer = reply(200, "");
                answer.headers_mut().insert("content-length", "1234".parse().unwrap());
                answer
            }
            "/304" => reply(304, ""),
            _ => reply(204, ""),
        }
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    let head = client.ask("HEAD", "/head?key=a", "", b"").await;
    assert_eq!(head.fields["content-length"], "1234");
    assert_eq!(client.ask("GET", "/304?key=a", "", b"").await.status, 304);
    let none = client.ask("DELETE", "/204?key=a", "", b"").await;
    assert_eq!((none.status, none.fields.contains_key("content-length")), (204, false));
}

#[tokio::test]
async fn connection_fields_in_a_nodes_answer_are_an_error_and_reach_nobody() {
    for (field, status) in [("x-connection", 200), ("connection", 502), ("transfer-encoding", 502)] {
        let node = node_that_answers_with(field).await;
        let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
        let answer = proxy.client().await.ask("PUT", "/kv?key=a", "", b"x").await;
        assert_eq!(answer.status, status, "{field}");
        assert_eq!(answer.fields.contains_key("x-a"), status == 200);
    }
}

/// A node that answers with one odd field. No node sends such an answer, so it is written byte by byte.
async fn node_that_answers_with(field: &'static str) -> RawNode {
    RawNode::start(move |stream| async move {
        let mut peer = Peer::greet(stream).await;
        let (id, _) = peer.request().await.unwrap();
        let literal = |name: &str, value: &str| {
            let (name_length, value_length) =
                (u8::try_from(name.len()).unwrap(), u8::try_from(value.len()).unwrap());
            [&[0, name_length], name.as_bytes(), &[value_length, 0], value.as_bytes()].concat()
        };
        let answer = [&[200, 0, 2][..], &literal(field, "close"), &literal("x-a", "1")].concat();
        peer.frame(Header::new(Kind::Answer, id).ending(true), &answer).await;
        peer.wait().await;
    })
    .await
}
