//! Orders that are refused before the cluster is asked, each naming what is wrong.

use http::{HeaderValue, Method};

use crate::fake::{Fixture, request};

/// Sends it, and asserts that it was refused, says `says`, and reached nobody.
async fn refused(fixture: &Fixture, method: &str, target: &str, body: &str, status: u16, says: &str) {
    let answered = fixture.send(request(method.parse().unwrap(), target, body)).await;
    assert_eq!(answered.status, status, "{target} {body}: {}", answered.text);
    assert_eq!(answered.headers["content-type"], "application/problem+json", "{target} {body}");
    assert!(answered.text.contains(says), "{target} {body}: {}", answered.text);
    assert_eq!(fixture.asked(), [], "{target} {body}");
}

#[tokio::test]
async fn a_wrong_member_of_an_order_is_named() {
    let fixture = Fixture::new();
    let url = r#""url":"http://127.0.0.1:5004""#;
    for (body, says) in [
        (r#"{"weight":-1}"#.to_owned(), "`weight`: this must be a whole number from 0 to 256, not -1"),
        (r#"{"weight":257}"#.to_owned(), "not 257"),
        (r#"{"weight":1.5}"#.to_owned(), "not 1.5"),
        (r#"{"weight":"2"}"#.to_owned(), "`weight`"),
        (r#"{"weight":null}"#.to_owned(), "`weight`"),
        (format!(r#"{{{url},"name":"../x"}}"#), "`name`"),
        (format!(r#"{{{url},"name":"N1"}}"#), "`name`"),
        (format!(r#"{{{url},"name":""}}"#), "`name`"),
        (format!(r#"{{{url},"name":7}}"#), "`name`: this must be a string"),
        (r#"{"name":"n4"}"#.to_owned(), "`name`: this needs `url`"),
        (r#"{"erase":true}"#.to_owned(), "`erase`: this needs `url`"),
        (format!(r#"{{{url},"erase":"yes"}}"#), "`erase`"),
        (r#"{"url":"127.0.0.1:5004"}"#.to_owned(), "`url`"),
        (r#"{"url":"https://127.0.0.1:5004"}"#.to_owned(), "`url`"),
        (r#"{"url":"http://127.0.0.1:5004/kv"}"#.to_owned(), "`url`"),
        (r#"{"url":"file:///etc/passwd"}"#.to_owned(), "`url`"),
        (
            r#"{"wieght":1}"#.to_owned(),
            "`wieght`: this member is unknown; known are url, name, erase, weight",
        ),
        (r#"{"rate":0}"#.to_owned(), "`rate`"),
        (r#"{"rate":"fast"}"#.to_owned(), "`rate`"),
        (r#"{"paused":1}"#.to_owned(), "`paused`"),
    ] {
        refused(&fixture, "POST", "/add-server", &body, 400, says).await;
    }
    for (body, says) in [
        ("{}", "`weight`: this is missing"),
        ("", "`weight`: this is missing"),
        (r#"{"weight":257}"#, "`weight`"),
        (r#"{"weight":1,"name":"n2"}"#, "`name`: this member is unknown"),
    ] {
        refused(&fixture, "PATCH", "/admin/nodes/n2", body, 400, says).await;
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let fixture = Fixture::new();
    for body in [
        "{",
        "{\"name\":\"n2\"",
        "[]",
        "\"n2\"",
        "name=n2",
        "{\"name\":\"n2\"}{}",
        "{\"name\":\"n2\",\"name\":\"n3\"}",
    ] {
        refused(&fixture, "POST", "/remove-server", body, 400, "bad-json").await;
    }
    for body in ["name=n2", "[]"] {
        refused(&fixture, "POST", "/remove-server", body, 400, r#"such as {\"name\":\"n2\"}"#).await;
    }
}

#[tokio::test]
async fn a_body_of_another_type_is_refused_with_the_right_one() {
    let fixture = Fixture::new();
    let mut text = request(Method::POST, "/remove-server", r#"{"name":"n2"}"#);
    text.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
    let detail = fixture.send(text).await.problem(415, "not-json");
    assert!(detail.contains("Content-Type: application/json"), "{detail}");
    assert_eq!(fixture.asked(), []);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let fixture = Fixture::new();
    let body = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    refused(&fixture, "POST", "/remove-server", &body, 413, "body-too-large").await;
}

#[tokio::test]
async fn a_misspelt_parameter_does_not_do_the_real_thing() {
    let fixture = Fixture::new();
    for (target, says) in [
        ("/add-server?dryrun=true", "`dryrun` is unknown; known are wait, dry_run"),
        ("/add-server?dry_run=yes", "`dry_run`"),
        ("/add-server?wait=30", "`wait`"),
        ("/add-server?wait=2h", "`wait`: at most 1h"),
        ("/add-server?wait=1s&wait=1s", "`wait` stands twice"),
        ("/add-server?wait=%zz", "hexadecimal"),
        ("/remove-server?port=99999", "`port`"),
        ("/remove-server?name=../x", "`name`"),
    ] {
        refused(&fixture, "POST", target, "", 400, says).await;
    }
}

#[tokio::test]
async fn a_node_to_remove_must_be_named_exactly_once() {
    let fixture = Fixture::new();
    refused(&fixture, "POST", "/remove-server", "", 400, "say once which node").await;
    refused(&fixture, "POST", "/remove-server?name=n2&port=5002", "", 400, "say once").await;
    refused(&fixture, "POST", "/remove-server?name=n2", r#"{"name":"n2"}"#, 400, "say once").await;
    refused(&fixture, "PATCH", "/admin/nodes/..", r#"{"weight":1}"#, 404, "unknown-node").await;
}

#[tokio::test]
async fn another_method_is_told_the_right_one() {
    let fixture = Fixture::new();
    for (method, target, allowed) in [
        ("GET", "/add-server", "POST"),
        ("DELETE", "/remove-server", "POST"),
        ("PUT", "/admin/nodes/n1", "PATCH"),
        ("POST", "/admin/changes/1", "GET, HEAD, PATCH, DELETE"),
        ("POST", "/admin/ring", "GET, HEAD"),
        ("OPTIONS", "/admin/changes", "GET, HEAD"),
        ("GET", "/admin/verify", "POST"),
        ("POST", "/admin/live", "GET, HEAD"),
    ] {
        let answered = fixture.send(request(method.parse().unwrap(), target, "")).await;
        answered.problem(405, "method-not-allowed");
        assert_eq!(answered.headers["allow"], allowed, "{method} {target}");
    }
    assert_eq!(fixture.asked(), []);
}

#[tokio::test]
async fn an_unknown_path_is_404() {
    let fixture = Fixture::new();
    for target in
        ["/admin/", "/admin/nothing", "/add-server/", "/add-server/x", "/admin/changes/1/2", "/admin/nodes"]
    {
        fixture.get(target).await.problem(404, "unknown-path");
    }
}

#[tokio::test]
async fn only_probes_may_come_with_parameters_that_nobody_knows() {
    let fixture = Fixture::new();
    for path in [
        "/admin",
        "/admin/ring",
        "/admin/changes",
        "/admin/stats",
        "/admin/page/main.js",
        "/admin/stats.json",
        "/admin/metrics",
    ] {
        let detail = fixture.get(&format!("{path}?probe=1")).await.problem(400, "bad-query");
        assert!(detail.contains("`probe` is unknown"), "{path}: {detail}");
    }
    for path in ["/admin/live", "/admin/ready"] {
        assert_eq!(fixture.get(&format!("{path}?probe=1&probe=%zz")).await.status, 200, "{path}");
    }
}
