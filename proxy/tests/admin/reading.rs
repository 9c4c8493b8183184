//! What the admin plane tells: the ring, where a key is, whether all is well.

use std::collections::BTreeMap;
use std::time::Duration;

use hashring::view::Tally;
use hashring::{Id, Position};
use http::{Method, StatusCode};
use keyway::control::{Hello, Joined, Leaving, NodeState};
use keyway::metrics::MethodKind;
use kvnode::protocol::Census;
use serde_json::Value;

use crate::fake::{Asked, Fixture, SECRET, request};

#[tokio::test]
async fn the_ring_shows_every_node_with_its_share() {
    let fixture = Fixture::new();
    let json = fixture.get("/admin/ring").await.json();
    assert_eq!((json["epoch"].clone(), json["points"].clone()), (7.into(), 64.into()));
    assert_eq!(json["digest"], fixture.bridge.current().ring.digest(1).to_string());
    let nodes = json["nodes"].as_array().unwrap();
    let total: f64 = nodes.iter().map(|node| node["share"].as_f64().unwrap()).sum();
    assert!((total - 1.0).abs() < 1e-9, "{total}");
    assert_eq!(nodes[1]["name"], "n2");
    assert_eq!(nodes[1]["id"], Id(2).to_string());
    assert_eq!(nodes[1]["url"], "http://127.0.0.1:5002");
    assert_eq!((nodes[1]["weight"].clone(), nodes[1]["state"].clone()), (1.into(), "up".into()));
}

#[tokio::test]
async fn a_key_is_located_by_its_decoded_bytes() {
    let fixture = Fixture::new();
    let position = Position::of(b"a b");
    let owner = fixture.bridge.current().ring.owner(position).unwrap().to_string();
    for target in ["/admin/locate?key=a+b", "/admin/locate?key=%61%20b"] {
        let json = fixture.get(target).await.json();
        assert_eq!(json["position"], position.to_string());
        assert_eq!(json["owner"], owner);
        assert_eq!(json["replicas"], serde_json::json!([owner]));
    }
}

#[tokio::test]
async fn a_key_is_located_on_rings_that_might_be() {
    let fixture = Fixture::new();
    for key in 0..50 {
        let owner = fixture.get(&format!("/admin/locate?key=k{key}")).await.json()["owner"].clone();
        let name = owner.as_str().unwrap();
        let without = fixture.get(&format!("/admin/locate?key=k{key}&without={name}")).await.json();
        assert_ne!(without["owner"], owner);
        let with = fixture.get(&format!("/admin/locate?with=n9&key=k{key}")).await.json();
        assert!(with["owner"] == owner || with["owner"] == "n9");
    }
    for bad in [
        "",
        "key=",
        "key=a&key=b",
        "key=%",
        "key=a&with=n1",
        "key=a&without=n9",
        "key=a&with=n9&without=n1",
        "key=a&x",
    ] {
        fixture.get(&format!("/admin/locate?{bad}")).await.problem(400, "bad-query");
    }
}

#[tokio::test]
async fn verify_is_200_only_when_every_key_is_where_it_belongs() {
    let fixture = Fixture::new();
    let owned = Tally { records: 10, bytes: 100, digest: Id(3) };
    let good = Census { epoch: 7, owned, cleaning: owned, arriving: owned, ..Census::default() };
    let answer_with = |name: &str, census: Result<Census, String>| {
        fixture.cluster.verification.lock().unwrap().nodes.insert(name.parse().unwrap(), census);
    };
    answer_with("n1", Ok(good.clone()));
    answer_with("n2", Ok(good.clone()));
    let answered = fixture.post("/admin/verify", "").await;
    assert_eq!(answered.status, 200);
    let json = answered.json();
    assert_eq!(
        (json["ok"].clone(), json["keys"].clone(), json["bytes"].clone()),
        (true.into(), 20.into(), 200.into())
    );
    assert_eq!(json["nodes"][0]["cleaning"]["records"], 10, "listed apart, and no fault");

    let foreign = Census { foreign: owned, examples: vec!["a%20b".to_owned()], ..good.clone() };
    for (census, says) in [
        (Ok(foreign), "n2 holds 10 records that belong elsewhere, such as a%20b"),
        (Ok(Census { damaged: 1, ..good }), "n2 holds 1 damaged records"),
        (Err("connection refused".to_owned()), "n2 could not be asked: connection refused"),
    ] {
        answer_with("n2", census);
        let answered = fixture.post("/admin/verify", "").await;
        assert_eq!(answered.status, 409);
        assert_eq!(answered.json()["problems"][0], says);
    }
}

#[tokio::test]
async fn ready_means_that_all_of_the_ring_can_be_served() {
    let fixture = Fixture::new();
    assert_eq!(fixture.get("/admin/ready").await.status, 200);
    let set = |state| {
        fixture.cluster.progress.lock().unwrap().nodes.get_mut("n2").unwrap().state = state;
    };
    for state in [NodeState::Down, NodeState::Joining, NodeState::CrashLooping] {
        set(state);
        let answered = fixture.get("/admin/ready").await;
        assert_eq!(answered.status, 503);
        assert_eq!(answered.headers["retry-after"], "1");
        assert!(answered.text.contains("n2"), "{}", answered.text);
    }
    fixture.decide(|view| view.nodes.get_mut("n2").unwrap().weight = 0);
    assert_eq!(fixture.get("/admin/ready").await.status, 200, "n2 owns nothing");
    fixture.decide(|view| view.nodes.clear());
    assert_eq!(fixture.get("/admin/ready").await.status, 503);
    assert_eq!(fixture.get("/admin/live").await.status, 200);
}

#[tokio::test]
async fn a_node_joins_with_the_secret_of_the_cluster() {
    let fixture = Fixture::new();
    let body = r#"{"name":"n9","url":"http://10.0.0.9:5001","id":"000000000000000000000000000000aa"}"#;
    let join = |secret: &str| {
        let mut join = request(Method::POST, "/admin/join", body);
        join.headers_mut().insert("keyway-secret", secret.parse().unwrap());
        join
    };
    // From another machine: the secret counts, not where it comes from.
    let answered = fixture.send_from("10.0.0.9:40000", join(SECRET)).await;
    assert_eq!((answered.status.as_u16(), answered.json()["change"].clone()), (202, 5.into()));
    let hello = Hello { name: "n9".parse().unwrap(), url: "http://10.0.0.9:5001".to_owned(), id: Id(0xaa) };
    assert_eq!(fixture.asked(), [Asked::Join(hello)]);

    *fixture.cluster.joined.lock().unwrap() = Joined::Member;
    let answered = fixture.send(join(SECRET)).await;
    assert_eq!((answered.status.as_u16(), answered.json()["member"].clone()), (200, true.into()));
    fixture.asked();

    fixture.send(join("secret-of-another")).await.problem(403, "wrong-secret");
    fixture.post("/admin/join", body).await.problem(403, "wrong-secret");
    let mut lacking = request(Method::POST, "/admin/join", r#"{"name":"n9"}"#);
    lacking.headers_mut().insert("keyway-secret", SECRET.parse().unwrap());
    let detail = fixture.send(lacking).await.problem(400, "invalid-fields");
    assert!(detail.contains("`url`: this is missing") && detail.contains("`id`"), "{detail}");
    assert_eq!(fixture.asked(), []);
}

#[tokio::test]
async fn a_node_leaves_with_the_secret_of_the_cluster() {
    let fixture = Fixture::new();
    let member = fixture.bridge.current().view.nodes["n2"].clone();
    let body = |id: Id| format!(r#"{{"name":"n2","url":"{}","id":"{id}"}}"#, member.url);
    let leave = |secret: &str, body: &str| {
        let mut leave = request(Method::POST, "/admin/leave", body);
        leave.headers_mut().insert("keyway-secret", secret.parse().unwrap());
        leave
    };
    let mine = body(member.id.unwrap());
    fixture.send(leave("secret-of-another", &mine)).await.problem(403, "wrong-secret");
    assert_eq!(fixture.asked(), []);
    let answered = fixture.send_from("10.0.0.9:40000", leave(SECRET, &mine)).await;
    assert_eq!((answered.status.as_u16(), answered.json()["change"].clone()), (202, 5.into()));
    assert_eq!(answered.headers["location"], "/admin/changes/5");
    let (name, id) = ("n2".parse().unwrap(), member.id.unwrap());
    assert_eq!(fixture.asked(), [Asked::Leave(Hello { name, url: member.url.clone(), id })]);

    *fixture.cluster.leaving.lock().unwrap() = Leaving::Gone;
    let answered = fixture.send(leave(SECRET, &mine)).await;
    assert_eq!((answered.status.as_u16(), answered.json()["member"].clone()), (200, false.into()));
}

#[tokio::test]
async fn the_figures_of_the_page_are_those_of_the_other_paths() {
    let fixture = Fixture::new();
    let json = fixture.get("/admin/stats.json").await.json();
    assert_eq!(json["ring"], fixture.get("/admin/ring").await.json());
    let node = &json["nodes"][1];
    let of_node = |field: &str| node[field].clone();
    assert_eq!(of_node("name"), "n2");
    assert_eq!(["last_heard_ms", "records", "bytes"].map(of_node), [40, 1000, 50_000].map(Value::from));
    assert_eq!(node["vitals"]["commits"], 10);
    assert_eq!(json["changes"], fixture.get("/admin/changes").await.json()["changes"]);
}

#[tokio::test]
async fn what_was_counted_stands_in_the_stats_and_in_the_metrics() {
    let fixture = Fixture::new();
    let worker = &fixture.metrics.workers()[0];
    let node = worker.node(&"n2".parse().unwrap());
    for status in [StatusCode::OK, StatusCode::OK, StatusCode::BAD_GATEWAY] {
        worker.count_answer(MethodKind::Put, status);
        node.count_answer(status);
        worker.latency[MethodKind::Put as usize].record(Duration::from_millis(3));
    }
    node.failures.add(1);
    let json = fixture.get("/admin/stats.json").await.json();
    assert_eq!((&json["traffic"]["requests"], &json["traffic"]["errors"]), (&3.into(), &1.into()));
    assert_eq!((&json["nodes"][1]["requests"], &json["nodes"][1]["errors"]), (&4.into(), &2.into()));
    let text = fixture.get("/admin/metrics").await.text;
    for line in [
        "keyway_requests_total{method=\"PUT\",class=\"2xx\"} 2",
        "keyway_requests_total{method=\"PUT\",class=\"5xx\"} 1",
        "keyway_requests_total{method=\"GET\",class=\"2xx\"} 0",
        "keyway_request_duration_seconds_sum{method=\"PUT\"} 0.009",
        "keyway_request_duration_seconds_count{method=\"PUT\"} 3",
        "keyway_node_requests_total{node=\"n2\",class=\"2xx\"} 2",
        "keyway_node_failures_total{node=\"n2\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}

#[tokio::test]
async fn every_metric_has_a_help_line_and_nodes_have_labels() {
    let fixture = Fixture::new();
    let answered = fixture.get("/admin/metrics").await;
    assert_eq!(answered.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "keyway_epoch 7",
        "keyway_node_up{node=\"n2\"} 1",
        "keyway_node_records{node=\"n2\"} 1000",
        "keyway_node_commit_seconds_total{node=\"n2\"} 2.5",
        "keyway_change_open 0",
    ] {
        assert!(answered.text.lines().any(|found| found == line), "{line}: {}", answered.text);
    }
    let types: BTreeMap<&str, &str> =
        answered.text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    for line in answered.text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| {
            let family = name.strip_suffix(suffix)?;
            (types.get(family) == Some(&"histogram")).then_some(family)
        });
        let family = family.unwrap_or(name);
        assert!(types.contains_key(family), "{line}");
        assert!(answered.text.contains(&format!("# HELP {family} ")), "{line}");
    }
}

#[tokio::test]
async fn a_key_that_is_no_text_is_located_as_it_is_routed() {
    let fixture = Fixture::new();
    let place = fixture.get("/admin/locate?key=%ff%00").await.json();
    assert_eq!(place["position"], Position::of(b"\xff\0").to_string());
}

#[tokio::test]
async fn the_arcs_around_a_key_lead_clockwise_to_its_owner() {
    let fixture = Fixture::new();
    for n in 0..50 {
        let place = fixture.get(&format!("/admin/locate?key=k{n}&arcs=3")).await.json();
        let arcs = place["arcs"].as_array().unwrap();
        assert_eq!(arcs.len(), 7);
        assert_eq!(arcs[3]["owner"], place["owner"], "{place}");
        for pair in arcs.windows(2) {
            assert_eq!(pair[0]["to"], pair[1]["from"], "{place}");
        }
        let at = |field: &str| u64::from_str_radix(arcs[3][field].as_str().unwrap(), 16).unwrap();
        let position = u64::from_str_radix(place["position"].as_str().unwrap(), 16).unwrap();
        // In (from, to], around the ring.
        let from_start = position.wrapping_sub(at("from"));
        assert!(from_start > 0 && from_start <= at("to").wrapping_sub(at("from")), "{place}");
    }
    let whole = fixture.get("/admin/locate?key=a").await.json();
    assert!(whole.get("arcs").is_none(), "{whole}");
    fixture.get("/admin/locate?key=a&arcs=65").await.problem(400, "bad-query");
}

#[tokio::test]
async fn the_slices_of_the_ring_belong_to_its_nodes_by_their_shares() {
    let fixture = Fixture::new();
    let slices = fixture.get("/admin/slices?count=4096").await.json();
    let ring = fixture.get("/admin/ring").await.json();
    assert_eq!(slices["epoch"], ring["epoch"]);
    let owners = slices["owners"].as_array().unwrap();
    assert_eq!(owners.len(), 4096);
    for (at, node) in ring["nodes"].as_array().unwrap().iter().enumerate() {
        assert_eq!(slices["nodes"][at], node["name"]);
        let seen = owners.iter().filter(|owner| **owner == at).count() as f64 / 4096.0;
        assert!((seen - node["share"].as_f64().unwrap()).abs() < 0.05, "{node}: {seen}");
    }
    assert_eq!(fixture.get("/admin/slices").await.json()["owners"].as_array().unwrap().len(), 720);
    for count in ["0", "4097", "many"] {
        fixture.get(&format!("/admin/slices?count={count}")).await.problem(400, "bad-query");
    }
}
