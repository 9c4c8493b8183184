//! `/admin/changes` and its members.

use std::collections::BTreeSet;

use hashring::view::{Kind, OpenChange, Outcome, Phase};
use keyway::control::{Adjust, Cancelled, ChangeProgress, Count, MoveProgress};

use crate::fake::{Asked, Fixture, change, finished};

fn with_changes() -> Fixture {
    let fixture = Fixture::new();
    fixture.decide(|view| {
        view.finished.push_back(finished(1, Outcome::Done, None));
        view.finished.push_back(finished(2, Outcome::Failed, Some("no room")));
        view.open = Some(OpenChange {
            change: change(3, Kind::AddServer, "n4"),
            before: 0,
            started_ms: 2_000,
            phase: Phase::Moving,
            session: 8,
            mismatches: 0,
            stopped: None,
            receipts: Vec::new(),
            given_up: BTreeSet::new(),
        });
        view.queue.push_back(change(4, Kind::RemoveServer, "n1"));
    });
    let one = MoveProgress {
        from: "n1".parse().unwrap(),
        to: "n4".parse().unwrap(),
        state: "copying".to_owned(),
        ranges: Some(341),
        keys: Count { done: 40, total: Some(100) },
        bytes: Count { done: 4000, total: None },
        trouble: None,
    };
    let progress = ChangeProgress {
        keys: one.keys,
        bytes: one.bytes,
        moves: vec![one],
        bytes_per_second: Some(2000),
        eta_seconds: Some(3),
        longest_hold_us: None,
        blocked: Some("n4 unreachable for 12 s".to_owned()),
    };
    fixture.cluster.progress.lock().unwrap().changes.insert(3, progress);
    fixture
}

#[tokio::test]
async fn the_open_change_comes_first_then_the_queue_then_what_ended() {
    let fixture = with_changes();
    let json = fixture.get("/admin/changes").await.json();
    let shown: Vec<(u64, &str)> = json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["id"].as_u64().unwrap(), change["state"].as_str().unwrap()))
        .collect();
    assert_eq!(shown, [(3, "running"), (4, "queued"), (2, "failed"), (1, "done")]);
}

#[tokio::test]
async fn a_running_change_shows_how_far_it_is() {
    let fixture = with_changes();
    let json = fixture.get("/admin/changes/3").await.json();
    assert_eq!(json["phase"], "moving");
    assert_eq!(json["keys"], serde_json::json!({"done": 40, "total": 100}));
    assert_eq!(json["bytes"], serde_json::json!({"done": 4000, "total": null}));
    assert_eq!((json["bytes_per_second"].clone(), json["eta_seconds"].clone()), (2000.into(), 3.into()));
    assert_eq!(json["blocked"], "n4 unreachable for 12 s");
    assert_eq!(json["moves"][0]["state"], "copying");
    assert_eq!(json["moves"][0]["ranges"], 341);
    assert_eq!(json["receipt"], serde_json::json!([]));
}

#[tokio::test]
async fn a_change_on_hold_is_paused_whatever_holds_it() {
    let fixture = with_changes();
    fixture.decide(|view| view.open.as_mut().unwrap().change.paused = true);
    assert_eq!(fixture.get("/admin/changes/3").await.json()["state"], "paused");
    fixture.decide(|view| {
        let open = view.open.as_mut().unwrap();
        open.change.paused = false;
        open.stopped = Some("the copies differ".to_owned());
    });
    let json = fixture.get("/admin/changes/3").await.json();
    assert_eq!(
        (json["state"].clone(), json["reason"].clone()),
        ("paused".into(), "the copies differ".into())
    );
}

#[tokio::test]
async fn a_change_is_paused_and_limited_by_patch() {
    let fixture = with_changes();
    for (body, adjust) in [
        (r#"{"paused":true}"#, Adjust { paused: Some(true), ..Adjust::default() }),
        (r#"{"rate":1000}"#, Adjust { rate: Some(Some(1000)), ..Adjust::default() }),
        (
            r#"{"paused":false,"rate":null}"#,
            Adjust { paused: Some(false), rate: Some(None), force_seal: None },
        ),
        (r#"{"force_seal":"n2"}"#, Adjust { force_seal: Some("n2".parse().unwrap()), ..Adjust::default() }),
    ] {
        let answered = fixture.patch("/admin/changes/3", body).await;
        assert_eq!((answered.status.as_u16(), answered.json()["id"].clone()), (200, 3.into()));
        assert_eq!(fixture.asked(), [Asked::Adjust(3, adjust)]);
    }
    for bad in [
        "{}",
        "",
        r#"{"state":"paused"}"#,
        r#"{"paused":"yes"}"#,
        r#"{"rate":-1}"#,
        r#"{"force_seal":"../x"}"#,
    ] {
        fixture.patch("/admin/changes/3", bad).await.problem(400, "invalid-fields");
    }
    assert_eq!(fixture.asked(), []);
}

#[tokio::test]
async fn a_change_is_dropped_before_the_switch_and_reversed_after_it() {
    let fixture = with_changes();
    assert_eq!(fixture.delete("/admin/changes/3").await.status, 200);
    *fixture.cluster.cancelled.lock().unwrap() = Cancelled::Reverse(4);
    let answered = fixture.delete("/admin/changes/3").await;
    assert_eq!(answered.status, 202);
    assert_eq!(answered.headers["location"], "/admin/changes/4");
    assert_eq!(answered.json()["id"], 4);
    assert_eq!(fixture.asked(), [Asked::Cancel(3), Asked::Cancel(3)]);
}

#[tokio::test]
async fn an_unknown_change_is_404() {
    let fixture = with_changes();
    for id in ["99", "x", "-1", "1.0", ""] {
        fixture.get(&format!("/admin/changes/{id}")).await.problem(404, "unknown-change");
    }
}
