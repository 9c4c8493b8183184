//! Starts that must be refused: each says why and what to do, and leaves alone what is there.

use std::path::PathBuf;

use harness::process::Refusal;
use harness::scratch::Scratch;
use harness::{Cluster, Node, Setup, secs, story};

#[test]
fn a_second_proxy_on_the_same_data_is_refused() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        let refusal = Setup::new().data(cluster.data()).refused().await;
        says(&refusal, &["keyway-data", "another"]);
        cluster.client().put("k", "v").send().await.is(201);
        assert_eq!(cluster.children().len(), 3);
    });
}

#[test]
fn a_second_kvnode_on_the_same_data_is_refused() {
    story(secs(60), || async {
        let scratch = Scratch::new();
        let node = Node::alone("alone", &scratch).await;
        let refusal =
            Node::try_started(&Node::launch("alone", &scratch)).await.expect_err("a second kvnode started");
        says(&refusal, &["alone", "another"]);
        node.client().put("k", "v").send().await.is(201);
    });
}

#[test]
fn a_port_in_use_is_refused_by_proxy_and_node() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        let taken = cluster.address().to_string();
        says(&Setup::new().flag("--listen", &taken).refused().await, &[&taken, "in use"]);
        let scratch = Scratch::new();
        let launch = harness::launch::Launch::keyway("node", &scratch)
            .arg("kvnode")
            .flag("--name", "node")
            .flag("--listen", &taken)
            .flag("--data", scratch.path("node"));
        says(&Node::try_started(&launch).await.expect_err("a second listener"), &[&taken, "in use"]);
        cluster.client().put("k", "v").send().await.is(201);
    });
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    story(secs(60), || async {
        let scratch = Scratch::new();
        // Permissions do not stop root; a file in the way and a file system without new folders stop everyone.
        let below_a_file = scratch.file("file", "").join("data");
        for folder in [below_a_file, PathBuf::from("/proc/keyway-data")] {
            let path = folder.display().to_string();
            says(&Setup::new().data(&folder).refused().await, &[&path]);
            let launch = harness::launch::Launch::keyway("node", &scratch)
                .arg("kvnode")
                .flag("--name", "node")
                .flag("--listen", "127.0.0.1:0")
                .flag("--data", &folder);
            says(&Node::try_started(&launch).await.expect_err("it started"), &[&path]);
        }
    });
}

#[test]
fn points_that_differ_from_the_clusters_are_refused() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        cluster.client().put("k", "v").send().await.is(201);
        cluster.stop().await;
        let other = Setup::new().data(cluster.data()).config("points = 2048\n");
        says(&other.refused().await, &["points", "2048", "4096"]);
        cluster.start_again().await;
        assert_eq!(cluster.client().get("k").send().await.expect(200).text(), "v");
    });
}

#[test]
fn all_mistakes_of_a_configuration_are_told_at_once_with_their_places() {
    story(secs(60), || async {
        let toml = "lisen = \"127.0.0.1:0\"\npoints = \"many\"\n\n[admin]\n  colour = 1\n";
        let refusal = Setup::new().config(toml).refused().await;
        says(&refusal, &["keyway.toml", "lisen", "colour", "points"]);
        for place in ["1:1", "2:10", "5:3"] {
            let (line, column) = place.split_once(':').expect("line and column");
            let words = format!("line {line}, column {column}");
            let found = refusal.said.contains(place) || refusal.said.contains(&words);
            assert!(found, "it does not say {place}:\n{}", refusal.said);
        }
        says(&Setup::new().config("[[[").refused().await, &["keyway.toml", "1"]);
    });
}

#[test]
fn an_unknown_flag_or_a_bad_value_is_refused_by_name() {
    story(secs(60), || async {
        says(&Setup::new().env("KEYWAY_ADMIN_TOKEN", "short").refused().await, &["KEYWAY_ADMIN_TOKEN", "16"]);
        says(&Setup::new().flag("--nods", "3").refused().await, &["--nods", "--nodes"]);
        says(&Setup::new().flag("--workers", "none").refused().await, &["--workers", "none"]);
        says(&Setup::new().flag("--listen", "nowhere").refused().await, &["nowhere"]);
        says(
            &Setup::new().flag("--config", "/nonexistent/keyway.toml").refused().await,
            &["/nonexistent/keyway.toml"],
        );
    });
}

#[test]
fn a_data_folder_of_an_unknown_format_is_refused_and_left_alone() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        cluster.stop().await;
        let file = cluster.data().join("view.json");
        let good = std::fs::read_to_string(&file).expect("a view");
        for bad in [
            good.replacen("\"format\":1", "\"format\":99", 1),
            good[..good.len() / 2].to_owned(),
            String::new(),
        ] {
            assert_ne!(bad, good, "the test must change something");
            std::fs::write(&file, &bad).expect("the view is a file");
            says(&Setup::new().data(cluster.data()).refused().await, &["view.json"]);
            assert_eq!(
                std::fs::read_to_string(&file).expect("still there"),
                bad,
                "a refused start wrote to it"
            );
        }
        std::fs::write(&file, good).expect("the view is a file");
        cluster.start_again().await;
    });
}

fn says(refusal: &Refusal, words: &[&str]) {
    assert!(!refusal.status.success(), "it refused, but ended with success:\n{}", refusal.said);
    assert!(!refusal.said.contains("panicked"), "{}", refusal.said);
    let said = refusal.said.to_lowercase();
    for word in words {
        assert!(said.contains(&word.to_lowercase()), "it does not mention {word:?}:\n{}", refusal.said);
    }
}
