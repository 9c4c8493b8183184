//! SIGTERM: what is in flight is finished, the children are stopped, and the proxy ends with success.

use std::sync::Arc;

use harness::admin::{accepted, state};
use harness::history::{Content, History};
use harness::raw::Raw;
use harness::workload::Workload;
use harness::{Cluster, secs, story};
use serde_json::json;

use crate::support::{SLOW, all_there, copying, filled, filled_with_pages, slow_addition};

#[test]
fn what_is_in_flight_is_finished_before_the_end() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        cluster.client().put("large", vec![1; 8 << 20]).send().await.is(201);
        let mut uploads = Vec::new();
        for number in 0..6 {
            let mut upload = Raw::connect(cluster.address()).await;
            let head =
                format!("PUT /kv?key=up{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n");
            upload.send(head).await;
            upload.send(vec![b'x'; 150_000]).await;
            uploads.push(upload);
        }
        let mut download = Raw::connect(cluster.address()).await;
        download.send("GET /kv?key=large HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(download.answered(secs(10)).await);

        let children = cluster.children();
        cluster.proxy.terminate();
        harness::eventually(secs(10), "new clients are turned away", || async {
            match tokio::net::TcpStream::connect(cluster.address()).await {
                Ok(_) => Err("it still listens".to_owned()),
                Err(_) => Ok(()),
            }
        })
        .await;
        for upload in &mut uploads {
            upload.send(vec![b'x'; 150_000]).await;
            upload.answer().await.is(201);
        }
        assert_eq!(download.answer().await.expect(200).body.len(), 8 << 20);
        assert!(cluster.proxy.ended(secs(20)).await.success());
        harness::cluster::gone(&children, "after the drain", secs(2)).await;

        cluster.start_again().await;
        for number in 0..6 {
            assert_eq!(
                cluster.client().get(format!("up{number}")).send().await.expect(200).body.len(),
                300_000
            );
        }
    });
}

#[test]
fn a_drain_under_load_gives_no_error_and_loses_nothing() {
    story(secs(90), || async {
        let mut cluster = Cluster::start().await;
        let history = Arc::new(History::new(Content::small(5, 400)));
        // A connection that ends is how a client learns of the drain; an error answer would be a failure.
        let load = Workload::new(16).forgive(|failure| failure.answer.is_err());
        let running = load.start(cluster.client(), &history);
        running.proceed(2000).await;
        cluster.stop().await;
        let report = running.stop().await;
        report.clean(2000);
        cluster.start_again().await;
        cluster.admin().ready(secs(20)).await;
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_client_that_never_finishes_does_not_hold_up_the_end_for_ever() {
    story(secs(90), || async {
        let mut cluster = Cluster::start().await;
        let mut stuck = Raw::connect(cluster.address()).await;
        stuck.send("PUT /kv?key=k HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
        let idle = Raw::connect(cluster.address()).await;
        cluster.client().put("k2", "v").send().await.is(201);
        cluster.proxy.terminate();
        assert!(cluster.proxy.ended(secs(60)).await.success());
        drop((stuck, idle));
    });
}

#[test]
fn a_drain_in_the_middle_of_a_change_is_safe() {
    story(secs(120), || async {
        let mut cluster = Cluster::start().await;
        let history = filled_with_pages(&cluster).await;
        let place = slow_addition(&cluster, SLOW).await;
        copying(&cluster, &place).await;
        cluster.restart().await;
        let resumed = cluster.admin().patch_change(&place, &serde_json::json!({"rate": null})).send().await;
        assert!(matches!(resumed.status, 200 | 409), "{resumed:?}");
        let change = cluster.admin().ended(&place, secs(60)).await;
        assert_eq!(state(&change), "done", "{change:#}");
        all_there(&cluster, &history).await;
    });
}

#[test]
fn who_waits_for_a_change_is_told_where_it_stands_and_does_not_hold_up_the_end() {
    story(secs(90), || async {
        let mut cluster = Cluster::start().await;
        filled(&cluster, 300).await;
        let slow = cluster.client().ask("POST", "/add-server?wait=10m").json(&json!({"paused": true}));
        let waiting = tokio::spawn(slow.send());
        harness::eventually(secs(20), "the change is under way", || async {
            let changes = cluster.admin().changes().await;
            if changes.iter().any(|change| state(change) == "paused") {
                Ok(())
            } else {
                Err(format!("{changes:?}"))
            }
        })
        .await;
        cluster.proxy.terminate();
        let answer = waiting.await.expect("the one who waits");
        assert!(accepted(&answer).starts_with("/admin/changes/"));
        assert!(cluster.proxy.ended(secs(10)).await.success());
    });
}
