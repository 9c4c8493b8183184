//! All engines give the answers of a plain ordered map.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use kvnode::store::engine::memory::{Lost, MemoryEngine};
use kvnode::store::engine::{Batch, Engine, Limit, Source, Space};
use proptest::prelude::*;

use super::{all, boxed, small_fjall};

type Key = Vec<u8>;
type Model = BTreeMap<Space, BTreeMap<Key, Vec<u8>>>;

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<(Space, Key, Option<Vec<u8>>)>),
    Get(Space, Key),
    Scan(Space, (Bound<Key>, Bound<Key>), Limit),
    /// Keep the present state, to compare it with all that is there at the end or at the next one.
    Snapshot,
    Reopen,
}

fn space() -> impl Strategy<Value = Space> {
    prop::sample::select(&Space::ALL[..])
}

/// Few and close together: overwritten often, prefixes of each other, at both ends of the order.
fn key() -> impl Strategy<Value = Key> {
    prop::collection::vec(prop::sample::select(vec![0_u8, 1, b'a', 0xfe, 0xff]), 1..4)
}

/// Mostly short; some long enough to be stored apart.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![8 => 0..100_usize, 1 => 900..1200_usize, 1 => 20_000..30_000_usize];
    (length, any::<u8>()).prop_map(|(length, seed)| (0..length).map(|i| seed.wrapping_add(i as u8)).collect())
}

fn bound() -> impl Strategy<Value = Bound<Key>> {
    prop_oneof![
        3 => key().prop_map(Bound::Included),
        3 => key().prop_map(Bound::Excluded),
        1 => Just(Bound::Unbounded),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let change = (space(), key(), prop::option::weighted(0.7, value()));
    let limit = (1..20_usize, 1..40_000_usize).prop_map(|(entries, bytes)| Limit { entries, bytes });
    prop_oneof![
        12 => prop::collection::vec(change, 0..12).prop_map(Step::Commit),
        6 => (space(), key()).prop_map(|(space, key)| Step::Get(space, key)),
        6 => (space(), (bound(), bound()), limit).prop_map(|(space, bounds, limit)| Step::Scan(space, bounds, limit)),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Reopen),
    ]
}

fn run(steps: Vec<Step>, open: &mut dyn FnMut() -> Box<dyn Engine>) {
    let (mut engine, mut model) = (open(), Model::new());
    let mut kept: Option<(Box<dyn Source>, Model)> = None;
    for step in steps {
        match step {
            Step::Commit(changes) => commit(&*engine, &mut model, changes),
            Step::Get(space, key) => {
                let expected = model.get(&space).and_then(|table| table.get(&key));
                assert_eq!(engine.get(space, &key).unwrap().as_deref(), expected.map(Vec::as_slice));
            }
            Step::Scan(space, (low, high), limit) => {
                let bounds = (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
                assert_eq!(
                    engine.scan(space, bounds, limit).unwrap(),
                    expected(&model, space, bounds, limit)
                );
            }
            Step::Snapshot => {
                if let Some((snapshot, model)) = kept.replace((engine.snapshot(), model.clone())) {
                    assert_same(&*snapshot, &model);
                }
            }
            Step::Reopen => {
                kept = None;
                drop(engine);
                engine = open();
            }
        }
    }
    if let Some((snapshot, model)) = kept {
        assert_same(&*snapshot, &model);
    }
    assert_same(&*engine, &model);
    drop(engine);
    assert_same(&*open(), &model);
}

fn commit(engine: &dyn Engine, model: &mut Model, changes: Vec<(Space, Key, Option<Vec<u8>>)>) {
    let mut batch = Batch::default();
    for (space, key, value) in changes {
        let table = model.entry(space).or_default();
        match value {
            Some(value) => {
                batch.put(space, key.clone(), value.clone());
                table.insert(key, value);
            }
            None => {
                batch.remove(space, key.clone());
                table.remove(&key);
            }
        }
    }
    engine.commit(batch).unwrap();
}

/// What a scan must give, written the slow and obvious way.
fn expected(
    model: &Model,
    space: Space,
    bounds: (Bound<&[u8]>, Bound<&[u8]>),
    limit: Limit,
) -> Vec<(Bytes, Bytes)> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    for (key, value) in model.get(&space).into_iter().flatten() {
        if !std::ops::RangeBounds::<[u8]>::contains(&bounds, key.as_slice()) {
            continue;
        }
        bytes += key.len() + value.len();
        if found.len() == limit.entries || !found.is_empty() && bytes > limit.bytes {
            break;
        }
        found.push((Bytes::from(key.clone()), Bytes::from(value.clone())));
    }
    found
}

fn assert_same(source: &dyn Source, model: &Model) {
    for space in Space::ALL {
        let expected: Vec<_> =
            model.get(&space).into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        assert!(all(source, space) == expected, "{space:?} differs");
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn memory_agrees_with_an_ordered_map(steps in steps()) {
        let disk = MemoryEngine::new();
        run(steps, &mut || {
            disk.crash(Lost::All);
            boxed(disk.clone())
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn fjall_agrees_with_an_ordered_map(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        run(steps, &mut || boxed(small_fjall(folder.path())));
    }

    #[cfg(feature = "engine-redb")]
    #[test]
    fn redb_agrees_with_an_ordered_map(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        run(steps, &mut || boxed(super::redb(folder.path())));
    }
}

#[test]
fn a_table_that_is_written_out_many_times_over_still_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, mut model) = (small_fjall(folder.path()), Model::new());
    for round in 0..400_u32 {
        let changes = (0..20_u32).map(|i| {
            let number = (round * 7919 + i * 104_729) % 1000;
            let length = if number % 10 == 0 { 3000 } else { 200 };
            let value = (number % 13 != round % 13).then(|| vec![round as u8; length]);
            (Space::Records, number.to_be_bytes().to_vec(), value)
        });
        commit(&engine, &mut model, changes.collect());
    }
    assert_same(&engine, &model);
    drop(engine);
    assert_same(&small_fjall(folder.path()), &model);
}
