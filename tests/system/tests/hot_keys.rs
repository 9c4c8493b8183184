//! A handful of keys that everyone reads, writes, creates, swaps and removes at once, while the ring changes and
//! processes stand still or die: for each key there is one order that explains every answer.
//!
//! Every second other keys are hot. Histories stay short by that, and keys are born while their ranges move.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use checkers::contents::Contents;
use checkers::entry::{Asked, Entry, without_versions};
use checkers::{OnlyIf, Told, linear, versions};
use harness::recorder::{Recorder, Wish};
use harness::{Cluster, secs, story_alone};
use tokio::task::JoinSet;

use crate::faults::{befall, seed};

const CLIENTS: u32 = 24;
/// Keys that are hot at the same time.
const HOT: u32 = 5;
/// How long they are.
const ROUND: Duration = Duration::from_secs(1);

#[test]
fn hot_keys_with_many_writers_stay_linearizable_whatever_happens() {
    story_alone(secs(200), || async {
        let seed = seed();
        let mut random = fastrand::Rng::with_seed(seed);
        let mut cluster = Cluster::start().await;
        let board = Arc::new(Board::new(seed));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let recorder = Recorder::new(cluster.client().clone(), board.begun);
            clients.spawn(work(number, recorder, Arc::clone(&board)));
        }
        let (faults, changes) = befall(&mut cluster, &mut random, secs(20)).await;
        board.stop.store(true, Ordering::Relaxed);
        let mut entries = clients.join_all().await.concat();
        entries.extend(read_all(&cluster, &board).await);
        let unanswered = entries.iter().filter(|entry| !entry.answered()).count();
        println!("{faults} faults, {changes} changes done, {unanswered} operations without an answer");
        assert!(changes >= 2, "only {changes} changes were done");
        enough(&entries);
        judge(&mut entries).unwrap_or_else(|wrong| panic!("{wrong}"));
        // Judges that accept everything would prove nothing.
        let mut doctored = [&entries[..], &[stale(&entries)]].concat();
        versions::check(&mut doctored).expect_err("the versions must tell a stale read");
        let found = doctored.chunk_by(|a, b| a.key == b.key).any(|key| search(key).is_err());
        assert!(found, "the search must find a stale read");
    });
}

/// What all clients share.
struct Board {
    seed: u64,
    begun: Instant,
    stop: AtomicBool,
    /// By place among the hot keys, a version that was there a moment ago.
    latest: [AtomicU64; HOT as usize],
}

impl Board {
    fn new(seed: u64) -> Self {
        Self { seed, begun: Instant::now(), stop: AtomicBool::new(false), latest: Default::default() }
    }

    /// The number of the first key that is hot now.
    fn first(&self) -> u32 {
        HOT * u32::try_from(self.begun.elapsed().as_millis() / ROUND.as_millis()).unwrap_or(0)
    }
}

fn name(key: u32) -> String {
    format!("hot{key}")
}

/// One client until it is told to stop.
async fn work(number: u32, mut recorder: Recorder, board: Arc<Board>) -> Vec<Entry> {
    let mut random = fastrand::Rng::with_seed(board.seed ^ u64::from(number) << 32);
    let mut count = 0;
    while !board.stop.load(Ordering::Relaxed) {
        count += 1;
        let place = random.u32(0..HOT);
        let key = board.first() + place;
        let latest = &board.latest[place as usize];
        let value = Bytes::from(format!("{number}.{count} of {};", board.seed).repeat(random.usize(1..20)));
        // Soon after a change of keys this may name a version of another key, and must fail then.
        let seen = OnlyIf::Is(latest.load(Ordering::Relaxed));
        let wish = match random.u8(0..100) {
            0..36 => Wish::Get,
            36..56 => Wish::Put(value, OnlyIf::Always),
            56..70 => Wish::Put(value, OnlyIf::Absent),
            70..84 => Wish::Put(value, seen),
            84..94 => Wish::Delete(OnlyIf::Always),
            _ => Wish::Delete(seen),
        };
        let answer = recorder.ask(&name(key), key, &wish).await;
        let entry = answer.unwrap_or_else(|answer| panic!("client {number}: {wish:?}: {answer:?}"));
        if entry.version != 0 {
            latest.store(entry.version, Ordering::Relaxed);
        }
        if !entry.answered() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    recorder.into_entries()
}

/// Reads every key that was ever hot, when nobody writes any more; nothing besides may be stored.
async fn read_all(cluster: &Cluster, board: &Board) -> Vec<Entry> {
    let mut recorder = Recorder::new(cluster.client().clone(), board.begun);
    let mut stored = Contents::default();
    for key in 0..board.first() + HOT {
        let entry = recorder.ask(&name(key), key, &Wish::Get).await.unwrap_or_else(|it| panic!("{it:?}"));
        assert!(entry.answered(), "{} cannot be read: {entry:?}", name(key));
        if entry.told == Told::WasPresent {
            stored.add(name(key).as_bytes(), b"");
        }
    }
    let verified = cluster.admin().verified(secs(30)).await;
    assert_eq!(system::elastic::stored(&verified), stored.records, "{verified:#}");
    recorder.into_entries()
}

/// Judges every key by the order of its versions, and by a search that knows nothing of versions. What either
/// finds is told.
fn judge(entries: &mut [Entry]) -> Result<(), String> {
    let begun = Instant::now();
    let by_versions = versions::check(entries);
    let first = begun.elapsed();
    let by_search: Vec<_> = entries.chunk_by(|a, b| a.key == b.key).map(search).collect();
    let looked: usize = by_search.iter().flatten().sum();
    let second = begun.elapsed() - first;
    println!("by versions in {first:?}: {:?}", by_versions.as_ref().map_err(Vec::len));
    println!("by a search of {looked} steps in {second:?}");
    let mut wrong = String::new();
    for finding in by_versions.err().unwrap_or_default().iter().take(8) {
        let _ = writeln!(wrong, "{}: {finding}", name(finding.entry.key));
    }
    for unexplained in by_search.into_iter().filter_map(Result::err).take(2) {
        let _ = writeln!(wrong, "{unexplained}");
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Searches for an order of the operations on one key; answers in how many steps.
fn search(key: &[Entry]) -> Result<usize, String> {
    let judged = linear::check(&without_versions(key)?);
    judged.map_err(|why| format!("{}: {why}", name(key[0].key)))
}

/// A run in which little happens would prove little.
fn enough(entries: &[Entry]) {
    let count = |which: fn(&Entry) -> bool| entries.iter().filter(|entry| which(entry)).count();
    for (what, found) in [
        ("created", count(|it| it.only_if == OnlyIf::Absent && it.told == Told::WasAbsent)),
        ("not created", count(|it| it.only_if == OnlyIf::Absent && it.told == Told::Refused)),
        ("swapped", count(|it| matches!(it.only_if, OnlyIf::Is(_)) && it.stored())),
        ("not swapped", count(|it| matches!(it.only_if, OnlyIf::Is(_)) && it.told == Told::Refused)),
        ("removed", count(Entry::removed)),
        ("found absent", count(|it| it.asked == Asked::Get && it.told == Told::WasAbsent)),
        ("read", count(|it| it.asked == Asked::Get && it.told == Told::WasPresent)),
    ] {
        assert!(found >= 100, "only {found} operations {what}");
    }
}

/// A read at the very end of what was stored first in the key with the most operations.
fn stale(entries: &[Entry]) -> Entry {
    let keys = entries.chunk_by(|a, b| a.key == b.key);
    let busiest = keys.max_by_key(|key| key.len()).expect("a key");
    let first = busiest.iter().filter(|it| it.stored()).min_by_key(|it| it.version).expect("a put");
    let last = entries.iter().filter(|it| it.answered()).map(|it| it.end).max().expect("an answer");
    let asked = Asked::Get;
    Entry { start: last + 1, end: last + 2, asked, only_if: OnlyIf::Always, told: Told::WasPresent, ..*first }
}
