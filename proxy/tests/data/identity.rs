//! What a node learns about a request, and what a client can not make it believe.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{FakeNode, Proxy, RawNode, member, reply, view};

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
    let ours: Vec<_> = fields.keys().filter(|name| name.as_str().starts_with("keyway-")).collect();
    assert_eq!(ours, ["keyway-to", "keyway-epoch"]);
}

#[tokio::test]
async fn the_request_arrives_without_hop_by_hop_fields_and_says_through_whom_and_for_whom() {
    let node = FakeNode::named("n1").await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let fields = "Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\n\
                  Accept: a\r\nAccept: b\r\nAuthorization: Basic x\r\nVia: 1.0 fred\r\nX-Forwarded-For: 10.1.1.1\r\n";
    proxy.client().await.ask("GET", "/kv?key=a", fields, b"").await;
    let head = &node.heads()[0];
    assert_eq!(head.uri.authority().unwrap(), "h");
    let lines = |name: &str| -> Vec<_> {
        head.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    for gone in ["connection", "x-hop", "keep-alive", "te", "upgrade", "host"] {
        assert_eq!(lines(gone), [""; 0], "{gone}");
    }
    assert_eq!(lines("accept"), ["a", "b"]);
    assert_eq!(lines("authorization"), ["Basic x"]);
    assert_eq!(lines("via")[0], "1.0 fred");
    assert!(lines("via")[1].starts_with("1.1 keyway-"));
    assert_eq!(lines("x-forwarded-for"), ["10.1.1.1", "127.0.0.1"]);
    assert_eq!(lines("x-forwarded-proto"), ["http"]);
    assert_eq!(lines("x-forwarded-host"), ["h"]);
    assert_eq!(lines("forwarded"), ["for=127.0.0.1;host=\"h\";proto=http"]);
}

#[tokio::test]
async fn a_request_that_comes_back_is_a_loop() {
    let node = FakeNode::named("n1").await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    client.ask("GET", "/kv?key=a", "", b"").await;
    let via = node.heads()[0].headers["via"].to_str().unwrap().to_owned();
    let answer = client.ask("GET", "/kv?key=a", &format!("Via: 1.1 other, {via}\r\n"), b"").await;
    assert_eq!((answer.status, answer.slug().as_str()), (508, "loop"));
    assert_eq!(node.calls(), 1);
}

#[tokio::test]
async fn the_host_is_that_of_an_absolute_target_or_of_the_last_request() {
    let node = FakeNode::named("n1").await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    for head in [
        "GET /kv?key=a HTTP/1.1\r\nHost: one\r\n\r\n",
        "GET http://two:81/kv?key=a HTTP/1.1\r\nHost: one\r\n\r\n",
        "GET /kv?key=a HTTP/1.1\r\nHost: one\r\n\r\n",
        "GET /kv?key=a HTTP/1.1\r\nHost: three\r\n\r\n",
    ] {
        client.send(head).await;
        assert_eq!(client.answer().await.status, 200);
    }
    let hosts: Vec<_> = node.heads().iter().map(|head| head.uri.authority().unwrap().to_string()).collect();
    assert_eq!(hosts, ["one", "two:81", "one", "three"]);
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

/// A node that answers with one odd field. No library sends such an answer, so it is written frame by frame
/// (RFC 9113 4.1, RFC 7541 6.2).
async fn node_that_answers_with(field: &'static str) -> RawNode {
    RawNode::start(move |mut stream| async move {
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let mut read = Vec::new();
        // The request's HEADERS frame on stream 1: type 1, with any flags.
        while !read.windows(6).any(|frame| frame[0] == 1 && frame[2..] == [0, 0, 0, 1]) {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
        }
        let name = [&[u8::try_from(field.len()).unwrap()], field.as_bytes()].concat();
        let fields = [b"\x88\x00", &name[..], b"\x05close", b"\x00\x03x-a\x011"].concat();
        let head = [&[0, 0, u8::try_from(fields.len()).unwrap(), 1, 5, 0, 0, 0, 1], &fields[..]].concat();
        stream.write_all(&head).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    })
    .await
}
