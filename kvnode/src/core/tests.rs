//! The machine alone, on an engine in memory. What it does among others is shown by the simulation of a cluster.

use super::*;
use crate::node::Operation;
use crate::store::engine::memory::MemoryEngine;

const NOW: Now = Now { steady: Duration::ZERO, wall_ms: 0 };

fn put(key: &'static str) -> Command<&'static str> {
    let operation = Operation::Put { content_type: None, content_encoding: None, value: "v".into() };
    let write = Write { key: key.into(), operation, conditions: Default::default() };
    Command::Write(write, Route::default(), key)
}

/// The answers to these writes, in order of the answers.
fn written(
    core: &mut Core<&'static str>,
    keys: &[&'static str],
) -> Vec<(&'static str, Result<Written, Refused>)> {
    for key in keys {
        core.handle(put(key), NOW).unwrap();
    }
    let effects = core.commit(NOW).unwrap();
    let answers = effects.into_iter().filter_map(|effect| match effect {
        Effect::Written(key, answer) => Some((key, answer)),
        _ => None,
    });
    answers.collect()
}

#[test]
fn a_place_that_cannot_be_read_fails_its_own_writes_only() {
    let engine = MemoryEngine::new();
    let identity = Identity { name: "n1".parse().unwrap(), id: Id(1), boot: Id(2), joins: false };
    let cache = Arc::new(ReadCache::new(0));
    let mut core = Core::open(Arc::new(engine.clone()), cache, identity).unwrap();
    engine.cannot_get(StoreKey::of(b"bad").0);
    let answers = written(&mut core, &["good", "bad", "other"]);
    for (key, answer) in &answers {
        assert_eq!(matches!(answer, Err(Refused::Damaged(_))), *key == "bad", "{key}: {answer:?}");
    }
    assert_eq!(answers.len(), 3);
    assert!(matches!(written(&mut core, &["good"])[0].1, Ok(Written::Replaced(_))));
}
