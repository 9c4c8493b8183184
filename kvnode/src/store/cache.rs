//! The read cache: records and "there is none", weighted by bytes, in front of the engine.
//!
//! Its promise: once the writer has told the cache of a commit, no reader gets anything older from it. The danger is a
//! reader that misses, reads the engine just before a commit, and fills the cache just after the writer's update. So
//! a reader that misses first leaves a placeholder; whatever the writer does to that key takes the placeholder away,
//! and a fill without its placeholder is thrown away. The reader still answers with what it read: it began before the
//! write was answered.
//!
//! The writer's part: after a commit and before anyone is told of it, [`set`](ReadCache::set) or
//! [`remove`](ReadCache::remove) every key that it changed, keys without a record too.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, GuardResult};

use super::record::{Record, StoreKey};

/// What an entry costs beside its bytes: two slots, two allocations, a place in an index.
const OVERHEAD: usize = 256;
/// A value larger than this part of the cache would push out too much else.
const LARGEST: usize = 64;
/// For sizing the index; a wrong guess costs little.
const USUAL_ENTRY: usize = 512;

/// A cache of records. Safe to share between threads.
#[derive(Debug)]
pub struct ReadCache {
    /// None when it has no room at all.
    cache: Option<Cache<StoreKey, Option<Record>, Weight>>,
    largest: usize,
    /// Reads that went to the engine. The cache's own count has most of them twice.
    misses: AtomicU64,
}

impl ReadCache {
    /// A cache of about this many bytes; 0 switches it off.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let largest = bytes / LARGEST;
        let cache = (bytes > 0)
            .then(|| Cache::with_weighter((bytes / USUAL_ENTRY).max(1), bytes as u64, Weight { largest }));
        Self { cache, largest, misses: AtomicU64::new(0) }
    }

    /// The record of `key` from the cache, or else from `load`, which reads the engine. While one thread loads a
    /// key, others that want it wait for its answer.
    ///
    /// # Errors
    /// What `load` fails with; nothing is kept then.
    pub fn get_or_load<E>(
        &self,
        key: &StoreKey,
        load: impl FnOnce() -> Result<Option<Record>, E>,
    ) -> Result<Option<Record>, E> {
        let load = || {
            self.misses.fetch_add(1, Ordering::Relaxed);
            load()
        };
        let Some(cache) = &self.cache else { return load() };
        match cache.get_value_or_guard(key, None) {
            GuardResult::Value(record) => Ok(record),
            GuardResult::Guard(placeholder) => {
                let record = load()?;
                let kept =
                    if self.fits(key, record.as_ref()) { compact(record.clone()) } else { record.clone() };
                // An error means that the writer was faster. A record that is too large goes to those who wait for
                // it and is not kept: its weight says so.
                let _ = placeholder.insert(kept);
                Ok(record)
            }
            GuardResult::Timeout => load(),
        }
    }

    /// Whether the cache knows the record of `key`, or that there is none. Waits for no reader.
    #[must_use]
    pub fn has(&self, key: &StoreKey) -> bool {
        self.cache.as_ref().is_some_and(|cache| cache.contains_key(key))
    }

    /// The record of `key`, or that there is none, if the cache knows. Waits for no reader.
    #[must_use]
    pub fn peek(&self, key: &StoreKey) -> Option<Option<Record>> {
        self.cache.as_ref()?.peek(key)
    }

    /// After a commit, or by the writer at any time: this is the record of `key` now.
    pub fn set(&self, key: &StoreKey, record: Option<Record>) {
        let Some(cache) = &self.cache else { return };
        if self.fits(key, record.as_ref()) {
            cache.insert(StoreKey(Bytes::copy_from_slice(&key.0)), compact(record));
        } else {
            // Not `insert`: it does not touch the placeholder of a reader when the new value is too large.
            cache.remove(key);
        }
    }

    /// After a commit: `key` was changed, and is not likely to be read soon.
    pub fn remove(&self, key: &StoreKey) {
        if let Some(cache) = &self.cache {
            cache.remove(key);
        }
    }

    /// After a commit: anything may have changed.
    pub fn clear(&self) {
        if let Some(cache) = &self.cache {
            cache.clear();
        }
    }

    /// How many reads it has answered, and how many went to the engine.
    #[must_use]
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.cache.as_ref().map_or(0, Cache::hits), self.misses.load(Ordering::Relaxed))
    }

    /// Bytes in use, as far as the cache knows.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.cache.as_ref().map_or(0, Cache::weight)
    }

    fn fits(&self, key: &StoreKey, record: Option<&Record>) -> bool {
        bytes_of(key, record) <= self.largest.max(OVERHEAD)
    }
}

#[derive(Debug, Clone)]
struct Weight {
    largest: usize,
}

impl Weighter<StoreKey, Option<Record>> for Weight {
    fn weight(&self, key: &StoreKey, record: &Option<Record>) -> u64 {
        let bytes = bytes_of(key, record.as_ref());
        if bytes <= self.largest.max(OVERHEAD) { (bytes + OVERHEAD) as u64 } else { u64::MAX }
    }
}

fn bytes_of(key: &StoreKey, record: Option<&Record>) -> usize {
    let length = |field: &Option<Bytes>| field.as_ref().map_or(0, Bytes::len);
    let fields = record.map_or(0, |record| {
        length(&record.content_type) + length(&record.content_encoding) + record.value.len()
    });
    key.0.len() + fields
}

/// The same record in an allocation of its own. What comes from the engine or from a socket is a slice of something
/// larger (a block, a read buffer), which the cache would keep alive without counting it.
fn compact(record: Option<Record>) -> Option<Record> {
    let mut record = record?;
    let fields = [record.content_type.as_deref(), record.content_encoding.as_deref(), Some(&record.value)];
    let mut all = Bytes::from(fields.map(Option::unwrap_or_default).concat());
    for field in [&mut record.content_type, &mut record.content_encoding].into_iter().flatten() {
        *field = all.split_to(field.len());
    }
    record.value = all;
    Some(record)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::version::Version;

    fn record(version: u64, value: &Bytes) -> Option<Record> {
        Some(Record {
            version: Version(version),
            modified_ms: 1,
            expiry_ms: 0,
            content_type: Some("text/plain".into()),
            content_encoding: None,
            value: value.clone(),
        })
    }

    fn numbered(version: u64) -> Option<Record> {
        record(version, &Bytes::from_static(b"value"))
    }

    /// What the cache has, or `otherwise` from the engine.
    fn get(cache: &ReadCache, key: &StoreKey, otherwise: Option<Record>) -> Option<Record> {
        let Ok(record) = cache.get_or_load(key, || Ok::<_, Infallible>(otherwise));
        record
    }

    #[test]
    fn a_read_counts_once_where_it_was_answered_with_a_cache_and_without() {
        let key = StoreKey::of(b"key");
        for (room, counts) in [(1 << 20, (2, 1)), (0, (0, 3))] {
            let cache = ReadCache::new(room);
            (0..3).for_each(|_| drop(get(&cache, &key, numbered(1))));
            assert_eq!(cache.hits_and_misses(), counts);
        }
    }

    #[test]
    fn a_second_read_does_not_ask_the_engine() {
        let (cache, key, none) = (ReadCache::new(1 << 20), StoreKey::of(b"k"), StoreKey::of(b"none"));
        assert_eq!(get(&cache, &key, numbered(1)), numbered(1));
        assert_eq!(get(&cache, &key, numbered(2)), numbered(1));
        assert_eq!(get(&cache, &none, None), None);
        assert_eq!(get(&cache, &none, numbered(2)), None);
    }

    #[test]
    fn a_fill_that_began_before_a_write_does_not_undo_it() {
        let large = Bytes::from(vec![7; 1 << 20]);
        type Write = fn(&ReadCache, &StoreKey, &Bytes);
        let writes: [(&str, Write); 5] = [
            ("set", |cache, key, _| cache.set(key, numbered(2))),
            ("set to nothing", |cache, key, _| cache.set(key, None)),
            ("set to something too large", |cache, key, large| cache.set(key, record(2, large))),
            ("remove", |cache, key, _| cache.remove(key)),
            ("clear", |cache, _, _| cache.clear()),
        ];
        for (name, write) in writes {
            let (cache, key) = (ReadCache::new(1 << 20), StoreKey::of(b"k"));
            let old = cache.get_or_load(&key, || {
                write(&cache, &key, &large);
                Ok::<_, Infallible>(numbered(1))
            });
            assert_eq!(old, Ok(numbered(1)));
            assert_ne!(get(&cache, &key, numbered(2)), numbered(1), "{name}");
        }
    }

    #[test]
    fn no_reader_gets_less_than_what_was_acknowledged_before_it_began() {
        const ENOUGH: Duration = Duration::from_millis(700);
        let started = Instant::now();
        let (cache, key) = (ReadCache::new(1 << 20), StoreKey::of(b"k"));
        let (engine, acknowledged, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let read = || {
            let least = acknowledged.load(Ordering::SeqCst);
            let read = cache.get_or_load(&key, || {
                let version = engine.load(Ordering::SeqCst);
                // Between the read of the engine and the fill is where a write must not be lost.
                std::thread::yield_now();
                Ok::<_, Infallible>(numbered(version))
            });
            let Ok(read) = read;
            assert!(read.unwrap().version.0 >= least);
        };
        std::thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| {
                    while !done.load(Ordering::SeqCst) {
                        read();
                    }
                });
            }
            for version in (1..).take_while(|_| started.elapsed() < ENOUGH) {
                engine.store(version, Ordering::SeqCst);
                if version % 2 == 0 {
                    cache.remove(&key);
                } else {
                    cache.set(&key, numbered(version));
                }
                acknowledged.store(version, Ordering::SeqCst);
                std::thread::yield_now();
                read();
            }
            done.store(true, Ordering::SeqCst);
        });
    }

    #[test]
    fn a_large_value_is_not_kept_and_everything_stays_within_the_limit() {
        let cache = ReadCache::new(1 << 20);
        let (small, large) = (Bytes::from(vec![1; 10_000]), Bytes::from(vec![2; 20_000]));
        let key = StoreKey::of(b"large");
        assert_eq!(get(&cache, &key, record(1, &large)), record(1, &large));
        assert_eq!(get(&cache, &key, numbered(2)), numbered(2));
        for i in 0..1000_u32 {
            cache.set(&StoreKey::of(&i.to_le_bytes()), record(1, &small));
        }
        assert!((500_000..=1 << 20).contains(&cache.weight()), "{}", cache.weight());
    }

    #[test]
    fn a_cached_record_does_not_keep_its_block_alive() {
        let block = Bytes::from(vec![3; 100_000]);
        let (cache, key) = (ReadCache::new(1 << 20), StoreKey::of(b"k"));
        for fill in [true, false] {
            let slice = record(1, &block.slice(500..600));
            if fill {
                assert_eq!(get(&cache, &key, slice.clone()), slice);
            } else {
                cache.set(&key, slice.clone());
            }
            let kept = get(&cache, &key, None);
            assert_eq!(kept, slice);
            assert!(!block.as_ptr_range().contains(&kept.unwrap().value.as_ptr()));
        }
    }

    #[test]
    fn a_failed_load_leaves_nothing_behind() {
        let (cache, key) = (ReadCache::new(1 << 20), StoreKey::of(b"k"));
        assert_eq!(cache.get_or_load(&key, || Err("broken")), Err("broken"));
        assert_eq!(get(&cache, &key, numbered(1)), numbered(1));
    }

    #[test]
    fn without_room_every_read_asks_the_engine() {
        let (cache, key) = (ReadCache::new(0), StoreKey::of(b"k"));
        cache.set(&key, numbered(1));
        assert_eq!(get(&cache, &key, numbered(2)), numbered(2));
        cache.remove(&key);
        cache.clear();
    }
}
