//! What Keyway promises, tried on real processes. Each module is a subject, each test a claim.
//! `tests/README.md` maps the promises to the tests.

#![expect(clippy::panic, clippy::expect_used, reason = "in a test a panic is the report")]
#![expect(clippy::print_stdout, reason = "shown when a test fails, and with --nocapture")]

mod faults;
mod support;

// Starting and stopping.
mod bad_startup;
mod drain;
mod local_mode;
mod tour;

// Requests.
mod bad_requests;
mod browser;
mod conditions;
mod data_plane;
mod json_api;
mod ranges;
mod sandbox;

// The ring and its changes.
mod admin_access;
mod bad_changes;
mod balance;
mod cancel;
mod changes;
mod command_line;
mod damaged_view;
mod joining;
mod queue;
mod removal;
mod removed;
mod replicas;
mod restored;
mod weights;
mod wrong_folder;

// Faults and load.
mod chaos;
mod contention;
mod crash_node;
mod crash_proxy;
mod cuts;
mod disk_full;
mod elastic;
mod experiments;
mod fail_points;
mod hot_keys;
mod power;
