//! A load tool for HTTP servers, ours or not: clients in a closed or an open loop, latencies that hide nothing,
//! tables, charts made from the tables, and the experiments of the reports that Keyway grew from.
//!
//! Read in this order:
//!
//! - [`plan`]: what a run is; [`cli`] makes one of what was typed;
//! - [`mix`], [`keys`], [`values`], [`stream`]: which operation, on which key, with which value comes next;
//! - [`schedule`]: when, in an open loop;
//! - [`api`], [`target`]: how that looks as a request; `connection` brings it there and back;
//! - [`engine`]: threads and clients that carry a plan out; [`check`] judges what they read;
//! - [`tally`]: what they count; [`report`] and [`record`] tell it, to people and to tables;
//! - [`mod@table`], [`chart`]: CSV, and pictures made from it alone;
//! - [`experiment`]: the experiments; [`machine`], [`units`]: what they stand on.

pub mod api;
pub mod chart;
pub mod check;
pub mod cli;
pub mod connection;
pub mod engine;
pub mod experiment;
pub mod keys;
pub mod machine;
pub mod mix;
pub mod plan;
pub mod record;
pub mod report;
pub mod schedule;
pub mod stream;
pub mod table;
pub mod tally;
pub mod target;
pub mod units;
pub mod values;
