//! Every rule of a change that can be broken, broken: the simulation must notice each. `KEYWAY_MUTANT=SealDrains` tries
//! only that one, and prints what was noticed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use kvnode::rules::{Rule, broken};
use sim::scenarios::ALL;
use sim::world::{Shape, run};

/// A rule whose break shows in fewer than one of so many seeds is not watched well enough.
const SEEDS: u64 = 1500;

/// What notices that a rule is broken: the name of a scenario, or the first seed; and what happens there.
fn noticed(rule: Rule) -> Option<(String, String)> {
    let told = ALL.iter().find_map(|(name, scenario)| {
        let failure = broken(rule, scenario).err()?;
        Some(((*name).to_owned(), failure))
    });
    told.or_else(|| noticed_by_a_seed(rule))
}

fn noticed_by_a_seed(rule: Rule) -> Option<(String, String)> {
    // Some rules matter only where many writes are under way at once: every other run has more clients and fewer keys.
    let shapes = [Shape::default(), Shape { clients: 24, keys: 12, ..Shape::default() }];
    (0..SEEDS).zip(shapes.iter().cycle()).find_map(|(seed, shape)| {
        let outcome = broken(rule, || catch_unwind(AssertUnwindSafe(|| run(seed, shape))));
        match outcome {
            Ok(Ok(_)) => None,
            Ok(Err(failure)) => Some((format!("seed {seed}"), failure)),
            Err(_) => Some((format!("seed {seed}"), "a process panics".to_owned())),
        }
    })
}

#[test]
fn whoever_is_alone_keeps_what_it_must() {
    for (name, scenario) in ALL {
        scenario().unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }
}

#[test]
fn every_broken_rule_is_noticed() {
    let only = std::env::var("KEYWAY_MUTANT").ok();
    let rules: Vec<Rule> = Rule::ALL
        .into_iter()
        .filter(|rule| only.as_ref().is_none_or(|only| *only == format!("{rule:?}")))
        .collect();
    assert!(!rules.is_empty(), "there is no rule {only:?}");
    let (next, survivors) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(&rule) = rules.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some((by, failure)) = noticed(rule) else {
                        println!("{rule:?}: NOT NOTICED in {SEEDS} seeds");
                        survivors.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
                        continue;
                    };
                    let what = failure.lines().next().unwrap_or_default();
                    println!("{rule:?}: {by}: {what}");
                    if only.is_some() {
                        println!("{failure}");
                    }
                }
            });
        }
    });
    let survivors = survivors.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(survivors.is_empty(), "broken and not noticed: {survivors:?}");
}
