//! A node that dies takes down its own ranges for a while, and nothing else; what it acknowledged is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use harness::history::{Content, History};
use harness::launch::Launch;
use harness::workload::{Failure, Workload};
use harness::{Answer, Cluster, Node, eventually, secs, story_alone};

use crate::support::{SLOW, all_there, copying, filled_with_pages, slow_addition, unlimited};

const KEYS: u32 = 1000;

#[test]
fn kill_9_of_a_node_stops_its_ranges_only_and_loses_nothing_acknowledged() {
    story_alone(secs(120), || async {
        let cluster = Cluster::start().await;
        let (mut node, launch) = taken_in(&cluster).await;
        let history = Arc::new(History::new(Content::small(11, KEYS)));
        let owners = cluster.admin().owners((0..KEYS).map(|key| history.content().name(key))).await;
        let load = Workload::new(8).forgive(only_of("extra", &owners));
        let running = load.start(cluster.client(), &history);
        running.proceed(3000).await;
        node.process.kill();

        let its =
            owners.iter().find(|(_, owner)| *owner == "extra").map(|(key, _)| key).expect("a key of it");
        eventually(secs(10), "its keys are refused with a 503", || async {
            let answer = cluster.client().get(its).send().await;
            if answer.status == 503 { Ok(answer) } else { Err(format!("{answer:?}")) }
        })
        .await
        .unavailable();
        // Down and known to be down: it fails at once, for writes too, as long as the node is away.
        for _ in 0..50 {
            let start = Instant::now();
            cluster.client().put(its, "v").header("if-match", "\"none\"").send().await.unavailable();
            assert!(start.elapsed() < secs(2), "{:?}", start.elapsed());
        }
        eventually(secs(5), "/admin/ready says that not all of the ring serves", || async {
            let answer = cluster.admin().client().ask("GET", "/admin/ready").send().await;
            if answer.status == 503 { Ok(()) } else { Err(format!("{answer:?}")) }
        })
        .await;
        running.proceed(3000).await;

        drop(node);
        let node = Node::started(&launch).await;
        cluster.admin().ready(secs(20)).await;
        running.proceed(3000).await;
        let report = running.stop().await;
        println!("{report}");
        report.clean(9000);
        assert!(report.forgiven > 0, "the fault was not felt");
        all_there(&cluster, &history).await;
        drop(node);
    });
}

#[test]
fn own_nodes_killed_at_random_under_load_come_back_with_everything_acknowledged() {
    story_alone(secs(150), || async {
        let mut cluster = Cluster::start().await;
        let history = Arc::new(History::new(Content::small(12, KEYS)));
        let owners = cluster.admin().owners((0..KEYS).map(|key| history.content().name(key))).await;
        let running = Workload::new(8)
            .forgive(|failure| failure.answer.as_ref().is_ok_and(Answer::is_trouble))
            .start(cluster.client(), &history);
        for node in ["n1", "n2", "n3", "n2"] {
            running.proceed(2000).await;
            let killed = cluster.kill_node(node);
            cluster.started_again(node, &killed).await;
        }
        running.proceed(1000).await;
        running.stop().await.clean(9000);
        assert_eq!(
            cluster.admin().owners(owners.keys().cloned()).await,
            owners,
            "a crash must not move a key"
        );
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_node_that_hangs_fails_fast_after_a_while_and_goes_on_when_it_wakes() {
    story_alone(secs(120), || async {
        let cluster = Cluster::start().await;
        let (mut node, _) = taken_in(&cluster).await;
        let history = Arc::new(History::new(Content::small(13, KEYS)));
        let owners = cluster.admin().owners((0..KEYS).map(|key| history.content().name(key))).await;
        let load = Workload::new(8).forgive(only_of("extra", &owners));
        // Clients that wait for the node that hangs must not be the only ones.
        let others: Vec<&String> =
            owners.iter().filter(|(_, owner)| *owner != "extra").map(|(key, _)| key).collect();
        load.fill(cluster.client(), &history).await.clean(KEYS as usize);
        node.process.pause();
        let its =
            owners.iter().find(|(_, owner)| *owner == "extra").map(|(key, _)| key).expect("a key of it");
        eventually(secs(20), "it fails fast", || async {
            let start = Instant::now();
            let answer = cluster.client().get(its).send().await;
            if answer.status == 503 && start.elapsed() < secs(1) {
                Ok(answer)
            } else {
                Err(format!("after {:?}: {answer:?}", start.elapsed()))
            }
        })
        .await
        .unavailable();
        for key in others.iter().take(100) {
            cluster.client().get(key).send().await.is(200);
        }
        node.process.resume();
        cluster.admin().ready(secs(20)).await;
        cluster.client().get(its).send().await.is(200);
        let running = load.start(cluster.client(), &history);
        running.proceed(2000).await;
        running.stop().await.clean(2000);
        all_there(&cluster, &history).await;
    });
}

#[test]
fn kill_9_of_either_side_of_a_move_delays_the_change_and_loses_nothing() {
    story_alone(secs(240), || async {
        let mut cluster = Cluster::start().await;
        let history = filled_with_pages(&cluster).await;
        let running = Workload::new(8)
            .forgive(|failure| failure.answer.as_ref().is_ok_and(Answer::is_trouble))
            .start(cluster.client(), &history);
        // An old owner, the newcomer itself, and an old owner again.
        for victim in ["n1", "n5", "n3"] {
            let place = slow_addition(&cluster, SLOW).await;
            copying(&cluster, &place).await;
            running.proceed(500).await;
            cluster.kill_node(victim);
            running.proceed(500).await;
            unlimited(&cluster, &place).await;
            let change = cluster.admin().ended(&place, secs(60)).await;
            assert_eq!(harness::admin::state(&change), "done", "{change:#}");
            let _sums = system::receipt::agreed(&change);
        }
        running.stop().await.clean(3000);
        cluster.admin().ready(secs(20)).await;
        all_there(&cluster, &history).await;
        assert_eq!(cluster.admin().ring().await.names().len(), 6);
    });
}

/// A node that the proxy did not start, and so does not start again either.
async fn taken_in(cluster: &Cluster) -> (Node, Launch) {
    let node = Node::for_cluster("extra", cluster).await;
    cluster.admin().carried_out(cluster.admin().add(&node.introduction()), secs(30)).await;
    // The same address again after a crash, so that the cluster finds it.
    let again = Launch::keyway("extra", cluster.scratch())
        .arg("kvnode")
        .flag("--name", "extra")
        .flag("--listen", node.client().address().to_string())
        .flag("--data", node.data())
        .env("KEYWAY_CLUSTER_SECRET_FILE", cluster.secret_file());
    (node, again)
}

/// Forgives answers of 502, 503 and 504 for the keys of one node. The first must say when to come again, the
/// others are about requests that were under way when the node died.
fn only_of(node: &'static str, owners: &BTreeMap<String, String>) -> impl Fn(&Failure) -> bool + use<> {
    let owners = owners.clone();
    move |failure| match &failure.answer {
        Ok(answer) if owners[&failure.key] == node => match answer.status {
            503 => answer.header("retry-after").parse::<u32>().is_ok(),
            502 | 504 => answer.header("proxy-status").starts_with("keyway"),
            _ => false,
        },
        _ => false,
    }
}
