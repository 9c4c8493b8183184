//! Histories of the size that tests of real processes record.

use std::time::Instant;

use checkers::entry::without_versions;
use checkers::{Entry, linear, versions};
use proptest::prelude::*;

use crate::register::{VERSION, plans, play};

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn right_histories_of_many_clients_are_accepted(plans in plans(300..600, 900)) {
        let mut entries = play(&plans);
        let operations = without_versions(&entries).unwrap();
        if let Err(unexplained) = linear::check(&operations) {
            prop_assert!(false, "{}", unexplained);
        }
        prop_assert!(versions::check(&mut entries).is_ok());
    }

    #[test]
    fn one_stale_read_among_hundreds_is_found(plans in plans(300..600, 900)) {
        let mut entries = play(&plans);
        let Some(stale) = stale(&entries) else { return Ok(()) };
        entries.push(stale);
        let operations = without_versions(&entries).unwrap();
        let judged = linear::check(&operations);
        prop_assert!(matches!(judged, Err(linear::Unexplained::Wrong(_))), "{:?}", judged.is_ok());
        prop_assert!(versions::check(&mut entries).is_err());
    }
}

/// A read at the very end of the first value that was stored, where there was a later one.
fn stale(entries: &[Entry]) -> Option<Entry> {
    let stored: Vec<&Entry> = entries.iter().filter(|entry| entry.stored()).collect();
    let last = entries.iter().filter(|entry| entry.answered()).map(|entry| entry.end).max()?;
    let (first, later) = (stored.first()?, stored.last()?);
    (later.version > first.version).then(|| Entry {
        start: last + 1,
        end: last + 2,
        told: checkers::Told::WasPresent,
        asked: checkers::entry::Asked::Get,
        only_if: checkers::OnlyIf::Always,
        ..**first
    })
}

/// A million operations of 24 clients on 1000 keys, and as many on a single one.
#[test]
#[ignore = "prints figures: cargo test -p checkers --release -- --ignored --nocapture"]
fn a_million_operations_are_judged_by_their_versions() {
    for keys in [1000, 1] {
        let mut entries = million(keys);
        let bytes = size_of_val(entries.as_slice());
        let begun = Instant::now();
        let judged = versions::check(&mut entries).unwrap();
        println!("{judged:?} in {:?}, {} MB of records", begun.elapsed(), bytes >> 20);
        let begun = Instant::now();
        let mut looked = 0;
        for key in entries.chunk_by(|a, b| a.key == b.key) {
            looked += linear::check(&without_versions(key).unwrap()).unwrap();
        }
        println!("by the search, {looked} configurations: {:?}", begun.elapsed());
    }
}

fn million(keys: u32) -> Vec<Entry> {
    use checkers::entry::Asked;
    use checkers::{OnlyIf, Told};
    let mut random = fastrand::Rng::with_seed(1);
    let mut holds = vec![0_u64; keys as usize];
    (0..1_000_000_u64)
        .map(|moment| {
            let key = random.u32(0..keys);
            let held = holds[key as usize];
            let told = if held == 0 { Told::WasAbsent } else { Told::WasPresent };
            let asked = match random.u8(0..10) {
                0..5 => Asked::Get,
                5..9 => Asked::Put,
                _ => Asked::Delete,
            };
            let value = match asked {
                Asked::Get => held,
                Asked::Put => moment + 1,
                Asked::Delete => 0,
            };
            if asked != Asked::Get {
                holds[key as usize] = value;
            }
            let at = 100 * moment + 100_000;
            Entry {
                start: at - random.u64(0..1200),
                end: at + random.u64(0..1200),
                value,
                version: if value == 0 { 0 } else { value + VERSION },
                only_if: OnlyIf::Always,
                key,
                asked,
                told,
            }
        })
        .collect()
}
