//! One node of Keyway: a durable key-value store that speaks HTTP and hands ranges of the ring to other nodes.
//!
//! It is no cluster by itself: a node never decides who owns what. A coordinator tells it, with a
//! [view](hashring::view) that the node persists before it acts on it. A node that belongs to no cluster stands
//! alone and serves every key.
//!
//! Read in this order:
//!
//! - [`protocol`], [`node`]: what a node is asked, and what it answers;
//! - [`http`], [`conditions`], [`problem`], [`serve`]: from a socket to a question and back; [`link`]: the same for
//!   the proxy, many at once;
//! - [`fence`]: what the node may serve at this moment; `reads`: what clients read, and where it is waited for;
//! - [`core`], with the thread that runs it (`writer`) and what it must not wait for (`courier`): everything that is
//!   ordered against writes, one batch and one sync at a time;
//! - [`handover`]: both sides of moving ranges; [`rules`]: what must hold in it;
//! - [`store`]: records, the engine, the read cache, the data folder;
//! - `census`: what is really stored;
//! - [`config`], [`cli`]: the program.
//!
//! Imports go one way: `cli -> serve -> http -> node -> writer -> core -> {fence, handover} -> store`.

mod background;
mod census;
pub mod cli;
pub mod client;
pub mod conditions;
pub mod config;
pub mod core;
mod courier;
pub mod fail_points;
pub mod fence;
pub mod handover;
pub mod http;
pub mod link;
pub mod node;
pub mod problem;
pub mod protocol;
mod reads;
pub mod rules;
pub mod serve;
pub mod store;
pub mod version;
mod writer;
