//! Conditional requests, each over both HTTP versions.

use crate::site::{BOTH, Http, Site};

const BEFORE: &str = "Tue, 15 Nov 1994 12:45:25 GMT";
const SAME: &str = "Tue, 15 Nov 1994 12:45:26 GMT";

#[tokio::test]
async fn a_read_answers_304_to_who_has_the_value_already() {
    let site = Site::start().await;
    let tag = site.put("/kv?key=a", "v").await.header("etag").to_owned();
    let (weak, list) = (format!("W/{tag}"), format!("\"x\", {tag}"));
    for http in BOTH {
        for (name, value, status) in [
            ("if-none-match", &*tag, 304),
            ("if-none-match", &weak, 304),
            ("if-none-match", &list, 304),
            ("if-none-match", "*", 304),
            ("if-none-match", "\"x\"", 200),
            ("if-modified-since", SAME, 304),
            ("if-modified-since", BEFORE, 200),
            ("if-modified-since", "soon", 200),
            ("if-match", &tag, 200),
            ("if-match", "*", 200),
            ("if-match", "\"x\"", 412),
            ("if-match", &weak, 412),
            ("if-unmodified-since", SAME, 200),
            ("if-unmodified-since", BEFORE, 412),
        ] {
            for (method, path) in [("GET", "/kv"), ("HEAD", "/kv"), ("GET", "/get")] {
                let target = format!("{path}?key=a");
                let reply = site.ask(http, method, &target, &[(name, value)], "").await;
                assert_eq!(reply.status, status, "{method} {path} {name}: {value}");
                if status == 304 {
                    assert!(
                        reply.body.is_empty() && !reply.has("content-type") && !reply.has("content-length")
                    );
                    assert_eq!(reply.header("etag"), tag);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_failed_condition_is_told_before_absence() {
    let site = Site::start().await;
    for (method, target) in
        [("GET", "/kv?key=a"), ("PUT", "/kv?key=a"), ("DELETE", "/kv?key=a"), ("GET", "/get?key=a")]
    {
        let reply = site.ask(Http::One, method, target, &[("if-match", "*")], "").await;
        assert_eq!((reply.status, &*reply.problem()), (412, "precondition-failed"), "{method} {target}");
    }
    let reply = site.ask(Http::One, "GET", "/kv?key=a", &[("if-none-match", "*")], "").await;
    assert_eq!(reply.status, 404);
    assert!(site.memory.keys().is_empty());
}

#[tokio::test]
async fn writes_happen_only_where_their_condition_holds() {
    let site = Site::start().await;
    for http in BOTH {
        let key = format!("{http:?}");
        let target = format!("/kv?key={key}");
        let create = [("if-none-match", "*")];
        assert_eq!(site.ask(http, "PUT", &target, &create, "1").await.status, 201);
        assert_eq!(site.ask(http, "PUT", &target, &create, "2").await.problem(), "precondition-failed");
        let tag = site.get(http, &target).await.header("etag").to_owned();
        assert_eq!(site.ask(http, "PUT", &target, &[("if-match", &tag)], "3").await.status, 204);
        assert_eq!(site.ask(http, "PUT", &target, &[("if-match", &tag)], "4").await.status, 412);
        assert_eq!(site.ask(http, "DELETE", &target, &[("if-match", &tag)], "").await.status, 412);
        assert_eq!(site.get(http, &target).await.body, "3");
        let dated = [("if-unmodified-since", BEFORE)];
        assert_eq!(site.ask(http, "DELETE", &target, &dated, "").await.status, 412);
        assert_eq!(site.ask(http, "DELETE", &target, &[("if-unmodified-since", SAME)], "").await.status, 204);
        let json = format!("/put?key={key}");
        let value = "{\"value\":\"5\"}";
        assert_eq!(site.ask(http, "POST", &json, &[("if-match", "*")], value).await.status, 412);
        assert_eq!(site.ask(http, "POST", &json, &create, value).await.status, 200);
        assert_eq!(site.ask(http, "POST", &json, &create, value).await.status, 412);
    }
}

#[tokio::test]
async fn several_lines_are_one_list() {
    let site = Site::start().await;
    let tag = site.put("/kv?key=a", "v").await.header("etag").to_owned();
    let lines = [("if-match", "\"x\""), ("if-match", &*tag)];
    assert_eq!(site.ask(Http::One, "PUT", "/kv?key=a", &lines, "w").await.status, 204);
}

#[tokio::test]
async fn a_condition_that_cannot_be_read_is_never_ignored() {
    let site = Site::start().await;
    site.put("/kv?key=a", "v").await;
    for field in ["if-match", "if-none-match"] {
        for method in ["PUT", "DELETE", "GET"] {
            let reply = site.ask(Http::One, method, "/kv?key=a", &[(field, "abc")], "w").await;
            assert_eq!((reply.status, &*reply.problem()), (400, "bad-condition"));
        }
    }
    assert_eq!(site.get(Http::One, "/kv?key=a").await.body, "v");
}

#[tokio::test]
async fn if_range_guards_against_mixing_two_values() {
    let site = Site::start().await;
    let tag = site.put("/kv?key=a", "0123456789").await.header("etag").to_owned();
    let weak = format!("W/{tag}");
    for http in BOTH {
        for (condition, status) in [(&*tag, 206), ("\"x\"", 200), (&weak, 200), (SAME, 200), (BEFORE, 200)] {
            let headers = [("range", "bytes=0-1"), ("if-range", condition)];
            assert_eq!(site.ask(http, "GET", "/kv?key=a", &headers, "").await.status, status, "{condition}");
        }
    }
    let headers = [("range", "bytes=99-"), ("if-range", "\"x\"")];
    assert_eq!(site.ask(Http::One, "GET", "/kv?key=a", &headers, "").await.status, 200);
}

#[tokio::test]
async fn not_modified_comes_before_the_range() {
    let site = Site::start().await;
    let tag = site.put("/kv?key=a", "0123456789").await.header("etag").to_owned();
    let headers = [("range", "bytes=99-"), ("if-none-match", &*tag)];
    assert_eq!(site.ask(Http::One, "GET", "/kv?key=a", &headers, "").await.status, 304);
}
