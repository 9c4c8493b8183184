//! The `key` parameter: decoded once, alike for every spelling, and refused where it is not one key.

use crate::site::{BOTH, Http, Site};

#[tokio::test]
async fn a_key_is_stored_as_the_bytes_that_its_spelling_stands_for() {
    let site = Site::start().await;
    let long = "k".repeat(1024);
    let long_escaped = "%6b".repeat(1024);
    for (spelling, key) in [
        ("a+b", &b"a b"[..]),
        ("a%20b", b"a b"),
        ("%61%20%62", b"a b"),
        ("a%2Bb", b"a+b"),
        ("a%26b%3dc", b"a&b=c"),
        ("a=b", b"a=b"),
        ("100%25", b"100%"),
        ("%00%ff", b"\0\xff"),
        ("caf%C3%A9", "caf\u{e9}".as_bytes()),
        ("..%2f..%2fetc", b"../../etc"),
        (&long, long.as_bytes()),
        (&long_escaped, long.as_bytes()),
    ] {
        for http in BOTH {
            site.ask(http, "PUT", &format!("/kv?key={spelling}"), &[], spelling.to_owned()).await;
            assert_eq!(site.memory.record(key).unwrap().value, spelling, "{spelling}");
        }
    }
}

#[tokio::test]
async fn the_key_may_stand_anywhere_and_its_name_may_be_escaped() {
    let site = Site::start().await;
    for target in ["/kv?a=1&key=k&b=2", "/kv?%6bey=k", "/kv?&&key=k&", "/kv?key=k&keys=x&KEY=y"] {
        site.put(target, "v").await;
        assert_eq!(site.memory.keys(), [b"k".to_vec()], "{target}");
    }
}

#[tokio::test]
async fn what_is_not_one_key_is_refused_with_the_reason() {
    let site = Site::start().await;
    let long = format!("key={}", "k".repeat(1025));
    for (query, slug) in [
        ("", "key-missing"),
        ("keys=a", "key-missing"),
        ("key=", "key-empty"),
        ("key", "key-empty"),
        ("key=a&key=a", "key-repeated"),
        ("key=a&%6Bey=b", "key-repeated"),
        ("key=%", "bad-escape"),
        ("key=%zz", "bad-escape"),
        ("key=a&x=%4", "bad-escape"),
        (&long, "key-too-long"),
    ] {
        for (http, method, path) in [
            (Http::One, "GET", "/kv"),
            (Http::Two, "PUT", "/kv"),
            (Http::One, "DELETE", "/kv"),
            (Http::Two, "GET", "/get"),
            (Http::One, "POST", "/put"),
            (Http::Two, "DELETE", "/del"),
        ] {
            let reply = site.ask(http, method, &format!("{path}?{query}"), &[], "{\"value\":\"v\"}").await;
            assert_eq!((reply.status, &*reply.problem()), (400, slug), "{method} {path}?{query}");
        }
    }
    assert_eq!(site.get(Http::One, "/kv").await.problem(), "key-missing");
    assert!(site.memory.keys().is_empty());
}

#[tokio::test]
async fn a_key_in_plain_utf8_is_the_same_key() {
    let site = Site::start().await;
    let mut wire = site.wire().await;
    wire.send("PUT /kv?key=caf\u{e9} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nv").await;
    assert_eq!(wire.answer(false).await.status, 201);
    assert_eq!(site.get(Http::One, "/kv?key=caf%C3%A9").await.body, "v");
}
