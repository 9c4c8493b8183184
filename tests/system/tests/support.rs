//! What several subjects need.

use std::sync::Arc;

use harness::admin::{accepted, state};
use harness::history::{Content, History};
use harness::scratch::Scratch;
use harness::settled::{Settled, settled};
use harness::workload::Workload;
use harness::{Answer, Cluster, Node, eventually, secs};
use serde_json::{Value, json};

/// The decisions of a cluster, to show that a refused request changed none of them.
#[derive(Debug, PartialEq)]
pub(crate) struct Decisions {
    /// After a change decisions go on for a while by themselves: old owners report that they have cleaned up.
    epoch: Option<u64>,
    ring: Value,
    changes: Vec<Value>,
    children: usize,
    keys: Value,
}

impl Decisions {
    /// As they are now.
    pub(crate) async fn of(cluster: &mut Cluster) -> Self {
        let mut ring = cluster.admin().ring().await.decided();
        let changes = cluster.admin().changes().await;
        let epoch = ring["epoch"].take().as_u64();
        Self {
            epoch: epoch.filter(|_| changes.is_empty()),
            ring,
            changes,
            children: cluster.children().len(),
            keys: cluster.admin().verify().await.json()["keys"].clone(),
        }
    }

    /// Fails where any of them differs now.
    pub(crate) async fn still_stand(&self, cluster: &mut Cluster) {
        assert_eq!(*self, Self::of(cluster).await, "a refused request changed something");
    }
}

/// Fails unless a request was refused by a problem that has all of these words. Which of the client errors
/// (or, for a node that cannot be reached, of the gateway errors) it is, is not part of the promise.
#[track_caller]
pub(crate) fn refused(answer: &Answer, words: &[&str]) {
    assert!((400..500).contains(&answer.status) || (502..=504).contains(&answer.status), "{answer:?}");
    answer.problem(answer.status, words);
}

/// Stores so many small keys and answers the history that knows them.
pub(crate) async fn filled(cluster: &Cluster, keys: u32) -> Arc<History> {
    let history = Arc::new(History::new(Content::small(u64::from(keys), keys)));
    Workload::new(8).fill(cluster.client(), &history).await.clean(keys as usize);
    history
}

/// Stores 12 MB in 6000 keys: a quarter of it is several pages for each node that sends some.
pub(crate) async fn filled_with_pages(cluster: &Cluster) -> Arc<History> {
    let content = Content { size: |_| 1500..2500, ..Content::small(6, 6000) };
    let history = Arc::new(History::new(content));
    Workload::new(16).fill(cluster.client(), &history).await.clean(6000);
    history
}

/// A rate at which the copying of these takes about ten seconds.
pub(crate) const SLOW: u64 = 100_000;

/// Fails unless every key of the history is read back, `verify` finds each on its owner and nowhere else, and
/// there is nothing besides.
pub(crate) async fn all_there(cluster: &Cluster, history: &Arc<History>) -> Settled {
    settled(cluster, &Workload::new(8), history, secs(30)).await
}

/// What `/admin/stats.json` and `/admin/ready` say, until it has these words.
pub(crate) async fn told(cluster: &Cluster, words: &[&str]) {
    eventually(secs(20), &format!("it says {words:?}"), || async {
        let ready = cluster.admin().client().ask("GET", "/admin/ready").send().await;
        let stats = cluster.admin().client().ask("GET", "/admin/stats.json").send().await;
        let said = format!("{ready:?} {}", stats.json());
        if ready.status == 503 && words.iter().all(|word| said.contains(word)) { Ok(()) } else { Err(said) }
    })
    .await;
}

/// Asks for a node of the proxy's own that gets its keys so slowly, in bytes a second, that the change is still
/// under way when the story goes on. Answers the change's `Location`.
pub(crate) async fn slow_addition(cluster: &Cluster, rate: u64) -> String {
    accepted(&cluster.admin().add_own().json(&json!({"rate": rate})).send().await)
}

/// Lets a slow change go on at full speed; one that is over needs no help.
pub(crate) async fn unlimited(cluster: &Cluster, place: &str) {
    let answer = cluster.admin().patch_change(place, &json!({"rate": null})).send().await;
    assert!(matches!(answer.status, 200 | 409), "{answer:?}");
}

/// Waits until a change is being carried out.
pub(crate) async fn running(cluster: &Cluster, place: &str) {
    eventually(secs(20), "the change runs", || async {
        let change = cluster.admin().change(place).await;
        if state(&change) == "running" { Ok(()) } else { Err(change.to_string()) }
    })
    .await;
}

/// Waits until a change has copied its first records.
pub(crate) async fn copying(cluster: &Cluster, place: &str) {
    eventually(secs(20), "records are being copied", || async {
        let change = cluster.admin().change(place).await;
        if change["keys"]["done"].as_u64().is_some_and(|keys| keys > 0) {
            Ok(())
        } else {
            Err(change.to_string())
        }
    })
    .await;
}

/// A cluster and a stand-alone node: what a client may expect of either is the same.
pub(crate) struct Both {
    pub(crate) cluster: Cluster,
    pub(crate) node: Node,
    _scratch: Scratch,
}

impl Both {
    pub(crate) async fn start() -> Self {
        let scratch = Scratch::new();
        let node = Node::alone("alone", &scratch).await;
        Self { cluster: Cluster::start().await, node, _scratch: scratch }
    }

    /// A client of each, with its name for messages.
    pub(crate) fn clients(&self) -> [(&'static str, harness::Client); 2] {
        [
            ("through the proxy", self.cluster.client().clone()),
            ("on a node alone", self.node.client().clone()),
        ]
    }
}
