//! Nodes that leave: each key goes to its own successor on the ring.

use std::collections::BTreeSet;

use harness::admin::{accepted, state};
use harness::cluster::gone;
use harness::{Cluster, Node, eventually, secs, story};
use system::receipt;

use crate::support::{all_there, filled, refused};

#[test]
fn every_key_of_a_removed_node_goes_to_its_own_successor() {
    story(secs(90), || async {
        let mut cluster = harness::Setup::new().nodes(5).start().await;
        let history = filled(&cluster, 2000).await;
        let keys: Vec<String> = (0..500).map(|key| history.content().name(key)).collect();
        let before = cluster.admin().owners(keys.clone()).await;
        let foreseen = cluster.admin().owners_if(keys.clone(), "&without=n2").await;
        let child = cluster.child("n2");

        let change = cluster.admin().carried_out(cluster.admin().remove("n2"), secs(30)).await;
        let after = cluster.admin().owners(keys).await;
        assert_eq!(after, foreseen);
        let heirs: BTreeSet<&String> =
            after.iter().filter(|(key, _)| before[*key] == "n2").map(|(_, owner)| owner).collect();
        assert_eq!(heirs.len(), 4, "the keys of n2 went to {heirs:?} only");
        assert!(after.iter().all(|(key, owner)| before[key] == "n2" || before[key] == *owner));
        for (key, owner) in &after {
            assert_eq!(cluster.client().get(key).send().await.header("keyway-node"), owner);
        }
        let receipts = change["receipt"].as_array().map(Vec::len);
        assert_eq!(receipts, Some(4), "{change:#}");
        assert!(receipt::agreed(&change).0 > 200, "{change:#}");
        gone(&[child], "after its removal", secs(10)).await;
        assert!(cluster.data().join("nodes/n2").is_dir(), "its disk is left as it was");
        all_there(&cluster, &history).await;
        cluster.restart().await;
        assert_eq!(cluster.admin().ring().await.names(), ["n1", "n3", "n4", "n5"]);
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_node_can_be_removed_by_name_in_the_query_or_by_port() {
    story(secs(90), || async {
        let cluster = harness::Setup::new().nodes(4).start().await;
        let history = filled(&cluster, 300).await;
        let by_name = cluster.client().ask("POST", "/remove-server?name=n2");
        cluster.admin().carried_out(by_name, secs(30)).await;
        let url = cluster.admin().ring().await.url("n3");
        let port = url.rsplit(':').next().unwrap_or_default();
        let by_port = cluster.client().ask("POST", format!("/remove-server?port={port}"));
        cluster.admin().carried_out(by_port, secs(30)).await;
        assert_eq!(cluster.admin().ring().await.names(), ["n1", "n4"]);
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_node_that_was_taken_in_runs_on_after_its_removal_but_serves_nothing() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 500).await;
        let mut node = Node::for_cluster("extra", &cluster).await;
        cluster.admin().carried_out(cluster.admin().add(&node.introduction()), secs(30)).await;
        let keys = (0..500).map(|key| history.content().name(key));
        let owners = cluster.admin().owners(keys).await;
        let (its, _) = owners.iter().find(|(_, owner)| *owner == "extra").expect("a key of the new node");
        cluster.admin().carried_out(cluster.admin().remove("extra"), secs(30)).await;
        assert!(node.process.running());
        let stale = node.client().get(its).send().await;
        assert!(matches!(stale.status, 421 | 503), "a removed node answers: {stale:?}");
        all_there(&cluster, &history).await;

        // It may come back only when someone says that its old data may go.
        refused(&cluster.admin().add(&node.introduction()).send().await, &["erase"]);
        let mut erased = node.introduction();
        erased["erase"] = true.into();
        cluster.admin().carried_out(cluster.admin().add(&erased), secs(30)).await;
        assert_eq!(cluster.admin().ring().await.names(), ["extra", "n1", "n2", "n3"]);
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_dead_node_is_removed_only_by_force_which_tells_what_is_lost() {
    story(secs(120), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 500).await;
        let mut node = Node::for_cluster("extra", &cluster).await;
        cluster.admin().carried_out(cluster.admin().add(&node.introduction()), secs(30)).await;
        let owners = cluster.admin().owners((0..500).map(|key| history.content().name(key))).await;
        node.process.kill();
        let force = || cluster.client().ask("POST", "/remove-server?name=extra&force=true");
        // Nobody is dead who was heard of just now.
        let place = eventually(secs(20), "it counts as dead", || async {
            let answer = force().send().await;
            if answer.status == 409 { Err(format!("{answer:?}")) } else { Ok(accepted(&answer)) }
        })
        .await;
        let change = cluster.admin().ended(&place, secs(60)).await;
        assert_eq!(state(&change), "done", "{change:#}");
        assert!(change.to_string().contains("extra"), "{change:#}");
        cluster.admin().ready(secs(20)).await;
        for (key, owner) in owners {
            let status = cluster.client().get(&key).send().await.status;
            assert_eq!(status, if owner == "extra" { 404 } else { 200 }, "{key} of {owner}");
        }
    });
}
