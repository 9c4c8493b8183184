//! Readers beside the one writer: a scan or a snapshot sees all of a batch or nothing, and never changes its mind; of a
//! key that one batch changes twice, only the second change is ever seen.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kvnode::store::engine::memory::MemoryEngine;
use kvnode::store::engine::{Batch, Engine, Limit, Source, Space};

use super::{all, fjall_with_tables_of};

const KEYS: u64 = 100;
/// Readers and the writer share few cores: what counts is how often they meet.
const ENOUGH: Duration = Duration::from_secs(3);
/// Changed twice by every batch: to [`FIRST`], and to the batch's number.
const TWICE: &[u8] = b"twice";
const FIRST: u64 = u64::MAX;

/// Every batch gives all keys its own number. What readers see of several keys at once must be one number.
fn readers_see_whole_batches(engine: &dyn Engine) {
    let (committed, done, started) = (AtomicU64::new(0), AtomicBool::new(false), Instant::now());
    let numbers = |source: &dyn Source| {
        let limit = Limit { entries: usize::MAX, bytes: usize::MAX };
        let everything = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        let entries = source.scan(Space::Records, everything, limit).unwrap();
        entries.iter().map(|(_, value)| u64::from_le_bytes(*value.first_chunk().unwrap())).collect::<Vec<_>>()
    };
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let least = committed.load(Ordering::SeqCst);
                let snapshot = engine.snapshot();
                let seen = numbers(&*snapshot);
                let whole = |seen: &[u64]| seen.iter().all(|number| *number == seen[0] && *number >= least);
                assert!(
                    seen.is_empty() && least == 0 || whole(&seen),
                    "after batch {least} a snapshot has {seen:?}"
                );
                assert_eq!(numbers(&*snapshot), seen, "a snapshot changed");
                let seen = numbers(engine);
                assert!(
                    seen.is_empty() && least == 0 || whole(&seen),
                    "after batch {least} a scan gave {seen:?}"
                );
            }
        });
        threads.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let least = committed.load(Ordering::SeqCst);
                let seen = engine.get(Space::Meta, TWICE).unwrap();
                let seen = seen.map_or(0, |value| u64::from_le_bytes(*value.first_chunk().unwrap()));
                assert!(seen != FIRST && seen >= least, "{seen} was seen after {least} was committed");
                // The others need the processor more.
                std::thread::sleep(Duration::from_micros(50));
            }
        });
        for number in (1_u64..).take_while(|_| started.elapsed() < ENOUGH) {
            let mut batch = Batch::default();
            batch.put(Space::Meta, TWICE, FIRST.to_le_bytes().to_vec());
            for key in 0..KEYS {
                let mut value = number.to_le_bytes().to_vec();
                value.resize(100, 0);
                batch.put(Space::Records, key.to_be_bytes().to_vec(), value);
            }
            batch.put(Space::Meta, TWICE, number.to_le_bytes().to_vec());
            engine.commit(batch).unwrap();
            committed.store(number, Ordering::SeqCst);
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(all(engine, Space::Records).len(), usize::try_from(KEYS).unwrap());
}

#[test]
fn readers_of_memory_see_whole_batches() {
    readers_see_whole_batches(&MemoryEngine::new());
}

#[test]
fn readers_of_fjall_see_whole_batches() {
    let folder = tempfile::tempdir().unwrap();
    // Written out after nearly every batch: that is what moves fjall's sequence number in the middle of the next one.
    readers_see_whole_batches(&fjall_with_tables_of(4 << 10, folder.path()));
}

#[cfg(feature = "engine-redb")]
#[test]
fn readers_of_redb_see_whole_batches() {
    let folder = tempfile::tempdir().unwrap();
    readers_see_whole_batches(&super::redb(folder.path()));
}
