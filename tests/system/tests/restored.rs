//! Old copies of what Keyway keeps, put back, of a node's folder and of the view; and the view of another cluster.
//! Whatever is wrong is noticed, nothing wrong is served, the message names the way out, and it works.

use std::path::Path;
use std::process::Command;

use harness::scratch::Scratch;
use harness::{Cluster, Setup, secs, story};
use serde_json::Value;

use crate::support::{all_there, filled, told};

/// Copies a folder as a backup would, while nobody uses it.
fn copy(from: &Path, to: &Path) {
    let _gone = std::fs::remove_dir_all(to);
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(copied.success(), "cp {} {}", from.display(), to.display());
}

#[test]
fn an_old_copy_of_a_nodes_folder_serves_nothing_until_the_newest_is_put_back() {
    story(secs(120), || async {
        let mut cluster = Cluster::start().await;
        let history = filled(&cluster, 400).await;
        let owners = cluster.admin().owners((0..400).map(|key| history.content().name(key))).await;
        let folder = cluster.data().join("nodes/n2");
        let (old, newest) = (cluster.scratch().path("n2-old"), cluster.scratch().path("n2-newest"));
        cluster.stop().await;
        copy(&folder, &old);
        // Each start is remembered by both sides, so the copy is of the past from here on.
        cluster.start_again().await;
        cluster.admin().ready(secs(20)).await;
        cluster.stop().await;
        copy(&folder, &newest);
        copy(&old, &folder);

        cluster.start_again().await;
        told(&cluster, &["n2", "rolled back", "put the newest copy back"]).await;
        for (key, owner) in &owners {
            let answer = cluster.client().get(key).send().await;
            assert_eq!(answer.status, if owner == "n2" { 503 } else { 200 }, "{key} of {owner}: {answer:?}");
        }
        cluster.stop().await;
        copy(&newest, &folder);
        cluster.start_again().await;
        all_there(&cluster, &history).await;
    });
}

/// Adds a node, so that data moves; the view from before that is an old one.
async fn moved_on(cluster: &mut Cluster, old: &Path, newest: &Path) {
    let view = cluster.data().join("view.json");
    cluster.stop().await;
    copy(&view, old);
    cluster.start_again().await;
    cluster.admin().carried_out(cluster.admin().add_own(), secs(60)).await;
    cluster.admin().verified(secs(20)).await;
    cluster.stop().await;
    copy(&view, newest);
}

#[test]
fn an_old_copy_of_the_view_decides_nothing_until_the_newest_is_put_back() {
    story(secs(120), || async {
        let mut cluster = Cluster::start().await;
        let history = filled(&cluster, 400).await;
        let (old, newest) = (cluster.scratch().path("old.json"), cluster.scratch().path("newest.json"));
        moved_on(&mut cluster, &old, &newest).await;
        let view = cluster.data().join("view.json");
        copy(&old, &view);
        cluster.start_again().await;
        told(&cluster, &["old copy", "docs/moving.md"]).await;
        // No request is answered by a node that has given the key away, and no order is taken.
        let refused = cluster.admin().add_own().send().await;
        assert_eq!(refused.status, 503, "{refused:?}");
        for key in 0..400 {
            let answer = cluster.client().get(history.content().name(key)).send().await;
            assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        }
        cluster.stop().await;
        copy(&newest, &view);
        cluster.start_again().await;
        all_there(&cluster, &history).await;
        assert_eq!(cluster.admin().ring().await.names(), ["n1", "n2", "n3", "n4"]);
    });
}

#[test]
fn where_the_newest_view_is_lost_a_trusted_old_one_goes_on() {
    story(secs(120), || async {
        let scratch = Scratch::new();
        let data = scratch.path("data");
        let mut cluster = Setup::new().data(&data).start().await;
        let history = filled(&cluster, 400).await;
        let names = (0..400).map(|key| history.content().name(key));
        let stayed = cluster.admin().owners_if(names, "&with=n4").await;
        let old = scratch.path("old.json");
        moved_on(&mut cluster, &old, &scratch.path("newest.json")).await;
        copy(&old, &data.join("view.json"));
        drop(cluster);
        // What had moved to n4 is on its disk only; all else is served, and changes are possible again.
        let cluster = Setup::new().data(&data).switch("--trust-view").start().await;
        cluster.admin().ready(secs(30)).await;
        for (key, owner) in &stayed {
            let answer = cluster.client().get(key).send().await;
            assert_eq!(answer.status, if owner == "n4" { 404 } else { 200 }, "{key} of {owner}: {answer:?}");
        }
        cluster.admin().carried_out(cluster.admin().add_own(), secs(60)).await;
    });
}

#[test]
fn the_view_of_another_cluster_serves_nothing_until_the_own_one_is_put_back() {
    story(secs(120), || async {
        let mut cluster = Cluster::start().await;
        let history = filled(&cluster, 100).await;
        let (data, kept) = (cluster.data(), cluster.scratch().path("kept.json"));
        let view = data.join("view.json");
        cluster.stop().await;
        copy(&view, &kept);

        // Nodes know their cluster: with the view of another one nothing is served.
        let other = Cluster::start().await;
        let foreign: Value = other.admin().ring().await.decided();
        assert!(foreign.is_object());
        let foreign_view = other.data().join("view.json");
        copy(&foreign_view, &view);
        drop(other);
        cluster.start_again().await;
        told(&cluster, &["another cluster"]).await;
        cluster.client().get(history.content().name(1)).send().await.unavailable();
        cluster.stop().await;
        copy(&kept, &view);
        cluster.start_again().await;
        all_there(&cluster, &history).await;
    });
}
