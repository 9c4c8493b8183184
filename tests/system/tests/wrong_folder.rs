//! Another data folder behind the address of a node, with its name and the cluster's secret: of a member, and of the
//! target of a change. It gets and serves nothing, what is wrong is said, and with the right folder all goes on.

use std::path::Path;

use harness::admin::{accepted, state};
use harness::launch::Launch;
use harness::workload::Workload;
use harness::{Answer, Cluster, Node, Setup, eventually, secs, story};

use crate::support::{all_there, filled, told};

#[test]
fn another_folder_behind_a_members_address_serves_nothing_until_the_right_one_is_back() {
    story(secs(120), || async {
        let cluster = Cluster::start().await;
        let mut node = Node::for_cluster("extra", &cluster).await;
        cluster.admin().carried_out(cluster.admin().add(&node.introduction()), secs(30)).await;
        let history = filled(&cluster, 400).await;
        let owners = cluster.admin().owners((0..400).map(|key| history.content().name(key))).await;
        let (address, data) = (node.client().address().to_string(), node.data().to_owned());
        let launch = |data: &Path| {
            Launch::keyway("extra", cluster.scratch())
                .arg("kvnode")
                .flag("--name", "extra")
                .flag("--listen", &address)
                .flag("--data", data)
                .env("KEYWAY_CLUSTER_SECRET_FILE", cluster.secret_file())
        };
        node.process.kill();
        drop(node);
        // The same name, address and secret, and an empty disk.
        let other = Node::started(&launch(&cluster.scratch().path("another"))).await;
        told(&cluster, &["extra", "another data folder", "restore the folder"]).await;
        for (key, owner) in &owners {
            let answer = cluster.client().get(key).send().await;
            assert_eq!(
                answer.status,
                if owner == "extra" { 503 } else { 200 },
                "{key} of {owner}: {answer:?}"
            );
        }
        drop(other);
        let back = Node::started(&launch(&data)).await;
        cluster.admin().ready(secs(20)).await;
        all_there(&cluster, &history).await;
        drop(back);
    });
}

#[test]
fn another_folder_behind_the_address_of_the_target_of_a_change_gets_nothing_and_the_right_one_completes_it() {
    // While records are copied, and right after the switch, when the old owners do not serve any more.
    for moment in ["target.page.synced", "target.seal.taken"] {
        // Building it takes its time, which is not the story's.
        let _program = harness::binary::with_fail_points();
        story(secs(120), || wrong_target(moment));
    }
}

/// The target dies at this moment, and comes back with another folder before it does with its own.
async fn wrong_target(moment: &str) {
    let cluster = Setup::new().nodes(2).start().await;
    let history = filled(&cluster, 400).await;
    let reached = cluster.scratch().path("reached");
    let launch = |address: &str| {
        let launch = Node::launch_at(address, "extra", cluster.scratch());
        launch.env("KEYWAY_CLUSTER_SECRET_FILE", cluster.secret_file())
    };
    let dies = launch("127.0.0.1:0").program(harness::binary::with_fail_points());
    let node = Node::started(&dies.env("FAIL_POINT", format!("{moment}=kill@{}", reached.display()))).await;
    let (address, introduction) = (node.client().address().to_string(), node.introduction());
    let clients = Workload::new(4)
        .forgive(|failure| failure.answer.as_ref().is_ok_and(Answer::is_trouble))
        .start(cluster.client(), &history);
    let place = accepted(&cluster.admin().add(&introduction).send().await);
    eventually(secs(20), "the target dies", || async {
        if reached.exists() { Ok(()) } else { Err(cluster.admin().change(&place).await.to_string()) }
    })
    .await;
    drop(node);

    // The same name, address and secret, and an empty disk.
    let other = Launch::keyway("other", cluster.scratch()).arg("kvnode").flag("--name", "extra");
    let other = other.flag("--listen", &address).flag("--data", cluster.scratch().path("another"));
    let other = Node::started(&other.env("KEYWAY_CLUSTER_SECRET_FILE", cluster.secret_file())).await;
    eventually(secs(20), "the change says what it waits for", || async {
        let change = cluster.admin().change(&place).await;
        let blocked = change["blocked"].as_str().unwrap_or_default();
        let said =
            ["extra", "another data folder", "restore the folder"].iter().all(|word| blocked.contains(word));
        if said { Ok(()) } else { Err(change.to_string()) }
    })
    .await;
    clients.proceed(300).await;
    let change = cluster.admin().change(&place).await;
    assert_eq!(state(&change), "running", "{change:#}");
    let empty = other.client().ask("GET", "/kv?key=key1").send().await;
    assert!(matches!(empty.status, 404 | 421 | 503), "the other folder got a record: {empty:?}");
    drop(other);

    let back = Node::started(&launch(&address)).await;
    let change = cluster.admin().ended(&place, secs(60)).await;
    assert_eq!(state(&change), "done", "{change:#}");
    cluster.admin().ready(secs(20)).await;
    clients.proceed(300).await;
    clients.stop().await.clean(600);
    assert_eq!(cluster.admin().ring().await.names(), ["extra", "n1", "n2"]);
    all_there(&cluster, &history).await;
    drop(back);
}
