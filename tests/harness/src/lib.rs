//! What tests of the whole system are written with: real processes, clients, faults, and a history of what
//! was acknowledged. A test says *what* happens; how it is brought about stands here.
//!
//! Read in this order:
//!
//! - [`mod@story`]: how a test is run: its deadline, and who may run beside it;
//! - [`cluster`], [`node`]: a whole Keyway, a single kvnode; [`launch`] and [`process`] below them;
//! - [`client`], [`answer`], [`raw`]: requests, what came back, bytes that no well-behaved client sends;
//! - [`admin`]: the admin API in the words of the tests;
//! - [`browser`], [`relay`]: a real browser, and what stands between it and a Keyway to see what it asks;
//! - [`disk`], [`power`], [`network`]: a disk that is soon full, one that loses power, a network that loses packets;
//!   [`namespace`] below them;
//! - [`history`], [`workload`]: what was written and acknowledged, and clients that check every read against it;
//! - [`recorder`]: clients that write the same keys, and keep what they were told for a judge (`tests/checkers`);
//! - [`ledger`]: a file of what was acknowledged, and whether a cluster still has it;
//! - [`settled`]: whether a cluster at rest stores what a history says;
//! - [`wait`]: waiting for something to become true;
//! - [`binary`], [`scratch`], [`family`]: the program under test, folders and logs, processes and their children.

#![expect(clippy::panic, clippy::expect_used, reason = "in a test a panic is the report")]
#![expect(clippy::print_stderr, reason = "the test runner shows a failed test's stderr")]

pub mod admin;
pub mod answer;
pub mod binary;
pub mod browser;
pub mod client;
pub mod cluster;
pub mod disk;
pub mod family;
pub mod history;
pub mod launch;
pub mod ledger;
pub mod namespace;
pub mod network;
pub mod node;
pub mod power;
pub mod process;
pub mod raw;
pub mod recorder;
pub mod relay;
pub mod scratch;
pub mod settled;
pub mod story;
pub mod wait;
pub mod workload;

pub use answer::Answer;
pub use browser::Browser;
pub use client::Client;
pub use cluster::{Cluster, Setup};
pub use disk::SmallDisk;
pub use network::{Network, Site, story_on_a_network};
pub use node::Node;
pub use relay::Relay;
pub use story::{story, story_alone};
pub use wait::eventually;

/// Shorter than `Duration::from_secs`, which tests say often.
#[must_use]
pub const fn secs(seconds: u64) -> std::time::Duration {
    std::time::Duration::from_secs(seconds)
}
