//! Whether a cluster at rest stores what a history says, no more and no less.

use std::sync::Arc;
use std::time::Duration;

use checkers::contents::Contents;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::history::History;
use crate::workload::Workload;

/// What a cluster stores when nobody writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// What reading every key has shown.
    pub contents: Contents,
    /// The sum of the nodes' digests. It covers more than a client sees (the exact time of each change), so it
    /// cannot be compared with a history, but it stays what it is wherever the records go.
    pub digest: u128,
}

/// Reads every key back and has the cluster count. What is read, what `POST /admin/verify` counts on the owners
/// (keys and bytes) and, where every write got a definite answer, what the history says must be equal.
///
/// # Panics
/// Where they are not, or where `verify` does not find every key on its owner and nowhere else within `limit`.
pub async fn settled(cluster: &Cluster, load: &Workload, history: &Arc<History>, limit: Duration) -> Settled {
    let read = load.read_back(cluster.client(), history).await;
    read.clean(history.len() as usize);
    let verified = cluster.admin().verified(limit).await;
    let count =
        |field: &str| verified[field].as_u64().unwrap_or_else(|| panic!("no {field} in {verified:#}"));
    let contents = read.read;
    let counted = (count("keys"), count("bytes"));
    assert_eq!(counted, (contents.records, contents.bytes), "counted and read back differ: {verified:#}");
    if let Some(expected) = history.contents() {
        assert_eq!(contents, expected, "what is read back is not what was written");
    }
    Settled { contents, digest: digest(&verified) }
}

fn digest(verified: &Value) -> u128 {
    let nodes = verified["nodes"].as_array().unwrap_or_else(|| panic!("no nodes in {verified:#}"));
    let of = |node: &Value| {
        let text = node["owned"]["digest"].as_str();
        let digest = text.and_then(|text| u128::from_str_radix(text, 16).ok());
        digest.unwrap_or_else(|| panic!("no digest in {node:#}"))
    };
    nodes.iter().map(of).fold(0, u128::wrapping_add)
}
