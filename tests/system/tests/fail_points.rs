//! Every process of a change, interrupted at every step of it: killed, or stopped for five seconds. Whatever is
//! interrupted, the change is carried out by itself, and nobody sees a lost, stale or doubled write.

use std::sync::Arc;
use std::time::Duration;

use harness::admin::state;
use harness::family::Child;
use harness::history::{Content, History};
use harness::settled::settled;
use harness::workload::Workload;
use harness::{Cluster, Setup, eventually, secs, story};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Keys, and the rate that makes a copy of a part of them take about a second.
const KEYS: u32 = 400;
const RATE: u64 = 20_000;
/// How long a stopped process stands still: longer than everything that waits for it.
const STILL: Duration = secs(5);

macro_rules! interrupted {
    ($($name:ident: $point:literal,)*) => {
        mod killed {
            $(#[test] fn $name() { super::interrupt($point, "kill"); })*
        }
        mod stopped {
            $(#[test] fn $name() { super::interrupt($point, "stop"); })*
        }
        /// The points of this list.
        pub(crate) const POINTS: &[&str] = &[$($point),*];
    };
}

interrupted! {
    coordinator_before_the_order_is_written: "coordinator.queue.decided",
    coordinator_after_the_order_is_written: "coordinator.queue.written",
    coordinator_before_the_beginning_is_written: "coordinator.begin.decided",
    coordinator_after_the_beginning_is_written: "coordinator.begin.written",
    coordinator_before_the_session_is_written: "coordinator.move.decided",
    coordinator_after_the_session_is_written: "coordinator.move.written",
    coordinator_before_the_switch_is_written: "coordinator.switch.decided",
    coordinator_after_the_switch_is_written: "coordinator.switch.written",
    coordinator_before_the_end_is_written: "coordinator.finish.decided",
    coordinator_after_the_end_is_written: "coordinator.finish.written",
    coordinator_before_the_cleaning_is_written: "coordinator.clean.decided",
    coordinator_after_the_cleaning_is_written: "coordinator.clean.written",
    source_before_the_session_is_synced: "source.view-moving.taken",
    source_after_the_session_is_synced: "source.view-moving.synced",
    source_before_it_asks_to_be_ready: "source.send-open",
    source_with_a_page_that_was_read: "source.page.synced",
    source_before_it_sends_a_page: "source.send-page",
    source_before_it_sends_a_write: "source.send-write",
    source_before_it_sends_the_mark: "source.send-mark",
    source_with_its_count: "source.count.synced",
    source_before_the_switch_is_synced: "source.view-switched.taken",
    source_after_the_switch_is_synced: "source.view-switched.synced",
    source_before_it_sends_the_seal: "source.send-seal",
    source_when_it_has_cleaned: "swept-clean",
    target_before_the_session_is_synced: "target.view-moving.taken",
    target_after_the_session_is_synced: "target.view-moving.synced",
    target_before_its_opening_is_synced: "target.open.taken",
    target_after_its_opening_is_synced: "target.open.synced",
    target_when_it_has_wiped: "swept-wipe",
    target_before_a_page_is_synced: "target.page.taken",
    target_after_a_page_is_synced: "target.page.synced",
    target_before_a_write_is_synced: "target.write.taken",
    target_after_a_write_is_synced: "target.write.synced",
    target_before_the_mark_is_synced: "target.mark.taken",
    target_after_the_mark_is_synced: "target.mark.synced",
    target_with_its_count: "target.count.synced",
    target_before_the_switch_is_synced: "target.view-switched.taken",
    target_after_the_switch_is_synced: "target.view-switched.synced",
    target_before_the_seal_is_synced: "target.seal.taken",
    target_after_the_seal_is_synced: "target.seal.synced",
}

#[test]
fn no_point_is_listed_twice() {
    let mut points = POINTS.to_vec();
    points.sort_unstable();
    points.dedup();
    assert_eq!(points.len(), POINTS.len());
}

fn interrupt(point: &str, action: &str) {
    // Building it takes its time, which is not the story's.
    let _program = harness::binary::with_fail_points();
    story(secs(120), || async {
        let scratch = harness::scratch::Scratch::new();
        let marker = scratch.path("reached");
        let mut cluster = Setup::new().nodes(2).fail_point(point, action, &marker).start().await;
        let history = Arc::new(History::new(Content { size: |_| 100..300, ..Content::small(5, KEYS) }));
        let clients = Workload::new(4).forgive(|failure| match &failure.answer {
            Ok(answer) => answer.is_trouble(),
            Err(_) => true,
        });
        clients.fill(cluster.client(), &history).await.clean(KEYS as usize);
        let running = clients.start(cluster.client(), &history);

        // At some points the one who asks gets no answer.
        let asked = cluster.client().ask("POST", "/add-server").json(&json!({"rate": RATE}));
        let asking = tokio::spawn(asked.try_send());
        let pid = eventually(secs(30), &format!("{point} is reached"), || async {
            let pid = std::fs::read_to_string(&marker).map_err(|error| error.to_string())?;
            pid.parse::<i32>().map_err(|error| error.to_string())
        })
        .await;
        let proxy = cluster.proxy.pid().as_raw_nonzero().get() == pid;
        match (action, proxy) {
            ("kill", true) => {
                cluster.kill().await;
                cluster.start_again().await;
            }
            ("kill", false) => {}
            (_, true) => {
                sleep(STILL).await;
                cluster.proxy.resume();
            }
            (_, false) => {
                sleep(STILL).await;
                let stopped =
                    cluster.children().into_iter().find(|one| one.pid.as_raw_nonzero().get() == pid);
                stopped.as_ref().map(Child::resume).expect("the stopped node");
            }
        }
        let _answer = asking.await.expect("the one who asks");
        carried_out(&cluster).await;
        cluster.admin().ready(secs(30)).await;
        running.proceed(200).await;
        running.stop().await.clean(200);
        assert_eq!(cluster.admin().ring().await.names(), ["n1", "n2", "n3"]);
        settled(&cluster, &clients, &history, secs(30)).await;
    });
}

/// Waits until one addition has been carried out; asks for it where the first asking did not get through.
async fn carried_out(cluster: &Cluster) {
    eventually(secs(60), "the addition is carried out", || async {
        let changes = cluster.admin().client().ask("GET", "/admin/changes").try_send().await;
        let changes = changes.map_err(|lost| lost.0)?.json();
        let changes: Vec<Value> = changes["changes"].as_array().cloned().unwrap_or_default();
        match changes.as_slice() {
            [] => {
                let again = cluster.admin().add_own().try_send().await.map_err(|lost| lost.0)?;
                Err(format!("asked again: {}", again.status))
            }
            [change] if state(change) == "done" => Ok(()),
            _ => Err(format!("{changes:?}")),
        }
    })
    .await;
}
