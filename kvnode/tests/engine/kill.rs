//! What was acknowledged before a kill -9 is there afterwards, and no batch is half there.
//!
//! A child process (this test program, started again) commits numbered batches and says each number when its commit
//! has returned. The parent kills it at a random moment, opens the folder, and compares all of it with what batches
//! 1 to n leave behind, where n is the number that the folder itself says: at least the last one acknowledged, and at
//! most one more. `KEYWAY_KILL_ROUNDS` and `KEYWAY_SEED` change what is tried; a failure names the seed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use kvnode::store::engine::{Batch, Engine, Space};

use super::{all, boxed, small_fjall};

const CHILD_FOLDER: &str = "KEYWAY_KILL_TEST_FOLDER";
const CHILD_ENGINE: &str = "KEYWAY_KILL_TEST_ENGINE";
const OPENING: &str = "opening";
const COMMITTED: &str = "committed ";
const LAST: &[u8] = b"last";

#[test]
fn fjall_keeps_what_it_acknowledged() {
    kill_again_and_again("fjall");
}

#[cfg(feature = "engine-redb")]
#[test]
fn redb_keeps_what_it_acknowledged() {
    kill_again_and_again("redb");
}

/// Not a test of its own: what the child does.
#[test]
fn child_that_is_to_be_killed() {
    let (Ok(folder), Ok(name)) = (std::env::var(CHILD_FOLDER), std::env::var(CHILD_ENGINE)) else { return };
    println!("{OPENING}");
    let engine = open(&name, folder.as_ref());
    for number in last(&*engine) + 1.. {
        engine.commit(batch(number)).unwrap();
        println!("{COMMITTED}{number}");
    }
}

#[test]
fn fjall_survives_a_kill_during_its_first_start() {
    kill_first_starts("fjall");
}

#[cfg(feature = "engine-redb")]
#[test]
fn redb_survives_a_kill_during_its_first_start() {
    kill_first_starts("redb");
}

fn kill_first_starts(name: &str) {
    for delay in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let child = Running::start(name, folder.path());
        std::thread::sleep(Duration::from_millis(delay));
        child.kill();
        open(name, folder.path());
    }
}

fn kill_again_and_again(name: &str) {
    let number = |variable: &str| std::env::var(variable).ok()?.parse::<u64>().ok();
    let seed = number("KEYWAY_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}: KEYWAY_SEED={seed} repeats the moments of the kills");
    let folder = tempfile::tempdir().unwrap();
    let (mut expected, mut applied) = (BTreeMap::new(), 0);
    for round in 0..number("KEYWAY_KILL_ROUNDS").unwrap_or(20) {
        let random = mix(seed ^ round.wrapping_mul(0x1_0001));
        let child = Running::start(name, folder.path());
        // Every third one dies while it opens, or soon after.
        std::thread::sleep(Duration::from_millis(if round.is_multiple_of(3) {
            random % 20
        } else {
            random % 400
        }));
        let acknowledged = child.kill().max(applied);

        let engine = open(name, folder.path());
        let found = last(&*engine);
        assert!(
            (acknowledged..=acknowledged + 1).contains(&found),
            "round {round}, seed {seed}: batch {acknowledged} was acknowledged, the last one there is {found}"
        );
        (applied + 1..=found).for_each(|number| apply(&mut expected, batch(number)));
        applied = found;
        for space in Space::ALL {
            let should = expected.iter().filter(|((of, _), _)| *of == space);
            let same = all(&*engine, space)
                .iter()
                .map(|(key, value)| (key.as_slice(), value.as_slice()))
                .eq(should.map(|((_, key), value)| (key.as_ref(), value.as_ref())));
            assert!(same, "round {round}, seed {seed}: {space:?} is not what batches 1 to {found} leave");
        }
    }
    assert!(applied > 0, "no child lived long enough to commit anything");
}

fn open(name: &str, folder: &Path) -> Box<dyn Engine> {
    match name {
        "fjall" => boxed(small_fjall(folder)),
        #[cfg(feature = "engine-redb")]
        "redb" => boxed(super::redb(folder)),
        other => panic!("no engine {other}"),
    }
}

/// A child that commits batches until it is killed.
struct Running {
    child: Child,
    /// Answers the last batch that the child said was committed, once the child is gone.
    listener: JoinHandle<u64>,
}

impl Running {
    /// Starts it and waits until it is about to open the engine.
    fn start(name: &str, folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child_that_is_to_be_killed", "--nocapture"])
            .env(CHILD_FOLDER, folder)
            .env(CHILD_ENGINE, name)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(said.any(|line| line.ends_with(OPENING)), "the child did not start");
        let listener = std::thread::spawn(move || {
            said.filter_map(|line| line.strip_prefix(COMMITTED)?.parse().ok()).last().unwrap_or(0)
        });
        Self { child, listener }
    }

    /// Kills with SIGKILL, and answers the last batch that was acknowledged; 0 = none.
    fn kill(mut self) -> u64 {
        self.child.kill().unwrap();
        let ended = self.child.wait().unwrap();
        assert_eq!(ended.code(), None, "the child ended by itself");
        self.listener.join().unwrap()
    }
}

fn last(engine: &dyn Engine) -> u64 {
    let stored = engine.get(Space::Meta, LAST).unwrap();
    stored.map_or(0, |stored| u64::from_le_bytes(stored.as_ref().try_into().unwrap()))
}

/// The changes of batch `number`: overwrites and removes among 300 keys, values of 0 to 3000 bytes and now and then
/// one of 300 kB, in more than one space.
fn batch(number: u64) -> Batch {
    let mut batch = Batch::default();
    for i in 0..30 {
        let random = mix(number.wrapping_mul(1000) + i);
        let key = format!("key{}", random % 300);
        let length = if random.is_multiple_of(2000) { 300_000 } else { (random >> 20) % 3000 };
        let space = if random.is_multiple_of(5) { Space::Tombstones } else { Space::Records };
        if random.is_multiple_of(7) {
            batch.remove(space, key);
        } else {
            let mut value = number.to_le_bytes().to_vec();
            value.extend((0..length).map(|at| (at ^ random) as u8));
            batch.put(space, key, value);
        }
    }
    batch.put(Space::Meta, LAST, number.to_le_bytes().to_vec());
    batch
}

fn apply(expected: &mut BTreeMap<(Space, Bytes), Bytes>, batch: Batch) {
    for (space, key, value) in batch.changes {
        match value {
            Some(value) => expected.insert((space, key), value),
            None => expected.remove(&(space, key)),
        };
    }
}

/// splitmix64's last step: a random-looking number from any number.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
