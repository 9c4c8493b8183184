use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use super::*;
use crate::store::engine::memory::MemoryEngine;
use crate::store::engine::{Batch, Bounds, EngineError, Entries, Limit, Source};
use crate::version::Version;

/// An engine whose disk never answers for the key `cold`, until it is told to.
#[derive(Debug, Default)]
struct Disk {
    memory: MemoryEngine,
    waits: AtomicBool,
    answers: (Mutex<bool>, Condvar),
    readers: Mutex<HashSet<ThreadId>>,
}

impl Disk {
    fn answer(&self) {
        *self.answers.0.lock().unwrap() = true;
        self.answers.1.notify_all();
    }

    fn was_read_by(&self, thread: ThreadId) -> bool {
        self.readers.lock().unwrap().contains(&thread)
    }
}

impl Source for Disk {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<bytes::Bytes>, EngineError> {
        self.readers.lock().unwrap().insert(thread::current().id());
        if key == &*StoreKey::of(b"cold").0 {
            let answers = self.answers.0.lock().unwrap();
            let too_long = Duration::from_secs(20);
            let (answers, _) = self.answers.1.wait_timeout_while(answers, too_long, |is| !*is).unwrap();
            assert!(*answers, "whoever was to let the disk answer waits for it");
        }
        self.memory.get(space, key)
    }

    fn scan(&self, space: Space, bounds: Bounds<'_>, limit: Limit) -> Result<Entries, EngineError> {
        self.memory.scan(space, bounds, limit)
    }
}

impl Engine for Disk {
    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        self.memory.commit(batch)
    }

    fn snapshot(&self) -> Box<dyn Source> {
        self.memory.snapshot()
    }

    fn reads_wait(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }
}

fn key(name: &str) -> StoreKey {
    StoreKey::of(name.as_bytes())
}

/// Reads over a disk that has `cold` and `warm`.
fn reads(waits: bool) -> (Arc<Reads>, Arc<Disk>) {
    let disk = Arc::new(Disk { waits: waits.into(), ..Disk::default() });
    for key in [key("cold"), key("warm")] {
        let record = Record {
            version: Version(1),
            modified_ms: 0,
            expiry_ms: 0,
            content_type: None,
            content_encoding: None,
            value: "v".into(),
        };
        let mut batch = Batch::default();
        batch.put(Space::Records, key.0.clone(), record.encode(&key));
        disk.commit(batch).unwrap();
    }
    (Arc::new(Reads::new(disk.clone(), Arc::new(ReadCache::new(1 << 20)))), disk)
}

#[tokio::test]
async fn a_read_that_waits_for_the_disk_holds_up_no_other() {
    let (reads, disk) = reads(true);
    let waiting = tokio::spawn({
        let reads = reads.clone();
        async move { reads.load(&key("cold")).await }
    });
    task::yield_now().await;
    assert!(reads.load(&key("warm")).await.unwrap().is_some());
    assert!(!waiting.is_finished());
    disk.answer();
    assert!(waiting.await.unwrap().unwrap().is_some());
}

#[tokio::test]
async fn while_the_disk_stalls_it_does_not_count_as_quick_because_others_need_not_ask_it() {
    let (reads, disk) = reads(true);
    let waiting = tokio::spawn({
        let reads = reads.clone();
        async move { reads.load(&key("cold")).await }
    });
    task::yield_now().await;
    disk.waits.store(false, Ordering::Relaxed);
    let noticed = async {
        while !reads.disk_is_slow() {
            tokio::time::sleep(STALL).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), noticed).await.expect("the stall is noticed");
    assert!(reads.load(&key("warm")).await.unwrap().is_some());
    assert!(!disk.was_read_by(thread::current().id()));
    disk.answer();
    assert!(waiting.await.unwrap().unwrap().is_some());
    assert!(!reads.disk_is_slow());
}

#[tokio::test]
async fn a_read_whose_client_is_gone_keeps_its_place_until_the_disk_answers() {
    let (reads, disk) = reads(true);
    let given_up = tokio::spawn({
        let reads = reads.clone();
        async move { reads.load(&key("cold")).await }
    });
    while disk.readers.lock().unwrap().is_empty() {
        task::yield_now().await;
    }
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    assert_eq!(reads.places.available_permits(), AT_ONCE - 1);
    disk.answer();
    assert!(reads.places.acquire_many(u32::try_from(AT_ONCE).unwrap()).await.is_ok());
}

#[tokio::test]
async fn what_is_read_from_memory_is_read_in_passing() {
    let (reads, disk) = reads(false);
    assert!(reads.load(&key("warm")).await.unwrap().is_some());
    assert!(disk.was_read_by(thread::current().id()));
}

#[tokio::test]
async fn a_slow_disk_is_not_asked_for_what_is_in_the_cache() {
    let (reads, disk) = reads(true);
    for _ in 0..2 {
        assert!(reads.load(&key("warm")).await.unwrap().is_some());
    }
    assert_eq!(disk.readers.lock().unwrap().len(), 1);
    assert!(!disk.was_read_by(thread::current().id()));
    assert_eq!(reads.cache.hits_and_misses(), (1, 1));
}

#[tokio::test]
async fn before_a_write_a_slow_disk_is_waited_for_apart_and_the_writer_finds_the_record() {
    let (reads, disk) = reads(true);
    reads.warm(b"warm").await;
    assert!(reads.cache.has(&key("warm")) && !disk.was_read_by(thread::current().id()));
}

#[tokio::test]
async fn before_a_write_a_quick_disk_is_left_to_the_writer() {
    let (reads, disk) = reads(false);
    reads.warm(b"warm").await;
    assert!(!reads.cache.has(&key("warm")) && disk.readers.lock().unwrap().is_empty());
}
