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
        let mut heavy = node.introduction();
        heavy["weight"] = 3.into();
        cluster.admin().carried_out(cluster.admin().add(&heavy), secs(30)).await;
        let keys = (0..500).map(|key| history.content().name(key));
        let owners = cluster.admin().owners(keys).await;
        let (its, _) = owners.iter().find(|(_, owner)| *owner == "extra").expect("a key of the new node");
        cluster.admin().carried_out(cluster.admin().remove("extra"), secs(30)).await;
        assert!(node.process.running());
        let stale = node.client().get(its).send().await;
        assert!(matches!(stale.status, 421 | 503), "a removed node answers: {stale:?}");
        all_there(&cluster, &history).await;

        // It may come back only when someone says that its old data may go, and then all of it goes: with a lower
        // weight it gets only a part of what it had.
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
        let its = owners.values().filter(|owner| *owner == "extra").count();
        let force =
            |more: &str| cluster.client().ask("POST", format!("/remove-server?name=extra&force=true{more}"));
        // Nobody is dead who was heard of just now.
        let plan = eventually(secs(20), "it counts as dead", || async {
            let answer = force("&dry_run=true").send().await;
            if answer.status == 409 { Err(format!("{answer:?}")) } else { Ok(answer.expect(200).json()) }
        })
        .await;
        assert_eq!(plan["lost"]["keys"], its, "{plan:#}");
        let change = cluster.admin().ended(&accepted(&force("").send().await), secs(60)).await;
        assert_eq!(state(&change), "done", "{change:#}");
        let lost = &change["lost"];
        assert_eq!(lost["keys"], its, "{change:#}");
        assert!(lost["ranges"].as_u64().is_some_and(|ranges| ranges > 1000), "{change:#}");
        assert!(lost["reported_seconds_ago"].as_u64().is_some_and(|age| age < 60), "{change:#}");
        cluster.admin().ready(secs(20)).await;
        for (key, owner) in owners {
            let status = cluster.client().get(&key).send().await.status;
            assert_eq!(status, if owner == "extra" { 404 } else { 200 }, "{key} of {owner}");
        }
    });
}

#[test]
fn a_dry_run_counts_on_the_ring_that_the_waiting_changes_leave() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        filled(&cluster, 200).await;
        let paused = serde_json::json!({"name": "n3", "paused": true});
        let _place = accepted(&cluster.client().ask("POST", "/remove-server").json(&paused).send().await);
        let plan = cluster.client().ask("POST", "/remove-server?name=n2&dry_run=true").send().await;
        let plan = plan.expect(200).json();
        let moves = plan["moves"].as_array().cloned().unwrap_or_default();
        assert_eq!(moves.len(), 1, "n3 is leaving, so all of n2 goes to n1: {plan:#}");
        assert_eq!((moves[0]["from"].as_str(), moves[0]["to"].as_str()), (Some("n2"), Some("n1")));
    });
}
