//! A small library, so that each test reads as a story.

mod client;
mod node;
mod peer;
mod proxy;

use std::time::Duration;

pub(crate) use client::Client;
pub(crate) use node::{Call, FakeNode, RawNode, Reply, reply, text};
pub(crate) use peer::Peer;
pub(crate) use proxy::{Proxy, member, quick, secret, view};

/// How long anything may take that should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for something that must happen.
pub(crate) async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(PATIENCE, what).await.expect("this should have happened by now")
}

/// Waits until a condition holds that nothing announces.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    soon(async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}
