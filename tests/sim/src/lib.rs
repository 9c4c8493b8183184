//! A whole cluster in one thread: the real coordinator's decisions and the real nodes' cores, over engines in
//! memory, a network that delays, repeats and loses, processes that crash, and clients that write all the time.
//!
//! - [`dice`]: the seeded generator that every choice comes from;
//! - [`world`]: the cluster and its events;
//! - [`process`]: one node's process;
//! - [`clients`]: what clients do, and what they are told;
//! - [`linear`]: judges the recorded histories;
//! - [`losses`]: judges those of keys whose owner lost its disk;
//! - [`scenarios`]: single nodes in situations that a sound cluster does not bring about.
//!
//! The same seed gives the same run, to the last event.

pub mod clients;
pub mod dice;
pub mod linear;
pub mod losses;
pub mod process;
pub mod scenarios;
pub mod world;
