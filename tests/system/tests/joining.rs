//! Nodes that ask to be taken in with `--join`.

use std::sync::Arc;

use harness::history::History;
use harness::{Cluster, Node, Setup, eventually, secs, story};
use serde_json::{Value, json};

use crate::support::{all_there, filled};

#[test]
fn a_node_with_the_secret_joins_by_itself() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 1000).await;
        let node = Node::joining("late", &cluster).await;
        in_the_ring(&cluster, "late").await;
        assert_eq!(cluster.admin().ring().await.url("late"), node.url());
        all_there(&cluster, &history).await;
        let read_there = (0..1000).map(|key| history.content().name(key));
        assert!(cluster.admin().owners(read_there.take(100)).await.values().any(|owner| owner == "late"));
    });
}

#[test]
fn a_node_that_joined_is_known_again_after_a_restart_on_another_port() {
    story(secs(120), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 500).await;
        let mut node = Node::joining("late", &cluster).await;
        in_the_ring(&cluster, "late").await;
        let changes = cluster.admin().changes().await.len();
        node.process.kill();
        drop(node);
        let node = Node::joining("late", &cluster).await;
        eventually(secs(30), "the cluster knows where it is now", || async {
            let url = cluster.admin().ring().await.url("late");
            if url == node.url() { Ok(()) } else { Err(url) }
        })
        .await;
        cluster.admin().ready(secs(30)).await;
        assert_eq!(cluster.admin().changes().await.len(), changes, "a restart is no change of the ring");
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_node_with_another_secret_is_not_taken_in() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        let before = cluster.admin().ring().await;
        let stranger = Node::launch("stranger", cluster.scratch())
            .env("KEYWAY_CLUSTER_SECRET", "0123456789abcdef0123456789abcdef")
            .flag("--join", format!("http://{}", cluster.admin_address()));
        // Whether it gives up or keeps asking is its own affair.
        let node = Node::try_started(&stranger).await;
        let log = cluster.scratch().log("stranger");
        eventually(secs(15), "the stranger says that its secret is wrong", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            async move { if text.to_lowercase().contains("secret") { Ok(()) } else { Err(text) } }
        })
        .await;
        drop(node);
        assert_eq!(cluster.admin().ring().await.names(), before.names());
        assert!(cluster.admin().changes().await.is_empty());
    });
}

#[test]
fn joining_by_itself_can_be_switched_off() {
    story(secs(60), || async {
        let cluster = Setup::new().config("[join]\nauto = false\n").start().await;
        let node = Node::try_started(
            &Node::launch_for("late", &cluster).flag("--join", format!("http://{}", cluster.admin_address())),
        )
        .await;
        let log = cluster.scratch().log("late");
        eventually(secs(15), "the node is told that it must be added by hand", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            async move {
                if text.contains("add-server") || text.contains("join.auto") { Ok(()) } else { Err(text) }
            }
        })
        .await;
        assert!(cluster.admin().changes().await.is_empty());
        assert_eq!(cluster.admin().ring().await.names(), ["n1", "n2", "n3"]);
        drop(node);
    });
}

#[test]
fn a_node_that_is_told_to_stop_leaves_first_where_it_was_started_so() {
    story(secs(120), || async {
        let (cluster, history, mut node) = with_a_guest(1000).await;
        assert!(!node.client().ask("GET", "/").send().await.text().is_empty());
        node.process.terminate();
        assert!(node.process.ended(secs(60)).await.success());
        assert_eq!(cluster.admin().ring().await.names(), ["n1", "n2", "n3"]);
        all_there(&cluster, &history).await;
        assert!(cluster.admin().changes().await.iter().any(|change| change["kind"] == "remove-server"));
    });
}

#[test]
fn a_second_signal_stops_a_leaving_node_at_once_and_it_stays_a_member() {
    story(secs(120), || async {
        let (cluster, history, mut node) = with_a_guest(500).await;
        // Its removal has to wait, so that it is still there for the second signal.
        hold_up(&cluster).await;
        node.process.terminate();
        let log = cluster.scratch().log("guest");
        eventually(secs(15), "the node says that it is leaving", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            async move { if text.contains("leaving the cluster") { Ok(()) } else { Err(text) } }
        })
        .await;
        node.process.terminate();
        node.process.ended(secs(20)).await;
        assert!(cluster.admin().ring().await.names().contains(&"guest".to_owned()));
        drop(node);
        let _back = Node::joining("guest", &cluster).await;
        cluster.admin().ready(secs(30)).await;
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_node_that_was_not_taken_in_stops_at_once_although_it_would_leave_first() {
    story(secs(60), || async {
        let cluster = Setup::new().config("[join]\nauto = false\n").start().await;
        let mut node = leaving("guest", &cluster).await;
        node.process.terminate();
        assert!(node.process.ended(secs(10)).await.success());
        assert!(cluster.admin().changes().await.is_empty());
    });
}

#[test]
fn a_leaving_node_asks_again_when_its_removal_is_cancelled() {
    story(secs(120), || async {
        let (cluster, history, mut node) = with_a_guest(500).await;
        // Its removal waits behind this one, so that it can be cancelled.
        let held = hold_up(&cluster).await;
        node.process.terminate();
        let removals = || async {
            let changes = cluster.admin().changes().await;
            let of_guest = |change: &&Value| change["kind"] == "remove-server" && change["node"] == "guest";
            changes.iter().filter(of_guest).cloned().collect::<Vec<_>>()
        };
        let cancel = |id: Value| {
            let client = cluster.admin().client();
            async move { client.ask("DELETE", format!("/admin/changes/{id}")).send().await.is(200) }
        };
        eventually(secs(20), "its removal waits", || async {
            let removals = removals().await;
            if removals.len() == 1 { Ok(()) } else { Err(format!("{removals:?}")) }
        })
        .await;
        cancel(removals().await[0]["id"].clone()).await;
        eventually(secs(20), "another one waits", || async {
            let removals = removals().await;
            if removals.len() == 2 { Ok(()) } else { Err(format!("{removals:?}")) }
        })
        .await;
        cancel(held).await;
        assert!(node.process.ended(secs(60)).await.success());
        assert_eq!(cluster.admin().ring().await.names(), ["n1", "n2", "n3"]);
        all_there(&cluster, &history).await;
    });
}

/// A cluster with so many keys, and a node in it that leaves when it is told to stop.
async fn with_a_guest(keys: u32) -> (Cluster, Arc<History>, Node) {
    let cluster = Cluster::start().await;
    let history = filled(&cluster, keys).await;
    let node = leaving("guest", &cluster).await;
    in_the_ring(&cluster, "guest").await;
    (cluster, history, node)
}

/// Puts a change on hold that all others wait for; its number.
async fn hold_up(cluster: &Cluster) -> Value {
    let order = cluster.admin().client().ask("POST", "/add-server");
    let answer = order.json(&json!({"paused": true})).send().await;
    answer.is(202);
    answer.json()["id"].clone()
}

async fn leaving(name: &str, cluster: &Cluster) -> Node {
    let url = format!("http://{}", cluster.admin_address());
    Node::started(&Node::launch_for(name, cluster).flag("--join", url).arg("--leave-on-stop")).await
}

async fn in_the_ring(cluster: &Cluster, node: &str) {
    eventually(secs(30), &format!("{node} is in the ring and nothing is left to do"), || async {
        let open = cluster.admin().changes().await;
        let busy = open
            .iter()
            .any(|change| !matches!(harness::admin::state(change), "done" | "failed" | "cancelled"));
        let names = cluster.admin().ring().await.names();
        if names.iter().any(|name| name == node) && !busy {
            Ok(())
        } else {
            Err(format!("{names:?} {open:?}"))
        }
    })
    .await;
}
