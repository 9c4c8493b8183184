//! What a node relies on in its storage engine, shown for every engine that is built in.
//!
//! - [`agreement`]: all engines give the answers of a plain ordered map, also after being opened again;
//! - [`isolation`]: readers see whole batches;
//! - [`kill`]: what was acknowledged before a kill -9 is there afterwards, and no batch is half there;
//! - [`damage`]: damaged files lead to clear errors, never to wrong values, and torn tails to neither.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "in a test a panic is the report"
)]
#![expect(clippy::cast_possible_truncation, reason = "values are made of the low bytes of numbers")]

mod agreement;
mod damage;
mod isolation;
mod kill;

use std::path::Path;

use kvnode::store::engine::fjall::{FjallEngine, Tuning};
#[cfg(feature = "engine-redb")]
use kvnode::store::engine::redb::RedbEngine;
use kvnode::store::engine::{Engine, Limit, Options, Source, Space};

/// fjall as a node opens it, except that everything is small: so a short test also writes tables out, merges them,
/// and stores values apart.
fn small_fjall(folder: &Path) -> FjallEngine {
    fjall_with_tables_of(64 << 10, folder)
}

fn fjall_with_tables_of(memtable_bytes: u64, folder: &Path) -> FjallEngine {
    let tuning = Tuning { memtable_bytes, separate_from: Some(1 << 10), ..Tuning::default() };
    FjallEngine::open_tuned(folder, &Options::default(), tuning).unwrap()
}

#[cfg(feature = "engine-redb")]
fn redb(folder: &Path) -> RedbEngine {
    RedbEngine::open(folder, &Options::default(), false).unwrap()
}

/// All entries of a space, with pages small enough that paging is part of every test.
fn all(source: &dyn Source, space: Space) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    loop {
        let after = found
            .last()
            .map_or(std::ops::Bound::Unbounded, |(key, _)| std::ops::Bound::Excluded(key.as_slice()));
        let page = source
            .scan(space, (after, std::ops::Bound::Unbounded), Limit { entries: 7, bytes: 5000 })
            .unwrap();
        if page.is_empty() {
            return found;
        }
        found.extend(page.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
    }
}

fn boxed(engine: impl Engine) -> Box<dyn Engine> {
    Box::new(engine)
}
