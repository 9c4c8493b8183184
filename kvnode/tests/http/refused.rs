//! What the node refuses, as a status; and values that are passed on to their new owner.

use kvnode::http::Settings;
use kvnode::node::{Refused, Route};
use kvnode::serve::Limits;
use kvnode::version::Exhausted;

use crate::site::{BOTH, Http, Site};

#[tokio::test]
async fn each_refusal_has_its_status() {
    let site = Site::start().await;
    for (refused, status, slug) in [
        (Refused::NotOwner { epoch: 9, owner_url: Some("http://127.0.0.1:1".into()) }, 421, "not-owner"),
        (Refused::NotYet("why"), 503, "not-yet"),
        (Refused::Overloaded, 503, "overloaded"),
        (Refused::Stopped, 503, "stopped"),
        (Refused::NoVersions(Exhausted { grant: 3 }), 503, "no-versions"),
        (Refused::OutcomeUnknown("why"), 500, "outcome-unknown"),
        (Refused::DiskFull, 507, "disk-full"),
        (Refused::Damaged("bad sum".into()), 500, "damaged-record"),
    ] {
        site.memory.refuse(refused);
        for http in BOTH {
            for (method, target) in [("GET", "/kv?key=a"), ("PUT", "/kv?key=a"), ("DELETE", "/del?key=a")] {
                let reply = site.ask(http, method, target, &[], "").await;
                assert_eq!((reply.status, &*reply.problem()), (status, slug), "{method} {target}");
                assert_eq!(reply.has("retry-after"), status == 503);
                let epoch = if status == 421 { "9" } else { "7" };
                assert_eq!(reply.header("keyway-epoch"), epoch);
            }
        }
    }
}

#[tokio::test]
async fn the_route_reaches_the_node() {
    let site = Site::start().await;
    let headers = [("keyway-epoch", "12"), ("keyway-to", "c/i/b")];
    site.ask(Http::Two, "PUT", "/kv?key=a", &headers, "v").await;
    site.ask(Http::One, "GET", "/kv?key=a", &[("keyway-epoch", "x")], "").await;
    assert_eq!(
        site.memory.routes(),
        [Route { epoch: Some(12), to: Some("c/i/b".into()), unkept: false }, Route::default()]
    );
}

/// A node that lost the key to another.
async fn two_nodes() -> (Site, Site) {
    let old = Site::start().await;
    let new = Site::with("n2", Settings::default(), Limits::default()).await;
    old.memory.refuse(Refused::NotOwner { epoch: 9, owner_url: Some(new.url()) });
    (old, new)
}

#[tokio::test]
async fn a_value_that_cannot_be_sent_again_is_passed_on_to_the_new_owner() {
    let (old, new) = two_nodes().await;
    for http in BOTH {
        let key = format!("a+{http:?}");
        let headers = [
            ("keyway-replay", "no"),
            ("keyway-to", "c/i/b"),
            ("keyway-epoch", "8"),
            ("content-type", "a/b"),
            ("if-none-match", "*"),
        ];
        let value = "v".repeat(3 << 20);
        let reply = old.ask(http, "PUT", &format!("/kv?key={key}"), &headers, value.clone()).await;
        assert_eq!((reply.status, reply.header("keyway-node")), (201, "n2"));
        assert_eq!(reply.headers.get_all("keyway-node").iter().count(), 1);
        let record = new.memory.record(format!("a {http:?}").as_bytes()).unwrap();
        assert_eq!(record.value, value);
        assert_eq!(record.content_type.unwrap(), "a/b");
        assert_eq!(reply.header("etag"), format!("\"{}\"", record.version));
        // The condition travelled too.
        let again = old.ask(http, "PUT", &format!("/kv?key={key}"), &headers, value).await;
        assert_eq!(again.problem(), "precondition-failed");
    }
    // It was asked by the epoch that the old owner knew, and not in the name of the old owner.
    assert_eq!(new.memory.routes()[0], Route { epoch: Some(9), to: None, unkept: true });
}

#[tokio::test]
async fn the_json_form_is_passed_on_as_it_came() {
    let (old, new) = two_nodes().await;
    let body = "{\"value\":\"text\"}";
    let reply = old.ask(Http::Two, "POST", "/put?key=a", &[("keyway-replay", "no")], body).await;
    assert_eq!((reply.status, reply.json()["status"].as_str()), (200, Some("success")));
    assert_eq!(new.memory.record(b"a").unwrap().value, "text");
}

#[tokio::test]
async fn nothing_is_passed_on_twice() {
    let (old, new) = two_nodes().await;
    new.memory.refuse(Refused::NotOwner { epoch: 10, owner_url: Some(old.url()) });
    let reply = old.ask(Http::Two, "PUT", "/kv?key=a", &[("keyway-replay", "no")], "v").await;
    assert_eq!((reply.status, &*reply.problem()), (503, "ring-changing"));
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(old.memory.routes().len() + new.memory.routes().len(), 2);
}

#[tokio::test]
async fn a_new_owner_that_is_down_is_told_as_such() {
    let (old, mut new) = two_nodes().await;
    new.stop();
    tokio::time::timeout(crate::site::PATIENCE, &mut new.done).await.unwrap().unwrap().unwrap();
    let reply = old.ask(Http::One, "PUT", "/kv?key=a", &[("keyway-replay", "no")], "v").await;
    assert_eq!((reply.status, &*reply.problem()), (503, "owner-down"));
}

#[tokio::test]
async fn a_new_owner_that_goes_silent_leaves_the_outcome_unknown() {
    let settings = Settings { relay_deadline: std::time::Duration::from_millis(100), ..Settings::default() };
    let old = Site::with("n1", settings, Limits::default()).await;
    let new = Site::start().await;
    new.memory.hold_writes();
    old.memory.refuse(Refused::NotOwner { epoch: 9, owner_url: Some(new.url()) });
    let reply = old.ask(Http::One, "PUT", "/kv?key=a", &[("keyway-replay", "no")], "v").await;
    assert_eq!((reply.status, &*reply.problem()), (504, "no-answer"));
}
