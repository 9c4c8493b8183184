//! The node's HTTP side over real sockets, with a plain map in the node's place.
//!
//! `memory` is that map, `site` starts a server and asks it over HTTP/1.1 and HTTP/2; every other file is one
//! subject.
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

#[path = "http/client.rs"]
mod client;
#[path = "http/conditions.rs"]
mod conditions;
#[path = "http/framing.rs"]
mod framing;
#[path = "http/inner.rs"]
mod inner;
#[path = "http/json.rs"]
mod json;
#[path = "http/keys.rs"]
mod keys;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/memory.rs"]
mod memory;
#[path = "http/refused.rs"]
mod refused;
#[path = "http/site.rs"]
mod site;
#[path = "http/stopping.rs"]
mod stopping;
#[path = "http/values.rs"]
mod values;
