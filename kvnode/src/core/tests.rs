//! The machine alone, on an engine in memory. What it does among others is shown by the simulation of a cluster.

use hashring::view::{Change, Kind, Node, OpenChange, Phase};
use hashring::{Position, View};

use super::*;
use crate::handover::message::{Frame, Verdict};
use crate::node::Operation;
use crate::store::engine::memory::MemoryEngine;
use crate::store::engine::{Source as _, Space};
use crate::store::record::Record;
use crate::version::Version;

const NOW: Now = Now { steady: Duration::ZERO, wall_ms: 0 };

fn put(key: &'static str) -> Command<&'static str> {
    let operation = Operation::Put { content_type: None, content_encoding: None, value: "v".into() };
    let write = Write { key: key.into(), operation, conditions: Default::default() };
    Command::Write(write, Route::default(), key)
}

/// A member n1 that gives a part of its ranges to n2 in a change; `session` names the attempt.
fn moving(session: u64) -> Outlook {
    let mut view = View::first(Id(1), Id(9), 16);
    view.epoch = session;
    for (name, id, weight) in [("n1", 1, 1), ("n2", 2, 0)] {
        let url = format!("http://{name}");
        let node = Node { id: Some(Id(id)), boot: Some(Id(10 * id)), grant: 1, url, weight, own: false };
        view.nodes.insert(name.parse().unwrap(), node);
    }
    let change = Change {
        id: 1,
        kind: Kind::Reweight,
        node: "n2".parse().unwrap(),
        weight: 1,
        requested_ms: 0,
        idempotency: None,
        newcomer: None,
        reverses: None,
        force: false,
        lost: None,
        paused: true,
        rate: None,
    };
    view.open = Some(OpenChange {
        change,
        before: 0,
        started_ms: 0,
        phase: Phase::Moving,
        session,
        mismatches: 0,
        stopped: None,
        receipts: Vec::new(),
        given_up: Default::default(),
    });
    Outlook::of(view, None)
}

fn hears(core: &mut Core<&'static str>, outlook: Outlook) -> Vec<Effect<&'static str>> {
    let beat = BeatIn { cluster: Id(1), expect: Some(Id(1)), outlook: Some(outlook), erase: false };
    core.handle(Command::Beat(Box::new(beat), "beat"), NOW).unwrap();
    core.commit(NOW).unwrap()
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

#[test]
fn a_new_session_answers_what_the_last_one_had_under_way() {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let identity = Identity { name: "n1".parse().unwrap(), id: Id(1), boot: Id(10), joins: true };
    let mut core = Core::open(engine, Arc::new(ReadCache::new(0)), identity).unwrap();
    let outlook = moving(5);
    let after = outlook.after.clone().unwrap();
    let to: NodeName = "n2".parse().unwrap();
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let key = keys.into_iter().find(|key| after.owner(Position::of(key.as_bytes())) == Some(&to)).unwrap();
    hears(&mut core, outlook);
    // n2 is ready; a write is sent to it, another one waits for the first.
    let ready = Ok(Ack { verdict: Verdict::Applied, tally: None });
    core.handle(Command::Answered { to, session: 5, sequence: 1, result: ready }, NOW).unwrap();
    assert_eq!(written(&mut core, &[key, key]), []);

    let effects = hears(&mut core, moving(6));
    let answers = effects.iter().filter(|effect| matches!(effect, Effect::Written(_, Ok(_)))).count();
    assert_eq!(answers, 2, "{effects:?}");
}

#[test]
fn a_write_that_gets_no_version_changes_nothing_and_says_what_to_do() {
    let engine = MemoryEngine::new();
    let identity = Identity { name: "n1".parse().unwrap(), id: Id(1), boot: Id(2), joins: false };
    let mut core = Core::open(Arc::new(engine), Arc::new(ReadCache::new(0)), identity).unwrap();
    core.counter = (1 << 40) - 2;
    let answers = written(&mut core, &["last", "none"]);
    assert!(matches!(answers[0].1, Ok(Written::Created(_))), "{answers:?}");
    let refused = answers[1].1.as_ref().unwrap_err();
    assert!(
        matches!(refused, Refused::NoVersions(_)) && refused.to_string().contains("restart"),
        "{refused}"
    );
    assert!(core.staging.get(&StoreKey::of(b"none")).unwrap().is_none());
}

#[test]
fn a_wipe_sees_what_came_in_the_same_batch_before_it() {
    let engine = MemoryEngine::new();
    let identity = Identity { name: "n2".parse().unwrap(), id: Id(2), boot: Id(20), joins: true };
    let mut core = Core::open(Arc::new(engine.clone()), Arc::new(ReadCache::new(0)), identity).unwrap();
    let outlook = moving(5);
    let range = outlook.moves[0].2.clone();
    let beat = |outlook| {
        let beat = BeatIn { cluster: Id(1), expect: Some(Id(2)), outlook: Some(outlook), erase: false };
        Command::Beat(Box::new(beat), "beat")
    };
    let message = |session, sequence, frame| {
        let (from, frames) = ("n1".parse().unwrap(), vec![frame]);
        let message = Message { session, sequence, from, source_id: Id(1), source_boot: Id(10), frames };
        Command::Message(message, "message")
    };
    let rest = |core: &mut Core<&'static str>| {
        core.commit(NOW).unwrap();
        while core.wake_at().is_some() {
            core.commit(NOW).unwrap();
        }
    };
    core.handle(beat(outlook), NOW).unwrap();
    core.handle(message(5, 1, Frame::Open), NOW).unwrap();
    rest(&mut core);

    let keys = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|key| StoreKey::of(key.as_bytes()));
    let key = keys.into_iter().find(|key| range.contains(key.position())).unwrap();
    let record = Record {
        version: Version(7),
        modified_ms: 0,
        expiry_ms: 0,
        content_type: None,
        content_encoding: None,
        value: "v".into(),
    };
    let put = Frame::Put { key: key.clone(), record: record.encode(&key), version: record.version };
    core.handle(message(5, 2, put), NOW).unwrap();
    core.handle(beat(moving(6)), NOW).unwrap();
    core.handle(message(6, 1, Frame::Open), NOW).unwrap();
    rest(&mut core);
    assert_eq!(engine.get(Space::Records, &key.0).unwrap(), None);
    assert!(core.targets.values().all(|inbound| inbound.ready && inbound.session == 6));
}
