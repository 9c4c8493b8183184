//! `POST /add-server`, `POST /remove-server`, `PATCH /admin/nodes/NAME`.

use std::time::Duration;

use hashring::view::{Kind, Newcomer, Outcome};
use http::Method;
use keyway::control::{Accepted, AddServer, Adopt, Order, Refusal, RemoveServer, Reweight, Terms};
use kvnode::problem;

use crate::fake::{Asked, Fixture, change, finished, request};

const OWN: Order = Order::AddServer(AddServer { weight: 1, adopt: None });

fn remove(name: &str) -> Order {
    Order::RemoveServer(RemoveServer { name: name.parse().unwrap(), force: false })
}

#[tokio::test]
async fn an_empty_post_adds_a_node_of_our_own() {
    let fixture = Fixture::new();
    let answered = fixture.post("/add-server", "").await;
    assert_eq!(answered.status, 202);
    assert_eq!(answered.headers["location"], "/admin/changes/5");
    let json = answered.json();
    assert_eq!((json["id"].clone(), json["kind"].clone()), (5.into(), "add-server".into()));
    assert_eq!(json["state"], "queued");
    assert_eq!(json["requested_at"], "1970-01-01T00:00:01.000Z");
    assert_eq!(fixture.asked(), [Asked::Submit(OWN, Terms::default())]);
}

#[tokio::test]
async fn a_url_takes_in_a_node_that_runs() {
    let fixture = Fixture::new();
    let body =
        r#"{"name":"n9","url":"http://Node-9:5001/","weight":2,"erase":true,"rate":"10MiB","paused":true}"#;
    assert_eq!(fixture.post("/add-server", body).await.status, 202);
    let adopt =
        Adopt { url: "http://node-9:5001".to_owned(), name: Some("n9".parse().unwrap()), erase: true };
    let order = Order::AddServer(AddServer { weight: 2, adopt: Some(adopt) });
    let terms = Terms { idempotency: None, paused: true, rate: Some(10 << 20) };
    assert_eq!(fixture.asked(), [Asked::Submit(order, terms)]);
}

#[tokio::test]
async fn a_node_to_remove_is_named_in_the_body_in_the_query_or_by_its_port() {
    let fixture = Fixture::new();
    for (target, body) in [
        ("/remove-server", r#"{"name":"n2"}"#),
        ("/remove-server?name=n2", ""),
        ("/remove-server?port=5002", ""),
    ] {
        assert_eq!(fixture.post(target, body).await.status, 202, "{target}");
        assert_eq!(fixture.asked(), [Asked::Submit(remove("n2"), Terms::default())], "{target}");
    }
    let forced = Order::RemoveServer(RemoveServer { name: "n2".parse().unwrap(), force: true });
    fixture.post("/remove-server", r#"{"name":"n2","force":true}"#).await;
    assert_eq!(fixture.asked(), [Asked::Submit(forced, Terms::default())]);
}

#[tokio::test]
async fn a_port_that_fits_two_nodes_is_refused_and_one_that_fits_none_too() {
    let fixture = Fixture::new();
    fixture.decide(|view| {
        view.nodes.get_mut("n3").unwrap().url = "http://10.0.0.3:5002".to_owned();
    });
    let detail = fixture.post("/remove-server?port=5002", "").await.problem(409, "ambiguous-port");
    assert!(detail.contains("n2") && detail.contains("n3"), "{detail}");
    fixture.post("/remove-server?port=5009", "").await.problem(404, "unknown-node");
    assert_eq!(fixture.asked(), []);
}

#[tokio::test]
async fn a_node_that_is_still_arriving_is_found_by_its_port() {
    let fixture = Fixture::new();
    fixture.decide(|view| {
        let url = "http://127.0.0.1:5004".to_owned();
        let newcomer = Some(Newcomer { url, id: None, own: true, erase: false });
        view.queue.push_back(hashring::view::Change { newcomer, ..change(4, Kind::AddServer, "n4") });
    });
    fixture.post("/remove-server?port=5004", "").await;
    assert_eq!(fixture.asked(), [Asked::Submit(remove("n4"), Terms::default())]);
}

#[tokio::test]
async fn a_weight_is_a_change_too() {
    let fixture = Fixture::new();
    assert_eq!(fixture.patch("/admin/nodes/n2", r#"{"weight":0}"#).await.status, 202);
    let order = Order::Reweight(Reweight { name: "n2".parse().unwrap(), weight: 0 });
    assert_eq!(fixture.asked(), [Asked::Submit(order, Terms::default())]);
}

#[tokio::test]
async fn a_dry_run_asks_only_for_the_plan() {
    let fixture = Fixture::new();
    let answered = fixture.post("/add-server?dry_run=true", "").await;
    assert_eq!(answered.status, 200);
    let json = answered.json();
    assert_eq!(json["moves"], serde_json::json!([]));
    assert_eq!(json["shares"].as_array().unwrap().len(), 3);
    fixture.post("/remove-server?name=n2&dry_run=1", "").await;
    assert_eq!(fixture.asked(), [Asked::DryRun(OWN), Asked::DryRun(remove("n2"))]);
}

#[tokio::test]
async fn who_waits_gets_200_when_it_is_done() {
    let fixture = Fixture::new();
    fixture.decide(|view| view.finished.push_back(finished(4, Outcome::Done, None)));
    *fixture.cluster.accept.lock().unwrap() = Ok(Accepted::Same(4));
    let answered = fixture.post("/add-server?wait=30s", "").await;
    assert_eq!(answered.status, 200);
    let json = answered.json();
    assert_eq!(json["state"], "done");
    assert_eq!(json["keys"], serde_json::json!({"done": 10, "total": 10}));
    assert_eq!(json["longest_hold_us"], 850);
    assert_eq!(json["receipt"][0]["source"], json["receipt"][0]["target"]);
    assert_eq!(fixture.asked()[1], Asked::Wait(4, Duration::from_secs(30)));
}

#[tokio::test]
async fn who_waits_in_vain_gets_202_and_whoever_orders_what_has_failed_hears_why() {
    let fixture = Fixture::new();
    let answered = fixture.post("/add-server?wait=10ms", "").await;
    assert_eq!(answered.status, 202);
    assert_eq!(answered.headers["location"], "/admin/changes/5");

    for (outcome, slug) in [(Outcome::Failed, "change-failed"), (Outcome::Cancelled, "change-cancelled")] {
        fixture.decide(|view| view.finished = [finished(4, outcome, Some("n4 never came up"))].into());
        *fixture.cluster.accept.lock().unwrap() = Ok(Accepted::Same(4));
        for repeated in ["/add-server?wait=10ms", "/add-server"] {
            let answered = fixture.post(repeated, "").await;
            assert_eq!(answered.problem(409, slug), "n4 never came up", "{repeated}");
            assert_eq!(answered.json()["change"], 4);
        }
    }
}

#[tokio::test]
async fn what_is_so_already_is_200() {
    let fixture = Fixture::new();
    *fixture.cluster.accept.lock().unwrap() = Ok(Accepted::AlreadySo("n4 is a member".to_owned()));
    let answered = fixture.post("/add-server?wait=1s", r#"{"url":"http://127.0.0.1:5004"}"#).await;
    assert_eq!(answered.status, 200);
    assert_eq!(answered.json(), serde_json::json!({"changed": false, "detail": "n4 is a member"}));
}

#[tokio::test]
async fn a_refusal_is_passed_on_with_its_facts() {
    let fixture = Fixture::new();
    for (kind, status) in [
        (problem::Kind::MalformedOrder, 400),
        (problem::Kind::UnknownNode, 404),
        (problem::Kind::LastNode, 409),
        (problem::Kind::NoFreePort, 503),
        // Nobody knows whether it was taken, so it must not look as if it could be sent again.
        (problem::Kind::Stopping, 500),
    ] {
        let refusal = Refusal::new(kind, "add one first").with("records", 12);
        *fixture.cluster.accept.lock().unwrap() = Err(refusal);
        let answered = fixture.post("/remove-server?name=n2", "").await;
        assert_eq!(answered.problem(status, kind.slug()), "add one first");
        assert_eq!(answered.json()["records"], 12);
        assert_eq!(answered.headers.contains_key("retry-after"), status == 503);
    }
}

#[tokio::test]
async fn the_idempotency_key_is_passed_on() {
    let fixture = Fixture::new();
    let mut keyed = request(Method::POST, "/add-server", "");
    keyed.headers_mut().insert("idempotency-key", "try 1".parse().unwrap());
    fixture.send(keyed).await;
    let terms = Terms { idempotency: Some("try 1".to_owned()), ..Terms::default() };
    assert_eq!(fixture.asked(), [Asked::Submit(OWN, terms)]);

    for bad in ["", &"x".repeat(256), "\u{e9}"] {
        let mut keyed = request(Method::POST, "/add-server", "");
        let value = http::HeaderValue::from_bytes(bad.as_bytes()).unwrap();
        keyed.headers_mut().insert("idempotency-key", value);
        fixture.send(keyed).await.problem(400, "bad-idempotency-key");
    }
    assert_eq!(fixture.asked(), []);
}
