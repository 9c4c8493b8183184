//! Nodes that join: started by the proxy or taken in while they run. Keys move to them, and only to them.

use std::collections::BTreeMap;

use harness::admin::{accepted, state};
use harness::{Cluster, Node, secs, story};
use serde_json::Value;
use system::receipt;

use crate::support::{Decisions, all_there, filled};

#[test]
fn an_empty_add_server_starts_a_node_and_moves_to_it_just_its_keys() {
    story(secs(90), || async {
        let mut cluster = Cluster::start().await;
        let history = filled(&cluster, 2000).await;
        let keys: Vec<String> = (0..300).map(|key| history.content().name(key)).collect();
        let foreseen = cluster.admin().owners_if(keys.clone(), "&with=n4").await;
        let before = cluster.admin().owners(keys.clone()).await;

        let change = cluster.admin().carried_out(cluster.admin().add_own(), secs(30)).await;
        assert_eq!(change["kind"], "add-server", "{change:#}");
        let after = cluster.admin().owners(keys).await;
        assert_eq!(after, foreseen);
        let moved = after.iter().filter(|(key, owner)| before[*key] != **owner);
        assert!(moved.clone().count() > 30 && moved.clone().all(|(_, owner)| owner == "n4"));
        assert_eq!(cluster.admin().ring().await.names(), ["n1", "n2", "n3", "n4"]);
        assert_eq!(cluster.children().len(), 4);
        for (key, owner) in &after {
            assert_eq!(cluster.client().get(key).send().await.header("keyway-node"), owner);
        }
        let (records, _) = receipt::agreed(&change);
        assert!(records > 300, "{change:#}");
        assert!(receipt::longest_hold_us(&change) < 1_000_000, "{change:#}");
        all_there(&cluster, &history).await;
        cluster.restart().await;
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_running_node_is_taken_in_and_asking_again_is_no_second_change() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 1000).await;
        let node = Node::for_cluster("extra", &cluster).await;
        let place = accepted(&cluster.admin().add(&node.introduction()).send().await);
        let again = cluster.admin().add(&node.introduction()).send().await;
        assert!(again.status == 200 || accepted(&again) == place, "{again:?}");
        assert_eq!(state(&cluster.admin().ended(&place, secs(30)).await), "done");
        cluster.admin().add(&node.introduction()).send().await.is(200);
        assert_eq!(cluster.admin().changes().await.len(), 1);
        let ring = cluster.admin().ring().await;
        assert_eq!(ring.names(), ["extra", "n1", "n2", "n3"]);
        assert_eq!(ring.url("extra"), node.url());
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_node_can_be_taken_in_with_a_weight() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 1000).await;
        let node = Node::for_cluster("big", &cluster).await;
        let mut introduction = node.introduction();
        introduction["weight"] = 3.into();
        cluster.admin().carried_out(cluster.admin().add(&introduction), secs(30)).await;
        let share = cluster.admin().ring().await.shares()["big"];
        assert!((share - 0.5).abs() < 0.03, "{share}");
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_dry_run_changes_nothing_and_foretells_what_happens() {
    story(secs(90), || async {
        let mut cluster = Cluster::start().await;
        let history = filled(&cluster, 2000).await;
        for (dry, real) in [
            (cluster.client().ask("POST", "/add-server?dry_run=true"), cluster.admin().add_own()),
            (
                cluster.client().ask("POST", "/remove-server?dry_run=true&name=n2"),
                cluster.client().ask("POST", "/remove-server?name=n2"),
            ),
        ] {
            let before = Decisions::of(&mut cluster).await;
            let plan = dry.send().await.expect(200).json();
            before.still_stand(&mut cluster).await;
            let change = cluster.admin().carried_out(real, secs(30)).await;
            let (records, bytes) = receipt::agreed(&change);
            let foretold =
                |field: &str| plan[field].as_u64().unwrap_or_else(|| panic!("no {field} in {plan:#}"));
            // Counts are of all keys, moved shares are exact: an estimate is allowed to be a little off.
            assert_near(foretold("keys"), records, &plan);
            assert_near(foretold("bytes"), bytes, &plan);
            assert!(foretold("ranges") > 0);
            let after = cluster.admin().ring().await.shares();
            for (name, share) in foretold_shares(&plan) {
                let found = after.get(&name).copied().unwrap_or(0.0);
                assert!((share - found).abs() < 1e-9, "{name}: {found} against {plan:#}");
            }
        }
        all_there(&cluster, &history).await;
    });
}

fn assert_near(foretold: u64, found: u64, plan: &Value) {
    let off = foretold.abs_diff(found) as f64 / found.max(1) as f64;
    assert!(off < 0.15, "{foretold} foretold, {found} found: {plan:#}");
}

/// The shares that the plan says the nodes will have.
fn foretold_shares(plan: &Value) -> BTreeMap<String, f64> {
    let shares = plan["shares"].as_array().unwrap_or_else(|| panic!("no shares in {plan:#}"));
    let after = |node: &Value| node["after"].as_f64().unwrap_or_else(|| panic!("no share in {node}"));
    shares.iter().map(|node| (node["name"].as_str().unwrap_or_default().to_owned(), after(node))).collect()
}

#[test]
fn a_request_can_wait_for_the_end_of_its_change() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 500).await;
        let done = cluster.client().ask("POST", "/add-server?wait=30s").send().await.expect(200);
        assert_eq!(state(&done.json()), "done", "{done:?}");
        assert_eq!(cluster.admin().ring().await.names().len(), 4);
        // Too short a wait is no error: the change goes on.
        let place = accepted(&cluster.client().ask("POST", "/remove-server?name=n4&wait=1ms").send().await);
        assert_eq!(state(&cluster.admin().ended(&place, secs(30)).await), "done");
        cluster.client().ask("POST", "/add-server?wait=soon").send().await.problem(400, &["wait"]);
        all_there(&cluster, &history).await;
    });
}
