//! Nodes that share a folder of data folders (`--data-under`), as the replicas of one container image do.

use std::path::PathBuf;

use harness::launch::Launch;
use harness::{Cluster, Node, Setup, eventually, secs, story};

use crate::support::{all_there, filled};

#[test]
fn replicas_are_the_same_nodes_again_whichever_of_them_starts_first() {
    story(secs(120), || async {
        let cluster = Setup::new().nodes(0).start().await;
        let replicas = three(&cluster).await;
        let history = filled(&cluster, 500).await;
        let changes = cluster.admin().changes().await.len();
        killed(replicas);
        let replicas = three(&cluster).await;
        cluster.admin().ready(secs(30)).await;
        assert_eq!(cluster.admin().changes().await.len(), changes, "a restart is no change of the ring");
        all_there(&cluster, &history).await;

        let fourth = replica(&cluster, 4).await;
        assert_eq!(fourth.name, "n4");
        members(&cluster, &["n1", "n2", "n3", "n4"]).await;
        all_there(&cluster, &history).await;
        drop(replicas);
    });
}

#[test]
fn one_whose_node_was_removed_takes_the_place_of_a_member_that_was_stopped() {
    story(secs(120), || async {
        let cluster = Setup::new().nodes(0).start().await;
        let mut replicas = three(&cluster).await;
        let history = filled(&cluster, 500).await;
        cluster.admin().carried_out(cluster.admin().remove("n3"), secs(30)).await;
        let of = |name: &str, replicas: &[Node]| replicas.iter().position(|node| node.name == name);
        // A restart of a member is not the chance of the one that stands by.
        let at = of("n2", &replicas).expect("n2");
        killed(vec![replicas.remove(at)]);
        let again = replica(&cluster, 2).await;
        assert_eq!(again.name, "n2");
        cluster.admin().ready(secs(30)).await;

        let at = of("n1", &replicas).expect("n1");
        killed(vec![replicas.remove(at)]);
        let stands_by = replicas.remove(0);
        eventually(secs(30), "the one that was n3 is n1 now", || async {
            let url = cluster.admin().ring().await.url("n1");
            if url == stands_by.url() { Ok(()) } else { Err(url) }
        })
        .await;
        cluster.admin().ready(secs(30)).await;
        members(&cluster, &["n1", "n2"]).await;
        all_there(&cluster, &history).await;

        // The folder of a removed node is nobody's, and its name is not used again while it lies there.
        let more = replica(&cluster, 3).await;
        assert_eq!(more.name, "n4");
        members(&cluster, &["n1", "n2", "n4"]).await;
        all_there(&cluster, &history).await;
        assert!(nodes(&cluster).join("n3/engine").exists());
        drop(again);
    });
}

#[test]
fn one_that_finds_a_node_that_was_removed_meanwhile_becomes_a_new_one() {
    story(secs(120), || async {
        let cluster = Setup::new().nodes(0).start().await;
        let mut replicas = three(&cluster).await;
        let at = replicas.iter().position(|node| node.name == "n2").expect("n2");
        killed(vec![replicas.remove(at)]);
        let admin = cluster.admin();
        eventually(secs(20), "it counts as dead", || async {
            let answer =
                admin.client().ask("POST", "/remove-server?name=n2&force=true&wait=20s").send().await;
            if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
        })
        .await;
        let history = filled(&cluster, 500).await;
        let found = replica(&cluster, 2).await;
        assert_eq!(found.name, "n2");
        members(&cluster, &["n1", "n3", "n4"]).await;
        assert_eq!(admin.ring().await.url("n4"), found.url());
        all_there(&cluster, &history).await;
        drop(replicas);
    });
}

/// Three replicas, started at once; all are members when this returns.
async fn three(cluster: &Cluster) -> Vec<Node> {
    let (first, second, third) = tokio::join!(replica(cluster, 1), replica(cluster, 2), replica(cluster, 3));
    let replicas = vec![first, second, third];
    let mut names: Vec<&str> = replicas.iter().map(|node| node.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["n1", "n2", "n3"]);
    members(cluster, &names).await;
    replicas
}

async fn replica(cluster: &Cluster, number: u32) -> Node {
    let launch = Launch::keyway(&format!("replica-{number}"), cluster.scratch())
        .arg("kvnode")
        .flag("--listen", "127.0.0.1:0")
        .flag("--data-under", nodes(cluster))
        .flag("--join", format!("http://{}", cluster.admin_address()))
        .env("KEYWAY_CLUSTER_SECRET_FILE", cluster.secret_file());
    Node::started(&launch).await
}

fn nodes(cluster: &Cluster) -> PathBuf {
    cluster.scratch().path("nodes")
}

fn killed(replicas: Vec<Node>) {
    for mut node in replicas {
        node.process.kill();
    }
}

/// Waits until just these are in the ring and nothing is left to do.
async fn members(cluster: &Cluster, wanted: &[&str]) {
    eventually(secs(30), &format!("the nodes are {wanted:?}, and up"), || async {
        let names = cluster.admin().ring().await.names();
        let changes = cluster.admin().changes().await;
        let ended = |change| matches!(harness::admin::state(change), "done" | "failed" | "cancelled");
        if names == wanted && changes.iter().all(ended) {
            Ok(())
        } else {
            Err(format!("{names:?} {changes:?}"))
        }
    })
    .await;
    cluster.admin().ready(secs(30)).await;
}
