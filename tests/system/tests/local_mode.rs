//! Local mode: one command gives a proxy and its nodes, and the same ones again after a restart.

use harness::{Client, Cluster, Setup, eventually, secs, story};
use serde_json::Value;

use crate::support::{all_there, filled};

#[test]
fn the_ready_line_tells_every_address_and_all_of_the_ring_serves() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        let nodes = cluster.announced();
        let names: Vec<&str> = nodes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["n1", "n2", "n3"]);
        assert!(cluster.data().is_absolute() && cluster.data().is_dir());
        cluster.admin().client().ask("GET", "/admin/ready").send().await.is(200);
        cluster.admin().client().ask("GET", "/admin/live").send().await.is(200);
        assert_eq!(cluster.children().len(), 3);
        for (name, url) in nodes {
            assert_eq!(cluster.admin().ring().await.url(&name), url);
            // Whatever a node says to a stranger, it is there and speaks HTTP.
            Client::of_url(&url).get("any").send().await;
        }
        cluster.client().put("first", "value").send().await.is(201);
        assert_eq!(cluster.client().get("first").send().await.expect(200).text(), "value");
    });
}

#[test]
fn a_restart_brings_back_the_same_nodes_and_data() {
    story(secs(90), || async {
        let mut cluster = Setup::new().nodes(2).start().await;
        let history = filled(&cluster, 300).await;
        let before = cluster.admin().ring().await;
        cluster.restart().await;
        cluster.admin().ready(secs(20)).await;
        let after = cluster.admin().ring().await;
        let ids = |ring: &harness::admin::RingShown| -> Vec<(String, Value)> {
            ring.nodes().into_iter().map(|(name, node)| (name, node["id"].clone())).collect()
        };
        assert_eq!(ids(&before), ids(&after));
        assert_eq!(before.digest(), after.digest());
        all_there(&cluster, &history).await;
    });
}

#[test]
fn no_child_outlives_the_proxy_even_after_kill_9() {
    story(secs(90), || async {
        let mut cluster = Cluster::start().await;
        let history = filled(&cluster, 200).await;
        // Both calls wait until no child is left.
        cluster.kill().await;
        cluster.start_again().await;
        all_there(&cluster, &history).await;
        cluster.stop().await;
    });
}

#[test]
fn a_node_that_dies_is_started_again_with_its_data() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        let history = filled(&cluster, 200).await;
        let killed = cluster.kill_node("n2");
        cluster.started_again("n2", &killed).await;
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_request_without_key_to_the_root_explains_what_this_is() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        let page = cluster.client().ask("GET", "/").send().await.expect(200);
        for word in ["Keyway", "curl", "/admin/stats"] {
            assert!(page.text().contains(word), "no {word:?} on the page: {page:?}");
        }
    });
}

#[test]
fn the_secret_is_for_the_owner_only_and_never_in_arguments_or_logs() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        use std::os::unix::fs::PermissionsExt;
        let file = cluster.secret_file();
        assert_eq!(std::fs::metadata(&file).expect("a secret file").permissions().mode() & 0o777, 0o600);
        let secret = std::fs::read_to_string(&file).expect("text").trim().to_owned();
        assert!(secret.len() >= 32, "a short secret");
        for child in cluster.children() {
            assert!(!child.arguments.iter().any(|argument| argument.contains(&secret)), "{child:?}");
        }
        cluster.admin().carried_out(cluster.admin().add_own(), secs(30)).await;
        assert!(!harness::cluster::log(cluster.scratch()).contains(&secret), "the secret is in a log");
    });
}

#[test]
fn a_first_start_may_have_any_number_of_nodes() {
    story(secs(60), || async {
        let cluster = Setup::new().nodes(5).start().await;
        assert_eq!(cluster.admin().ring().await.names(), ["n1", "n2", "n3", "n4", "n5"]);
        eventually(secs(10), "all of the ring serves", || async {
            let answer = cluster.admin().client().ask("GET", "/admin/ready").send().await;
            if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
        })
        .await;
    });
}
