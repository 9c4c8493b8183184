//! `/kv`: values go in and come out as they are.

use crate::site::{BOTH, Http, Site};

#[tokio::test]
async fn a_value_comes_back_byte_for_byte_with_its_type() {
    let site = Site::start().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for http in BOTH {
        let headers = [("content-type", "image/png"), ("content-encoding", "gzip")];
        site.ask(http, "PUT", "/kv?key=a", &headers, bytes.clone()).await;
        let reply = site.get(http, "/kv?key=a").await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body, bytes);
        assert_eq!(reply.header("content-type"), "image/png");
        assert_eq!(reply.header("content-encoding"), "gzip");
        assert_eq!(reply.header("content-length"), "100000");
    }
}

#[tokio::test]
async fn a_value_without_a_type_is_bytes() {
    let site = Site::start().await;
    site.put("/kv?key=a", "x").await;
    let reply = site.get(Http::One, "/kv?key=a").await;
    assert_eq!(reply.header("content-type"), "application/octet-stream");
    assert!(!reply.has("content-encoding"));
}

#[tokio::test]
async fn an_empty_value_is_a_value() {
    let site = Site::start().await;
    for http in BOTH {
        assert_eq!(site.ask(http, "PUT", &format!("/kv?key={http:?}"), &[], "").await.status, 201);
        let reply = site.get(http, &format!("/kv?key={http:?}")).await;
        assert_eq!((reply.status, reply.header("content-length")), (200, "0"));
    }
}

#[tokio::test]
async fn the_first_put_creates_and_the_next_replaces() {
    let site = Site::start().await;
    for http in BOTH {
        let target = format!("/kv?key={http:?}");
        let created = site.ask(http, "PUT", &target, &[], "1").await;
        let replaced = site.ask(http, "PUT", &target, &[], "2").await;
        assert_eq!((created.status, replaced.status), (201, 204));
        assert_ne!(created.header("etag"), replaced.header("etag"));
        assert_eq!(site.get(http, &target).await.header("etag"), replaced.header("etag"));
    }
}

#[tokio::test]
async fn delete_tells_whether_there_was_something() {
    let site = Site::start().await;
    for http in BOTH {
        site.put("/kv?key=a", "1").await;
        assert_eq!(site.ask(http, "DELETE", "/kv?key=a", &[], "").await.status, 204);
        let again = site.ask(http, "DELETE", "/kv?key=a", &[], "").await;
        assert_eq!((again.status, &*again.problem()), (404, "no-such-key"));
        assert_eq!(site.get(http, "/kv?key=a").await.problem(), "no-such-key");
    }
}

#[tokio::test]
async fn every_answer_tells_caches_to_ask_again() {
    let site = Site::start().await;
    site.put("/kv?key=a", "1").await;
    let tag = site.get(Http::One, "/kv?key=a").await.header("etag").to_owned();
    for (method, target, condition) in [
        ("GET", "/kv?key=a", ""),
        ("HEAD", "/kv?key=a", ""),
        ("GET", "/kv?key=a", &*tag),
        ("GET", "/kv?key=none", ""),
        ("HEAD", "/kv?key=none", ""),
        ("GET", "/get?key=a", ""),
        ("GET", "/get?key=none", ""),
        ("PUT", "/kv?key=a", ""),
    ] {
        let headers = [("if-none-match", condition)];
        let headers = if condition.is_empty() { &[][..] } else { &headers };
        let reply = site.ask(Http::One, method, target, headers, "").await;
        assert_eq!(reply.header("cache-control"), "no-cache", "{method} {target} {condition}");
    }
}

#[tokio::test]
async fn every_answer_names_the_node_and_disarms_stored_pages() {
    let site = Site::start().await;
    let headers = [("content-type", "text/html")];
    let page = "<script>fetch('/remove-server', {method: 'POST'})</script>";
    site.ask(Http::One, "PUT", "/kv?key=page", &headers, page).await;
    for http in BOTH {
        for target in ["/kv?key=page", "/kv?key=none", "/kv", "/get?key=page", "/elsewhere", "/"] {
            let reply = site.get(http, target).await;
            assert_eq!(reply.header("x-content-type-options"), "nosniff");
            assert_eq!(reply.header("content-security-policy"), "default-src 'none'; sandbox");
            assert_eq!((reply.header("keyway-node"), reply.header("keyway-epoch")), ("n1", "7"));
            assert!(httpdate::parse_http_date(reply.header("date")).is_ok());
        }
    }
    assert_eq!(site.get(Http::One, "/kv?key=page").await.header("content-type"), "text/html");
}

#[tokio::test]
async fn head_answers_like_get_without_the_body() {
    let site = Site::start().await;
    site.put("/kv?key=a", "twelve bytes").await;
    for http in BOTH {
        for target in ["/kv?key=a", "/kv?key=none", "/get?key=a", "/nowhere", "/"] {
            let (mut got, mut head) =
                (site.get(http, target).await, site.ask(http, "HEAD", target, &[], "").await);
            assert!(head.body.is_empty());
            got.headers.remove("date");
            head.headers.remove("date");
            assert_eq!((head.status, &head.headers), (got.status, &got.headers), "{http:?} {target}");
            assert_eq!(head.header("content-length"), got.body.len().to_string());
        }
    }
}

#[tokio::test]
async fn a_single_range_is_answered_in_part() {
    let site = Site::start().await;
    site.put("/kv?key=a", "0123456789").await;
    for http in BOTH {
        for (range, status, body, content_range) in [
            ("bytes=2-4", 206, "234", "bytes 2-4/10"),
            ("bytes=7-", 206, "789", "bytes 7-9/10"),
            ("bytes=-2", 206, "89", "bytes 8-9/10"),
            ("bytes=0-99", 206, "0123456789", "bytes 0-9/10"),
            ("bytes=0-1,4-5", 200, "0123456789", ""),
            ("bytes=4-2", 200, "0123456789", ""),
            ("lines=1-2", 200, "0123456789", ""),
        ] {
            let reply = site.ask(http, "GET", "/kv?key=a", &[("range", range)], "").await;
            assert_eq!((reply.status, &*reply.body), (status, body.as_bytes()), "{range}");
            assert_eq!(
                reply.headers.get("content-range").map_or("", |it| it.to_str().unwrap()),
                content_range
            );
            assert_eq!(reply.header("accept-ranges"), "bytes");
            assert!(reply.has("etag") && reply.has("last-modified"));
        }
    }
}

#[tokio::test]
async fn a_range_beyond_the_value_is_refused_with_its_length() {
    let site = Site::start().await;
    site.put("/kv?key=a", "0123456789").await;
    site.put("/kv?key=empty", "").await;
    for (target, length) in [("/kv?key=a", 10), ("/kv?key=empty", 0)] {
        let reply = site.ask(Http::One, "GET", target, &[("range", "bytes=10-")], "").await;
        assert_eq!((reply.status, &*reply.problem()), (416, "no-such-range"));
        assert_eq!(reply.header("content-range"), format!("bytes */{length}"));
    }
}

#[tokio::test]
async fn a_range_is_for_get_alone() {
    let site = Site::start().await;
    site.put("/kv?key=a", "0123456789").await;
    let reply = site.ask(Http::One, "HEAD", "/kv?key=a", &[("range", "bytes=2-4")], "").await;
    assert_eq!((reply.status, reply.header("content-length")), (200, "10"));
}

#[tokio::test]
async fn a_put_of_a_part_is_refused() {
    let site = Site::start().await;
    site.put("/kv?key=a", "0123456789").await;
    let headers = [("content-range", "bytes 0-1/10")];
    let reply = site.ask(Http::One, "PUT", "/kv?key=a", &headers, "xx").await;
    assert_eq!((reply.status, &*reply.problem()), (400, "partial-put"));
    assert_eq!(site.get(Http::One, "/kv?key=a").await.body, "0123456789");
}

#[tokio::test]
async fn a_type_that_cannot_be_kept_is_refused() {
    let site = Site::start().await;
    let long = "x/".repeat(600);
    for headers in [&[("content-type", "a/b"), ("content-type", "c/d")][..], &[("content-type", &*long)]] {
        let reply = site.ask(Http::One, "PUT", "/kv?key=a", headers, "xx").await;
        assert_eq!((reply.status, &*reply.problem()), (400, "bad-field"));
    }
    assert!(site.memory.keys().is_empty());
}

#[tokio::test]
async fn options_and_wrong_methods_tell_what_is_allowed() {
    let site = Site::start().await;
    for (target, allow) in [
        ("/kv?key=a", "GET, HEAD, PUT, DELETE, OPTIONS"),
        ("/get?key=a", "GET, HEAD, OPTIONS"),
        ("/put?key=a", "POST, OPTIONS"),
        ("/del?key=a", "DELETE, OPTIONS"),
        ("/inner/v1/beat", "POST, OPTIONS"),
    ] {
        for http in BOTH {
            let reply = site.ask(http, "OPTIONS", target, &[], "").await;
            assert_eq!((reply.status, reply.header("allow")), (204, allow));
            let reply = site.ask(http, "BREW", target, &[], "").await;
            assert_eq!(
                (reply.status, &*reply.problem(), reply.header("allow")),
                (405, "method-not-allowed", allow)
            );
        }
    }
    assert_eq!(site.ask(Http::One, "OPTIONS", "*", &[], "").await.status, 204);
}

#[tokio::test]
async fn an_unknown_path_is_not_found_whatever_the_method() {
    let site = Site::start().await;
    for method in ["GET", "PUT", "OPTIONS", "BREW"] {
        for target in ["/kv/?key=a", "/KV?key=a", "/%6bv?key=a", "/inner/v1/other", "/admin/ring"] {
            let reply = site.ask(Http::One, method, target, &[], "").await;
            assert_eq!((reply.status, &*reply.problem()), (404, "unknown-path"), "{method} {target}");
        }
    }
}

#[tokio::test]
async fn the_root_explains_the_node_with_lines_to_copy() {
    let site = Site::start().await;
    let reply = site.get(Http::Two, "/").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/plain; charset=utf-8"));
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert!(text.contains(&format!("curl -i '{}/kv?key=", site.url())), "{text}");
}
