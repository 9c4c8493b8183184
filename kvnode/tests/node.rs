//! A running node over an engine in memory, whose disk fails.

use std::sync::Arc;

use bytes::Bytes;
use hashring::Id;
use kvnode::core::Identity;
use kvnode::node::{Node, Operation, Refused, Route, Write};
use kvnode::store::cache::ReadCache;
use kvnode::store::engine::memory::MemoryEngine;

fn put(key: &'static str) -> Write {
    let operation = Operation::Put { content_type: None, content_encoding: None, value: Bytes::from("v") };
    Write { key: key.into(), operation, conditions: Default::default() }
}

#[tokio::test]
async fn only_the_write_that_the_disk_failed_over_is_of_unknown_outcome() {
    let engine = MemoryEngine::new();
    let identity = Identity { name: "n1".parse().unwrap(), id: Id(1), boot: Id(2), joins: false };
    let cache = Arc::new(ReadCache::new(0));
    let node = Node::start(identity, Arc::new(engine.clone()), cache, None, (Box::new(|| None), 0)).unwrap();
    let route = Route::default();
    node.write(put("a"), &route).await.unwrap();
    engine.fail_next_commit(true);
    let failed = node.write(put("b"), &route).await.unwrap_err();
    assert!(matches!(failed, Refused::OutcomeUnknown(_)), "{failed:?}");
    node.ended().await;
    assert_eq!(node.write(put("c"), &route).await, Err(Refused::Stopped));
}
