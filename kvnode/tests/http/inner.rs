//! The inner paths: closed to all but the cluster.

use hashring::Id;
use kvnode::http::Settings;
use kvnode::http::secret::Secret;
use kvnode::node::Refused;
use kvnode::protocol::{BEAT_PATH, Beat, CENSUS_PATH, MOVE_PATH, Status};
use kvnode::serve::Limits;

use crate::site::{BOTH, Http, Site};

const ALL: [&str; 3] = [BEAT_PATH, MOVE_PATH, CENSUS_PATH];
const KNOWN: [(&str, &str); 1] = [("keyway-secret", "s3cret")];

async fn member() -> Site {
    let settings = Settings { secret: Secret::new("s3cret"), max_value: 1000, ..Settings::default() };
    Site::with("n1", settings, Limits::default()).await
}

#[tokio::test]
async fn without_a_secret_the_inner_paths_are_closed_and_say_what_to_do() {
    let site = Site::start().await;
    for path in ALL {
        let reply = site.ask(Http::One, "POST", path, &[("keyway-secret", "")], "").await;
        assert_eq!((reply.status, &*reply.problem()), (403, "no-secret"));
        assert!(reply.json()["detail"].as_str().unwrap().contains("KEYWAY_CLUSTER_SECRET"));
    }
}

#[tokio::test]
async fn a_wrong_secret_is_refused_before_the_body_is_read() {
    let site = member().await;
    for path in ALL {
        for guess in ["", "s3cre", "s3cret2", "S3CRET"] {
            let reply = site.ask(Http::Two, "POST", path, &[("keyway-secret", guess)], "").await;
            assert_eq!((reply.status, &*reply.problem()), (403, "wrong-secret"));
        }
        assert_eq!(site.ask(Http::One, "POST", path, &[], "").await.problem(), "wrong-secret");
        // The announced body never comes: an answer must come without it.
        let mut wire = site.wire().await;
        wire.send(format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")).await;
        assert_eq!(wire.answer(false).await.status, 403);
    }
}

#[tokio::test]
async fn a_beat_is_answered_with_the_status() {
    let site = member().await;
    let beat = Beat { cluster: Id(77), view: None, expect: None, erase: false };
    for http in BOTH {
        let reply = site.ask(http, "POST", BEAT_PATH, &KNOWN, serde_json::to_vec(&beat).unwrap()).await;
        let status: Status = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status, status.cluster), (200, Some(Id(77))));
    }
    let reply = site.ask(Http::One, "POST", BEAT_PATH, &KNOWN, "{\"cluster\":").await;
    assert_eq!((reply.status, &*reply.problem()), (400, "bad-json"));
}

#[tokio::test]
async fn moves_are_taken_as_bytes_and_may_be_larger_than_values() {
    let site = member().await;
    for http in BOTH {
        let message = "m".repeat(5 << 20);
        let reply = site.ask(http, "POST", MOVE_PATH, &KNOWN, message.clone()).await;
        assert_eq!((reply.status, reply.body.len()), (200, 5 + message.len()));
    }
    let mut wire = site.wire().await;
    let length = 1000 + (16 << 20) + 1;
    wire.send(format!(
        "POST {MOVE_PATH} HTTP/1.1\r\nHost: x\r\nKeyway-Secret: s3cret\r\nContent-Length: {length}\r\n\r\n"
    ))
    .await;
    assert_eq!(wire.answer(false).await.status, 413);
}

#[tokio::test]
async fn a_census_is_answered_with_the_counts() {
    let site = member().await;
    let reply = site.ask(Http::Two, "POST", CENSUS_PATH, &KNOWN, "{\"next\":null}").await;
    assert_eq!((reply.status, reply.json()["damaged"].as_u64()), (200, Some(0)));
    assert_eq!(site.ask(Http::Two, "POST", CENSUS_PATH, &KNOWN, "{").await.problem(), "bad-json");
}

#[tokio::test]
async fn what_the_node_cannot_take_is_told_with_a_status() {
    let site = member().await;
    for (message, status, slug) in [("x", 400, "bad-move"), ("", 503, "stopped")] {
        let reply = site.ask(Http::One, "POST", MOVE_PATH, &KNOWN, message).await;
        assert_eq!((reply.status, &*reply.problem()), (status, slug));
    }
    site.memory.refuse(Refused::Stopped);
    let beat = Beat { cluster: Id(77), view: None, expect: None, erase: false };
    let reply = site.ask(Http::One, "POST", BEAT_PATH, &KNOWN, serde_json::to_vec(&beat).unwrap()).await;
    assert_eq!((reply.status, &*reply.problem()), (503, "stopped"));
}

#[tokio::test]
async fn clients_cannot_use_up_the_memory_of_the_inner_paths() {
    let settings = Settings { secret: Secret::new("s3cret"), memory: 10, ..Settings::default() };
    let site = Site::with("n1", settings, Limits::default()).await;
    assert_eq!(site.put("/kv?key=a", "more than ten bytes").await.status, 503);
    assert_eq!(site.ask(Http::One, "POST", MOVE_PATH, &KNOWN, "more than ten bytes").await.status, 200);
}
