//! `/put`, `/get`, `/del`: the JSON form of the same records.

use serde_json::json;

use crate::site::{BOTH, Http, Site};

#[tokio::test]
async fn text_goes_in_and_comes_out() {
    let site = Site::start().await;
    for http in BOTH {
        let target = |verb: &str| format!("/{verb}?key={http:?}");
        let body = r#"{"value":"caf\u00e9 \"q\" \n \ud83d\ude00"}"#;
        let reply =
            site.ask(http, "POST", &target("put"), &[("content-type", "application/json")], body).await;
        assert_eq!((reply.status, reply.json()), (200, json!({"status": "success"})));
        assert_eq!(reply.header("content-type"), "application/json");
        let reply = site.get(http, &target("get")).await;
        let value = "caf\u{e9} \"q\" \n \u{1f600}";
        assert_eq!((reply.status, reply.json()), (200, json!({"status": "success", "value": value})));
        assert!(reply.has("etag") && reply.has("last-modified"));
        let reply = site.ask(http, "DELETE", &target("del"), &[], "").await;
        assert_eq!((reply.status, reply.json()), (200, json!({"status": "success"})));
        for (method, verb) in [("GET", "get"), ("DELETE", "del")] {
            let reply = site.ask(http, method, &target(verb), &[], "").await;
            assert_eq!((reply.status, &*reply.problem()), (404, "no-such-key"));
        }
    }
}

#[tokio::test]
async fn both_forms_share_their_records() {
    let site = Site::start().await;
    site.ask(Http::One, "POST", "/put?key=a", &[], "{\"value\":\"text\"}").await;
    let reply = site.get(Http::One, "/kv?key=a").await;
    assert_eq!((reply.header("content-type"), &*reply.body), ("text/plain; charset=utf-8", &b"text"[..]));
    let json_tag = site.get(Http::One, "/get?key=a").await.header("etag").to_owned();
    assert_eq!(json_tag, reply.header("etag"));
    site.put("/kv?key=a", "other").await;
    assert_eq!(site.get(Http::One, "/get?key=a").await.json()["value"], "other");
}

#[tokio::test]
async fn bytes_that_are_no_text_are_not_acceptable_as_json() {
    let site = Site::start().await;
    site.ask(Http::One, "PUT", "/kv?key=a", &[], &b"\xff\xfe"[..]).await;
    let reply = site.get(Http::One, "/get?key=a").await;
    assert_eq!((reply.status, &*reply.problem()), (406, "not-text"));
}

#[tokio::test]
async fn a_body_that_is_not_the_form_is_refused_with_the_reason() {
    let site = Site::start().await;
    for (body, reason) in [
        ("", "no JSON object"),
        ("value", "no JSON object"),
        ("[\"v\"]", "no JSON object"),
        ("{\"value\":\"v\"", "EOF while parsing"),
        ("{\"value\":\"v\"} x", "trailing characters"),
        ("{}", "missing field `value`"),
        ("{\"value\":5}", "invalid type: integer `5`, expected a string"),
        ("{\"value\":null}", "invalid type: null"),
        ("{\"value\":{\"a\":1}}", "invalid type: map"),
        ("{\"value\":\"a\",\"value\":\"b\"}", "duplicate field `value`"),
        ("{\"value\":\"\\ud800\"}", "hex escape"),
    ] {
        let reply = site.ask(Http::One, "POST", "/put?key=a", &[], body).await;
        assert_eq!((reply.status, &*reply.problem()), (400, "bad-json"), "{body}");
        let detail = reply.json()["detail"].to_string().replace("\\\"", "\"");
        assert!(detail.contains(reason), "{body}: {detail}");
    }
    assert!(site.memory.keys().is_empty());
}
