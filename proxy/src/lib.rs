//! Keyway: a reverse proxy that routes each HTTP request by its `key` to the node that owns it, and moves the
//! data when the ring changes.
//!
//! It is no load balancer: a request goes to the one node that owns its key, or nowhere. It stores nothing but
//! the view. The ring itself is the crate `hashring`, the nodes are the crate `kvnode`.
//!
//! The parts, in the order a reader may want them:
//!
//! - [`data`]: every client request, from the socket to the node and back; never waits for the rest;
//! - [`view`]: the only bridge between the data path and the cluster;
//! - [`cluster`]: decides about the ring and carries changes out;
//! - [`control`]: the seam between the admin plane and the cluster;
//! - [`local`]: nodes as child processes;
//! - [`metrics`]: what is counted on a request's way;
//! - [`config`]: settings, from files, arguments and the environment;
//! - [`admin`]: the API and the page for operators;
//! - [`cli`], [`app`]: the command line, and what puts all parts together;
//! - [`telemetry`]: logs, for people or as JSON.
//!
//! Imports go one way: `app` knows all parts; `data` and `cluster` never import each other.

pub mod admin;
pub mod app;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod control;
pub mod data;
pub mod local;
pub mod metrics;
pub mod telemetry;
pub mod view;
