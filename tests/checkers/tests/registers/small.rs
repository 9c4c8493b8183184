//! Small histories, against the judge that tries every order.

use checkers::Entry;
use checkers::entry::without_versions;
use checkers::linear::{self, Unexplained};
use checkers::versions::{self, Wrong};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::mutation::{mutated, mutations};
use crate::oracle::{explains, explains_versions};
use crate::register::{plans, play};

/// Small histories are quick, and some traps take thousands of them to come up.
const CASES_PER_CASE: u32 = 80;

/// Tries `claim` on many small histories with up to two changes.
fn always(claim: impl Fn(Vec<Entry>) -> Result<(), TestCaseError>) {
    // Not by the macro, in which PROPTEST_CASES would replace this product and not scale it.
    let cases = ProptestConfig::default().cases * CASES_PER_CASE;
    let mut runner = TestRunner::new(ProptestConfig { cases, ..ProptestConfig::default() });
    let strategy = (plans(1..8, 24), prop::collection::vec(mutations(), 0..3));
    let outcome = runner.run(&strategy, |(plans, changes)| {
        claim(changes.into_iter().fold(play(&plans), |entries, change| {
            if entries.is_empty() { entries } else { mutated(&entries, change) }
        }))
    });
    let failure = outcome.err().map(|failure| failure.to_string()).unwrap_or_default();
    assert!(failure.is_empty(), "{failure}");
}

#[test]
fn the_search_finds_an_order_exactly_where_there_is_one() {
    always(|entries| {
        let Ok(operations) = without_versions(&entries) else { return Ok(()) };
        match linear::check(&operations) {
            Ok(_) => prop_assert!(explains(&operations), "accepted: {:#?}", operations),
            Err(Unexplained::Wrong(_)) => prop_assert!(!explains(&operations), "refused: {:#?}", operations),
            Err(Unexplained::Misused(_)) => {}
            Err(undecided @ Unexplained::Undecided(_)) => prop_assert!(false, "{}", undecided),
        }
        Ok(())
    });
}

#[test]
fn what_the_versions_accuse_is_wrong() {
    always(|mut entries| {
        if let Err(findings) = versions::check(&mut entries) {
            prop_assert!(!explains_versions(&entries), "{:#?} of {:#?}", findings, entries);
        }
        Ok(())
    });
}

/// The search is exact, but blind for versions; the rules of the versions are necessary ones, and let some histories
/// pass in which it is about who was there when. What both let pass is rare.
#[test]
fn hardly_anything_wrong_escapes_both_the_versions_and_the_search() {
    let mut runner = TestRunner::deterministic();
    let strategy = (plans(3..8, 24), mutations());
    let (mut wrong, mut by_versions, mut by_either) = (0, 0, 0);
    for _ in 0..20_000 {
        let (plans, change) = strategy.new_tree(&mut runner).unwrap().current();
        let mut entries = mutated(&play(&plans), change);
        if explains_versions(&entries) {
            continue;
        }
        wrong += 1;
        let accused = versions::check(&mut entries).is_err();
        let unexplained = without_versions(&entries).map(|operations| linear::check(&operations).is_err());
        by_versions += usize::from(accused);
        by_either += usize::from(accused || unexplained.unwrap_or(true));
    }
    println!("{wrong} wrong: the versions find {by_versions}, with the search {by_either}");
    assert!(wrong > 1000, "only {wrong} histories were wrong");
    assert!(by_versions * 100 > wrong * 80, "the versions find only {by_versions} of {wrong}");
    assert!(by_either * 100 > wrong * 99, "both together find only {by_either} of {wrong}");
}

/// Every kind of finding comes up, so none of the rules is dead.
#[test]
fn mutations_bring_up_nearly_every_kind_of_finding() {
    let mut runner = TestRunner::deterministic();
    let strategy = (plans(3..12, 30), mutations());
    let mut kinds = std::collections::HashMap::<Wrong, usize>::new();
    for _ in 0..20_000 {
        let (plans, change) = strategy.new_tree(&mut runner).unwrap().current();
        for finding in versions::check(&mut mutated(&play(&plans), change)).err().unwrap_or_default() {
            *kinds.entry(finding.wrong).or_default() += 1;
        }
    }
    println!("{kinds:?}");
    for wrong in [
        Wrong::VersionReused,
        Wrong::OtherValue,
        Wrong::FromNowhere,
        Wrong::FromTheFuture,
        Wrong::Older,
        Wrong::Resurrected,
        Wrong::Lost,
        Wrong::NeverWritten,
        Wrong::CreatedTwice,
        Wrong::LostUpdate,
        Wrong::Impossible,
    ] {
        assert!(kinds.contains_key(&wrong), "{wrong:?} never came up: {kinds:?}");
    }
}
