//! How requests are told apart on the wire (RFC 9112), as far as it concerns the server they reach.

use crate::site::Site;

/// What each of these gets, on a connection of its own; `true` = the connection must then be closed.
async fn check(site: &Site, cases: &[(&str, u16, bool)]) {
    for (request, status, closes) in cases {
        let mut wire = site.wire().await;
        wire.send(request).await;
        let reply = wire.answer(false).await;
        assert_eq!(reply.status, *status, "{request:?}: {reply:?}");
        if *closes {
            assert!(wire.is_closed().await, "{request:?}");
        }
    }
}

#[tokio::test]
async fn requests_whose_length_is_in_doubt_are_refused() {
    let site = Site::start().await;
    let chunked = "Transfer-Encoding: chunked\r\n\r\n1\r\nv\r\n0\r\n\r\n";
    let put = |fields: &str| format!("PUT /kv?key=a HTTP/1.1\r\nHost: x\r\n{fields}");
    for (fields, status) in [
        // Both: the chunks count, and the connection ends.
        (format!("Content-Length: 5\r\n{chunked}"), 201),
        ("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG".into(), 204),
        ("Content-Length: 1\r\nContent-Length: 2\r\n\r\nvv".into(), 400),
        ("Content-Length: +1\r\n\r\nv".into(), 400),
        ("Content-Length: -1\r\n\r\nv".into(), 400),
        ("Content-Length: 0x1\r\n\r\nv".into(), 400),
        ("Content-Length: 1, 2\r\n\r\nv".into(), 400),
        ("Content-Length: \r\n\r\nv".into(), 400),
        ("Content-Length: 99999999999999999999\r\n\r\nv".into(), 400),
        ("Transfer-Encoding: gzip\r\n\r\nv".into(), 400),
        ("Transfer-Encoding: chunked, gzip\r\n\r\nv".into(), 400),
        ("Transfer-Encoding: chunke\r\n\r\nv".into(), 400),
    ] {
        check(&site, &[(&put(&fields), status, true)]).await;
    }
    let old = "PUT /kv?key=b HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nv\r\n0\r\n\r\n";
    check(&site, &[(old, 400, true)]).await;
    assert_eq!(site.memory.keys(), [b"a".to_vec()]);
}

#[tokio::test]
async fn chunks_are_read_strictly() {
    let site = Site::start().await;
    for chunks in [
        "+1\r\nv\r\n0\r\n\r\n",
        "0x1\r\nv\r\n0\r\n\r\n",
        "1 1\r\nv\r\n0\r\n\r\n",
        "\r\nv\r\n0\r\n\r\n",
        "1\r\nvv\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nv\r\n0\r\n\r\n",
    ] {
        let request =
            format!("PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        check(&site, &[(&request, 400, true)]).await;
    }
    assert!(site.memory.keys().is_empty());
    let good = "PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
                2;x=y\r\nab\r\n01\r\nc\r\n0\r\nTrailer: t\r\n\r\n";
    check(&site, &[(good, 201, false)]).await;
    assert_eq!(site.memory.record(b"a").unwrap().value, "abc");
}

#[tokio::test]
async fn a_body_that_ends_early_stores_nothing() {
    let site = Site::start().await;
    for request in [
        "PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nsome",
        "PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
    ] {
        let mut wire = site.wire().await;
        wire.send(request).await;
        tokio::io::AsyncWriteExt::shutdown(&mut wire.stream).await.unwrap();
        assert_eq!(wire.answer(false).await.status, 400);
    }
    assert!(site.memory.keys().is_empty());
}

#[tokio::test]
async fn header_lines_that_parsers_read_differently_are_refused() {
    let site = Site::start().await;
    for line in [
        "Content-Length : 0",
        " Folded: at the start",
        "X: a\r\n folded",
        "X: a\rb",
        "X: a\0b",
        "no colon",
        ": no name",
        "X\u{7f}: b",
    ] {
        let request = format!("GET /kv?key=a HTTP/1.1\r\n{line}\r\nHost: x\r\n\r\n");
        check(&site, &[(&request, 400, true)]).await;
    }
}

#[tokio::test]
async fn exactly_one_valid_host_is_needed() {
    let site = Site::start().await;
    check(
        &site,
        &[
            ("GET / HTTP/1.1\r\n\r\n", 400, true),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, true),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, true),
            ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, true),
            ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, true),
            ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 200, false),
            ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200, false),
            ("GET / HTTP/1.0\r\n\r\n", 200, true),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_request_line_has_the_forms_of_the_rfc() {
    let site = Site::start().await;
    site.put("/kv?key=a", "v").await;
    check(
        &site,
        &[
            ("\r\nGET /kv?key=a HTTP/1.1\r\nHost: x\r\n\r\n", 200, false),
            ("GET http://other/kv?key=a HTTP/1.1\r\nHost: x\r\n\r\n", 200, false),
            ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 204, false),
            ("CONNECT other:80 HTTP/1.1\r\nHost: other:80\r\n\r\n", 405, false),
            ("GET /kv?key=a HTTP/3.0\r\nHost: x\r\n\r\n", 400, true),
            ("GET /kv?key=a b HTTP/1.1\r\nHost: x\r\n\r\n", 400, true),
            ("GET\t/kv?key=a HTTP/1.1\r\nHost: x\r\n\r\n", 400, true),
            ("GET /kv?key=a\r\nHost: x\r\n\r\n", 400, true),
        ],
    )
    .await;
}

#[tokio::test]
async fn connections_are_kept_or_closed_as_the_client_says() {
    let site = Site::start().await;
    let get =
        |version: &str, connection: &str| format!("GET / HTTP/{version}\r\nHost: x\r\n{connection}\r\n");
    for (request, closes) in [
        (get("1.1", ""), false),
        (get("1.1", "Connection: close\r\n"), true),
        (get("1.0", ""), true),
        (get("1.0", "Connection: keep-alive\r\n"), false),
    ] {
        check(&site, &[(&request, 200, closes)]).await;
        let mut wire = site.wire().await;
        wire.send(&request).await;
        wire.answer(false).await;
        if !closes {
            wire.send(&request).await;
            assert_eq!(wire.answer(false).await.status, 200);
        }
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let site = Site::start().await;
    let mut wire = site.wire().await;
    let put = |value: &str| format!("PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{value}");
    let get = "GET /kv?key=a HTTP/1.1\r\nHost: x\r\n\r\n";
    wire.send(format!("{}{get}{}{get}HEAD /kv?key=a HTTP/1.1\r\nHost: x\r\n\r\n{get}", put("1"), put("2")))
        .await;
    assert_eq!(wire.answer(false).await.status, 201);
    assert_eq!(wire.answer(false).await.body, "1");
    assert_eq!(wire.answer(false).await.status, 204);
    assert_eq!(wire.answer(false).await.body, "2");
    assert_eq!(wire.answer(true).await.header("content-length"), "1");
    assert_eq!(wire.answer(false).await.body, "2");
}

#[tokio::test]
async fn an_unread_body_is_never_the_next_request() {
    let site = Site::start().await;
    site.put("/kv?key=a", "v").await;
    let hidden = "DELETE /kv?key=a HTTP/1.1\r\nHost: x\r\n\r\n";
    for target in ["GET /kv?key=a", "DELETE /kv?key=none", "PUT /kv?key=", "POST /kv?key=a", "GET /none"] {
        let mut wire = site.wire().await;
        let length = hidden.len();
        wire.send(format!("{target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n")).await;
        wire.answer(false).await;
        // The server may have closed already; then there is nothing to send to.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut wire.stream, hidden.as_bytes()).await;
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut wire.stream).await;
        assert!(wire.is_closed().await, "{target}");
        assert!(site.memory.record(b"a").is_some(), "{target}");
    }
}

#[tokio::test]
async fn a_client_that_closes_its_side_still_gets_its_answer() {
    let mut site = Site::start().await;
    site.memory.hold_writes();
    let mut wire = site.wire().await;
    wire.send("PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nv").await;
    tokio::io::AsyncWriteExt::shutdown(&mut wire.stream).await.unwrap();
    site.arrivals.recv().await.unwrap();
    site.memory.let_through(1);
    assert_eq!(wire.answer(false).await.status, 201);
}
