//! Reading whole ranges of the ring: pages to copy, and counts to compare.

use bytes::Bytes;
use hashring::RangeSet;
use hashring::view::Tally;

use super::engine::{EngineError, Limit, Source, Space};
use super::record::{Damaged, Record, Segment, StoreKey};

/// How much one page holds: a commit of a few milliseconds at the receiver.
pub const PAGE: Limit = Limit { entries: 4096, bytes: 512 << 10 };

/// Entries that a count reads at a time: a millisecond or two.
const STRIDE: Limit = Limit { entries: 1024, bytes: 4 << 20 };

/// A range could not be read through.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The engine is broken.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// One record is damaged.
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// A page of records of `ranges` behind `after`, in position order, and whether nothing lies behind it.
///
/// # Errors
/// [`EngineError`] where the engine cannot be read.
pub fn page(
    source: &dyn Source,
    ranges: &RangeSet,
    after: Option<&StoreKey>,
    limit: Limit,
) -> Result<(Vec<(StoreKey, Bytes)>, bool), EngineError> {
    let mut entries: Vec<(StoreKey, Bytes)> = Vec::new();
    let mut size = 0;
    let from = after.map_or(0, |key| key.position().0);
    let segments = ranges.segments();
    let first = segments.partition_point(|&(_, high)| high < from);
    for &(low, high) in &segments[first..] {
        let segment = Segment::new(low, high);
        loop {
            if entries.len() >= limit.entries || size >= limit.bytes {
                return Ok((entries, false));
            }
            let last = entries.last().map(|(key, _)| key).or(after).map(|key| key.0.clone());
            let behind = last.as_deref().filter(|key| **key >= low.to_be_bytes()[..]);
            let left = Limit { entries: limit.entries - entries.len(), bytes: limit.bytes - size };
            let found = source.scan(Space::Records, segment.bounds(behind), left)?;
            // Only an empty answer says that the segment is at its end.
            if found.is_empty() {
                break;
            }
            size += found.iter().map(|(key, record)| key.len() + record.len()).sum::<usize>();
            entries.extend(found.into_iter().map(|(key, record)| (StoreKey(key), record)));
        }
    }
    Ok((entries, true))
}

/// Counts the records of `ranges`: number, bytes, and the order-independent digest of all. `between` is called after
/// each part of the way, and may rest.
///
/// # Errors
/// [`ReadError`] where a record cannot be read.
pub fn count(source: &dyn Source, ranges: &RangeSet, mut between: impl FnMut()) -> Result<Tally, ReadError> {
    let mut tally = Tally::default();
    let mut after = None;
    loop {
        let (entries, last) = page(source, ranges, after.as_ref(), STRIDE)?;
        for (key, bytes) in &entries {
            Record::decode(key, bytes.clone())?.count_into(key, &mut tally);
        }
        if last {
            return Ok(tally);
        }
        after = entries.into_iter().last().map(|(key, _)| key);
        between();
    }
}

#[cfg(test)]
mod tests {
    use hashring::{Position, Range};
    use proptest::prelude::*;

    use super::*;
    use crate::store::engine::memory::MemoryEngine;
    use crate::store::engine::{Batch, Engine};

    proptest! {
        #[test]
        fn pages_of_any_size_give_every_record_of_the_ranges_once_and_in_order(
            sizes in prop::collection::vec(0_usize..300, 0..60),
            cuts in prop::collection::vec(any::<(u64, u64)>(), 0..8),
            (entries, bytes) in (1_usize..8, 1_usize..700),
        ) {
            let engine = MemoryEngine::new();
            let mut batch = Batch::default();
            let mut all = Vec::new();
            for (i, size) in sizes.iter().enumerate() {
                let key = StoreKey::of(format!("key{i}").as_bytes());
                batch.put(Space::Records, key.0.clone(), vec![0; *size]);
                all.push(key);
            }
            engine.commit(batch).unwrap();
            let arcs = cuts.iter().map(|&(after, up_to)| Range { after: Position(after), up_to: Position(up_to) });
            let ranges = RangeSet::from_ranges(arcs);
            all.retain(|key| ranges.contains(key.position()));
            all.sort();
            let mut read: Vec<StoreKey> = Vec::new();
            loop {
                let (found, last) = page(&engine, &ranges, read.last(), Limit { entries, bytes }).unwrap();
                prop_assert!(found.len() <= entries);
                read.extend(found.into_iter().map(|(key, _)| key));
                if last {
                    break;
                }
            }
            prop_assert_eq!(read, all);
        }
    }
}
