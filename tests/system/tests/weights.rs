//! A node's weight is its share of the ring; with weight 0 it owns nothing.

use harness::{Cluster, secs, story};

use crate::support::{Decisions, all_there, filled, refused};

#[test]
fn a_heavier_node_gets_a_larger_share() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 1000).await;
        cluster.admin().carried_out(cluster.admin().reweight("n2", 2), secs(30)).await;
        let ring = cluster.admin().ring().await;
        assert_eq!(ring.nodes()["n2"]["weight"], 2);
        assert!((ring.shares()["n2"] - 0.5).abs() < 0.03, "{:?}", ring.shares());
        all_there(&cluster, &history).await;
        cluster.admin().carried_out(cluster.admin().reweight("n2", 1), secs(30)).await;
        assert!((cluster.admin().ring().await.shares()["n2"] - 1.0 / 3.0).abs() < 0.02);
        all_there(&cluster, &history).await;
    });
}

#[test]
fn weight_zero_drains_a_node_that_stays_a_member() {
    story(secs(90), || async {
        let mut cluster = Cluster::start().await;
        let history = filled(&cluster, 1000).await;
        cluster.admin().carried_out(cluster.admin().reweight("n3", 0), secs(30)).await;
        let ring = cluster.admin().ring().await;
        assert_eq!(ring.names(), ["n1", "n2", "n3"]);
        assert_eq!(ring.shares()["n3"], 0.0);
        let owners = cluster.admin().owners((0..200).map(|key| history.content().name(key))).await;
        assert!(owners.values().all(|owner| owner != "n3"));
        all_there(&cluster, &history).await;
        assert_eq!(cluster.children().len(), 3);
        cluster.restart().await;
        all_there(&cluster, &history).await;
        cluster.admin().carried_out(cluster.admin().reweight("n3", 1), secs(30)).await;
        all_there(&cluster, &history).await;
    });
}

#[test]
fn the_last_weight_cannot_go() {
    story(secs(90), || async {
        let mut cluster = harness::Setup::new().nodes(2).start().await;
        cluster.admin().carried_out(cluster.admin().reweight("n2", 0), secs(30)).await;
        let before = Decisions::of(&mut cluster).await;
        refused(&cluster.admin().remove("n1").send().await, &["last"]);
        refused(&cluster.admin().reweight("n1", 0).send().await, &["last"]);
        before.still_stand(&mut cluster).await;
    });
}

#[test]
fn a_weight_outside_the_limits_is_refused() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        let before = Decisions::of(&mut cluster).await;
        for weight in [serde_json::json!(-1), 257.into(), 1.5.into(), "2".into(), serde_json::Value::Null] {
            refused(&cluster.admin().reweight("n1", weight).send().await, &["weight"]);
        }
        refused(&cluster.admin().reweight("n9", 2).send().await, &["n9"]);
        before.still_stand(&mut cluster).await;
    });
}
