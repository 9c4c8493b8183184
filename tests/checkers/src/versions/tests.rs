//! Each kind of wrong answer, and the answers beside it that are right.

use super::*;
use crate::entry::NEVER;

/// A put that was acknowledged. Values are named after the version that they got.
fn put(start: u64, end: u64, version: u64, told: Told) -> Entry {
    Entry {
        start,
        end,
        value: 1000 + version,
        version,
        only_if: OnlyIf::Always,
        key: 7,
        asked: Asked::Put,
        told,
    }
}

fn created(start: u64, end: u64, version: u64) -> Entry {
    put(start, end, version, Told::WasAbsent)
}

fn replaced(start: u64, end: u64, version: u64) -> Entry {
    put(start, end, version, Told::WasPresent)
}

fn get(start: u64, end: u64, version: u64) -> Entry {
    Entry { asked: Asked::Get, ..replaced(start, end, version) }
}

fn nothing(start: u64, end: u64) -> Entry {
    Entry { value: 0, version: 0, told: Told::WasAbsent, ..get(start, end, 0) }
}

fn deleted(start: u64, end: u64) -> Entry {
    Entry { asked: Asked::Delete, told: Told::WasPresent, ..nothing(start, end) }
}

fn lost(entry: Entry) -> Entry {
    Entry { end: NEVER, version: 0, told: Told::Nothing, ..entry }
}

fn swap(start: u64, end: u64, expected: u64, version: u64) -> Entry {
    Entry { only_if: OnlyIf::Is(expected), ..replaced(start, end, version) }
}

#[track_caller]
fn right(entries: &[Entry]) {
    check(&mut entries.to_vec()).unwrap();
}

#[track_caller]
fn wrong(entries: &[Entry], expected: Wrong) {
    let findings = check(&mut entries.to_vec()).unwrap_err();
    assert!(findings.iter().any(|finding| finding.wrong == expected), "{findings:?}");
}

#[test]
fn a_lost_write_is_found() {
    right(&[created(0, 1, 5), get(2, 3, 5)]);
    wrong(&[created(0, 1, 5), nothing(2, 3)], Wrong::Lost);
    wrong(&[created(0, 1, 5), created(2, 3, 6)], Wrong::Lost);
    right(&[created(0, 5, 5), nothing(2, 3)]);
    right(&[created(0, 1, 5), lost(deleted(1, 2)), nothing(3, 4)]);
    wrong(&[created(0, 1, 5), nothing(2, 3), lost(deleted(4, 5))], Wrong::Lost);
}

#[test]
fn a_stale_read_and_a_write_that_goes_back_are_found() {
    let two = [created(0, 1, 5), replaced(2, 3, 6)];
    right(&[&two[..], &[get(3, 4, 5)]].concat());
    wrong(&[&two[..], &[get(4, 5, 5)]].concat(), Wrong::Older);
    wrong(&[created(0, 1, 6), replaced(2, 3, 5)], Wrong::Older);
    right(&[created(0, 3, 5), replaced(2, 4, 6), get(2, 3, 6), get(5, 6, 6)]);
    wrong(&[created(0, 1, 5), replaced(2, 9, 6), get(2, 3, 6), get(4, 5, 5)], Wrong::Older);
}

#[test]
fn a_resurrected_delete_is_found() {
    let gone = [created(0, 1, 5), deleted(2, 4)];
    right(&[&gone[..], &[get(3, 5, 5)]].concat());
    wrong(&[&gone[..], &[get(5, 6, 5)]].concat(), Wrong::Resurrected);
    wrong(&[&gone[..], &[replaced(5, 6, 7)]].concat(), Wrong::NeverWritten);
    right(&[&gone[..], &[created(5, 6, 7), get(7, 8, 7)]].concat());
    let seen_gone = [created(0, 1, 5), lost(deleted(2, 4)), nothing(3, 4)];
    wrong(&[&seen_gone[..], &[get(5, 6, 5)]].concat(), Wrong::Resurrected);
}

#[test]
fn two_creators_are_found() {
    wrong(&[created(0, 5, 5), created(1, 4, 6)], Wrong::CreatedTwice);
    right(&[created(0, 5, 5), created(1, 4, 6), deleted(0, 3)]);
    right(&[created(0, 5, 5), replaced(1, 4, 6)]);
    wrong(&[replaced(0, 5, 5)], Wrong::NeverWritten);
}

#[test]
fn a_lost_update_of_a_compare_and_set_is_found() {
    let first = created(0, 1, 5);
    right(&[first, swap(2, 9, 5, 6), swap(3, 8, 6, 7)]);
    wrong(&[first, swap(2, 9, 5, 6), swap(3, 8, 5, 7)], Wrong::LostUpdate);
    wrong(&[first, replaced(2, 9, 6), swap(3, 8, 5, 7)], Wrong::LostUpdate);
    wrong(&[first, deleted(2, 3), swap(4, 5, 5, 7)], Wrong::Resurrected);
    wrong(&[first, replaced(2, 3, 6), Entry { only_if: OnlyIf::Is(5), ..deleted(4, 5) }], Wrong::Older);
}

#[test]
fn a_version_reused_is_found() {
    wrong(&[created(0, 1, 5), Entry { value: 1, ..replaced(2, 3, 5) }], Wrong::VersionReused);
    let twice = lost(replaced(2, 3, 6));
    let shown = |start, version| Entry { value: twice.value, ..get(start, start + 1, version) };
    right(&[created(0, 1, 5), twice, shown(3, 6), shown(5, 6)]);
    wrong(&[created(0, 1, 5), twice, shown(3, 6), shown(5, 7)], Wrong::VersionReused);
}

#[test]
fn a_value_under_a_wrong_version_is_found() {
    let two = [created(0, 1, 5), replaced(2, 3, 6)];
    wrong(&[&two[..], &[Entry { value: 1005, ..get(4, 5, 6) }]].concat(), Wrong::OtherValue);
    wrong(&[&two[..], &[Entry { value: 1005, ..get(4, 5, 9) }]].concat(), Wrong::OtherValue);
    wrong(&[&two[..], &[Entry { value: 3, ..get(4, 5, 9) }]].concat(), Wrong::FromNowhere);
    wrong(&[&two[..], &[Entry { version: 0, ..get(4, 5, 6) }]].concat(), Wrong::NoVersion);
}

#[test]
fn a_read_from_the_future_is_found() {
    wrong(&[get(0, 1, 5), created(2, 3, 5)], Wrong::FromTheFuture);
    wrong(&[get(0, 1, 5), lost(created(2, 3, 5))], Wrong::FromTheFuture);
    right(&[get(0, 2, 5), created(2, 3, 5)]);
}

#[test]
fn an_unanswered_write_may_have_happened_or_not_but_does_not_vanish() {
    let history = [created(0, 1, 5), lost(replaced(2, 3, 6))];
    for version in [5, 6] {
        right(&[&history[..], &[get(4, 5, version)]].concat());
    }
    right(&[&history[..], &[get(4, 5, 5), get(6, 7, 6)]].concat());
    wrong(&[&history[..], &[get(4, 5, 6), get(6, 7, 5)]].concat(), Wrong::Older);
    wrong(&[&history[..], &[get(4, 5, 6), nothing(6, 7)]].concat(), Wrong::Lost);
}

#[test]
fn answers_that_do_not_belong_to_their_questions_are_found() {
    wrong(&[Entry { told: Told::Refused, version: 0, ..created(0, 1, 5) }], Wrong::Impossible);
    wrong(&[Entry { only_if: OnlyIf::Absent, ..replaced(0, 1, 5) }], Wrong::Impossible);
    right(&[
        created(0, 1, 5),
        Entry { only_if: OnlyIf::Absent, told: Told::Refused, version: 0, ..replaced(2, 3, 6) },
    ]);
}

#[test]
fn keys_are_judged_each_by_itself() {
    let other = |entry| Entry { key: 8, ..entry };
    right(&[created(0, 1, 5), other(created(2, 3, 5)), other(deleted(4, 5)), get(6, 7, 5)]);
    wrong(&[created(0, 1, 5), other(get(2, 3, 5))], Wrong::FromNowhere);
}
