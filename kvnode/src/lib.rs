//! One node of Keyway.

pub mod cli;
pub mod client;
pub mod conditions;
pub mod config;
pub mod core;
pub mod fence;
pub mod handover;
pub mod http;
pub mod node;
pub mod problem;
pub mod protocol;
pub mod serve;
pub mod store;
pub mod version;
mod census;
mod courier;
mod writer;
