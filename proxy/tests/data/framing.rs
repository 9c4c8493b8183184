//! Messages whose framing can be read in two ways: what one side takes for a body, the other may take for a
//! request. Every payload here is refused, or reaches the node as exactly one well-framed request.

use http::request::Parts;

use crate::support::{FakeNode, Proxy, member, reply, soon, view};

/// What became of the bytes of one connection.
struct Outcome {
    statuses: Vec<u16>,
    heads: Vec<Parts>,
    bodies: Vec<String>,
}

/// Sends `bytes`, closes the sending half, and reads to the end.
async fn play(bytes: &[u8]) -> Outcome {
    let bodies = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&bodies);
    let node = FakeNode::start(move |call| {
        let seen = std::sync::Arc::clone(&seen);
        async move {
            let body = call.read().await;
            seen.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
            reply(200, "ok")
        }
    })
    .await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    client.try_send(bytes).await;
    client.finish().await;
    let mut raw = Vec::new();
    soon(async {
        while client.try_more().await {}
        raw = client.drain();
    })
    .await;
    let raw = String::from_utf8_lossy(&raw).into_owned();
    let statuses = raw
        .match_indices("HTTP/1.")
        .filter_map(|(at, _)| raw.get(at + 9..at + 12)?.parse().ok())
        .filter(|status| *status != 100)
        .collect();
    let bodies = std::mem::take(&mut *bodies.lock().unwrap());
    Outcome { statuses, heads: node.heads(), bodies }
}

/// A request for key `a` with these field lines, then `body`.
fn put(fields: &str, body: &str) -> Vec<u8> {
    format!("PUT /kv?key=a HTTP/1.1\r\nHost: h\r\n{fields}\r\n{body}").into_bytes()
}

const SMUGGLED: &str = "GET /kv?key=smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test]
async fn malformed_messages_are_refused_and_reach_no_node() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("two lengths", put("Content-Length: 2\r\nContent-Length: 3\r\n", "abc")),
        ("a list of lengths", put("Content-Length: 2, 3\r\n", "abc")),
        ("a signed length", put("Content-Length: +2\r\n", "ab")),
        ("a negative length", put("Content-Length: -1\r\n", "ab")),
        ("a hexadecimal length", put("Content-Length: 0x2\r\n", "ab")),
        ("an empty length", put("Content-Length: \r\n", "ab")),
        ("a length that overflows", put("Content-Length: 18446744073709551617\r\n", "a")),
        ("a length with a space", put("Content-Length: 1 2\r\n", "abc")),
        ("a coding that is not chunked", put("Transfer-Encoding: gzip\r\n", "ab")),
        ("chunked that is not last", put("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n")),
        (
            "chunked twice, then another",
            put(&format!("{chunked}Transfer-Encoding: identity\r\n"), "0\r\n\r\n"),
        ),
        ("an empty coding", put("Transfer-Encoding: \r\n", "0\r\n\r\n")),
        ("a coding with a quirk", put("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
        ("an odd coding and a length", put("Transfer-Encoding: chunke\r\nContent-Length: 2\r\n", "ab")),
        ("a space before the colon", put("Content-Length : 2\r\n", "ab")),
        ("a folded line", put("X-A: 1\r\n 2\r\n", "")),
        ("a line without a colon", put("nonsense\r\n", "")),
        ("a null in a value", put("X-A: a\0b\r\n", "")),
        ("a carriage return in a value", put("X-A: a\rb\r\n", "")),
        ("a name with a space", put("X A: 1\r\n", "")),
        ("an empty name", put(": 1\r\n", "")),
        ("a space before the first field", b"GET /kv?key=a HTTP/1.1\r\n Host: h\r\n\r\n".to_vec()),
        ("no host", b"GET /kv?key=a HTTP/1.1\r\n\r\n".to_vec()),
        ("two hosts", b"GET /kv?key=a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n".to_vec()),
        ("a bad host", b"GET /kv?key=a HTTP/1.1\r\nHost: h/x\r\n\r\n".to_vec()),
        ("a host with a user", b"GET /kv?key=a HTTP/1.1\r\nHost: u@h\r\n\r\n".to_vec()),
        ("another version", b"GET /kv?key=a HTTP/3.0\r\nHost: h\r\n\r\n".to_vec()),
        ("no version", b"GET /kv?key=a\r\nHost: h\r\n\r\n".to_vec()),
        ("a space in the target", b"GET /kv?key=a b HTTP/1.1\r\nHost: h\r\n\r\n".to_vec()),
        ("a method with a quirk", b"G(T /kv?key=a HTTP/1.1\r\nHost: h\r\n\r\n".to_vec()),
        ("an asterisk for another method", b"GET * HTTP/1.1\r\nHost: h\r\n\r\n".to_vec()),
        ("a target of another scheme", b"GET ftp://h/kv?key=a HTTP/1.1\r\nHost: h\r\n\r\n".to_vec()),
        (
            "a coding in HTTP/1.0",
            b"PUT /kv?key=a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
        ),
        ("HTTP/2 without an upgrade", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("a chunk size that is none", put(chunked, "zz\r\nab\r\n0\r\n\r\n")),
        ("a chunk size with a prefix", put(chunked, "0x2\r\nab\r\n0\r\n\r\n")),
        ("a signed chunk size", put(chunked, "+2\r\nab\r\n0\r\n\r\n")),
        ("an empty chunk size", put(chunked, "\r\nab\r\n0\r\n\r\n")),
        ("a chunk size that overflows", put(chunked, "10000000000000002\r\nab\r\n0\r\n\r\n")),
        ("a chunk longer than its size", put(chunked, "2\r\nabc\r\n0\r\n\r\n")),
        ("a chunk without its end", put(chunked, "2\r\nab0\r\n\r\n")),
        ("a last chunk without its end", put(chunked, "2\r\nab\r\n0\r\nX")),
    ];
    for (what, bytes) in cases {
        let outcome = play(&[bytes, SMUGGLED.into()].concat()).await;
        assert!(outcome.heads.is_empty(), "{what}: {:?}", outcome.heads);
        let refused = matches!(outcome.statuses[..], [] | [400..=499] | [501]);
        assert!(refused, "{what}: {:?}", outcome.statuses);
    }
}

#[tokio::test]
async fn a_length_beside_a_coding_does_not_count_and_nothing_follows_on_that_connection() {
    for fields in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: nonsense\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: nonsense\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ] {
        let outcome = play(&[put(fields, "2\r\nab\r\n0\r\n\r\n"), SMUGGLED.into()].concat()).await;
        assert!(outcome.statuses.len() == 1, "{fields}: {:?}", outcome.statuses);
        for head in &outcome.heads {
            assert!(!head.uri.to_string().contains("smuggled"));
            assert_eq!(head.headers["content-length"], "2", "{fields}");
            assert!(!head.headers.contains_key("transfer-encoding"));
        }
        assert!(outcome.bodies.iter().all(|body| body == "ab"));
    }
}

#[tokio::test]
async fn well_framed_messages_pass_as_what_they_are() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (what, bytes, body) in [
        ("a length", put("Content-Length: 2\r\n", "ab"), "ab"),
        ("the same length twice", put("Content-Length: 2\r\nContent-Length: 2\r\n", "ab"), "ab"),
        ("chunks", put(chunked, "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), "ab"),
        ("chunks with extensions", put(chunked, "2;x=\"y\"\r\nab\r\n0\r\n\r\n"), "ab"),
        (
            "chunks with trailers",
            put(chunked, "2\r\nab\r\n0\r\nContent-Length: 7\r\nHost: evil\r\n\r\n"),
            "ab",
        ),
        ("a coding in capitals", put("transfer-encoding: CHUNKED\r\n", "2\r\nab\r\n0\r\n\r\n"), "ab"),
        ("empty lines first", [b"\r\n\r\n", &put("Content-Length: 2\r\n", "ab")[..]].concat(), "ab"),
        ("no body", put("", ""), ""),
        (
            "a GET with a body",
            b"GET /kv?key=a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab".to_vec(),
            "ab",
        ),
    ] {
        let outcome = play(&[bytes, SMUGGLED.into()].concat()).await;
        assert_eq!(outcome.statuses, [200, 200], "{what}");
        assert_eq!(outcome.bodies, [body, ""], "{what}");
        assert_eq!(outcome.heads[0].uri, "/kv?key=a", "{what}");
    }
}

#[tokio::test]
async fn an_upgrade_is_not_made_and_what_follows_is_an_ordinary_request() {
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let outcome = play(&[put(upgrade, ""), SMUGGLED.into()].concat()).await;
    assert_eq!(outcome.statuses, [200, 200]);
    assert!(!outcome.heads[0].headers.contains_key("upgrade"));
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let fields = "X-A: 1\r\n".repeat(101);
    assert_eq!(play(&put(&fields, "")).await.statuses, [431]);
    assert_eq!(play(&put(&format!("X-A: {}\r\n", "x".repeat(70_000)), "")).await.statuses, [431]);
    for length in [64_000, 65_000] {
        let fields = format!("Content-Type: {}\r\n", "x".repeat(length));
        assert_eq!(play(&put(&fields, "")).await.statuses, [200], "{length}");
    }
    let target = format!("GET /kv?key=a&x={} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(66_000));
    assert!(matches!(play(target.as_bytes()).await.statuses[..], [414 | 431]));
    let target = format!("GET /kv?key=a&x={} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(8_000));
    assert_eq!(play(target.as_bytes()).await.statuses, [200]);
}
