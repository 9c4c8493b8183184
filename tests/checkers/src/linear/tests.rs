//! Histories that are known to be right or wrong; `tests/registers.rs` tries random ones.

use std::time::Duration;

use super::*;
use crate::operation::{Action, Told, Write};

const A: u64 = 1;
const B: u64 = 2;

fn at(start: u64, end: u64, action: Action) -> Operation {
    Operation { start: Duration::from_millis(start), end: Some(Duration::from_millis(end)), action }
}

fn get(start: u64, end: u64, read: Option<u64>) -> Operation {
    at(start, end, Action::Get(read))
}

fn told(start: u64, end: u64, write: Write, told: Told) -> Operation {
    at(start, end, Action::Write(write, told))
}

fn lost(start: u64, write: Write) -> Operation {
    let action = Action::Write(write, Told::Nothing);
    Operation { start: Duration::from_millis(start), end: None, action }
}

fn created(start: u64, end: u64, value: u64) -> Operation {
    told(start, end, Write::put(value), Told::WasAbsent)
}

fn replaced(start: u64, end: u64, value: u64) -> Operation {
    told(start, end, Write::put(value), Told::WasPresent)
}

#[track_caller]
fn right(history: &[Operation]) {
    check(history).unwrap();
}

#[track_caller]
fn wrong(history: &[Operation]) {
    assert!(matches!(check(history), Err(Unexplained::Wrong(_))), "{:?}", check(history));
}

#[test]
fn a_lost_write_is_found() {
    wrong(&[created(0, 1, A), get(2, 3, None)]);
}

#[test]
fn a_stale_read_is_found() {
    let first = [created(0, 1, A), replaced(2, 9, B), get(3, 4, Some(B))];
    right(&[&first[..], &[get(5, 6, Some(B))]].concat());
    wrong(&[&first[..], &[get(5, 6, Some(A))]].concat());
}

#[test]
fn a_read_from_the_future_is_found() {
    wrong(&[get(0, 1, Some(A)), created(2, 3, A)]);
    wrong(&[get(0, 1, Some(A)), lost(2, Write::put(A))]);
}

#[test]
fn a_value_that_nobody_wrote_is_found() {
    wrong(&[created(0, 1, A), get(2, 3, Some(B))]);
}

#[test]
fn a_resurrected_delete_is_found() {
    let deleted = [created(0, 1, A), told(2, 3, Write::delete(), Told::WasPresent)];
    right(&[&deleted[..], &[get(4, 5, None)]].concat());
    wrong(&[&deleted[..], &[get(4, 5, Some(A))]].concat());
    wrong(&[&deleted[..], &[replaced(4, 5, B)]].concat());
}

#[test]
fn two_creators_are_found() {
    let create = |start, end, value| told(start, end, Write::create(value), Told::WasAbsent);
    wrong(&[create(0, 5, A), create(1, 4, B)]);
    right(&[create(0, 5, A), create(1, 4, B), told(0, 6, Write::delete(), Told::WasPresent)]);
    wrong(&[told(0, 5, Write::create(A), Told::Refused)]);
}

#[test]
fn a_lost_update_of_a_compare_and_set_is_found() {
    let swap = |value, answer| told(2, 9, Write::swap(A, value), answer);
    right(&[created(0, 1, A), swap(B, Told::WasPresent), swap(3, Told::Refused)]);
    wrong(&[created(0, 1, A), swap(B, Told::WasPresent), swap(3, Told::WasPresent)]);
    wrong(&[created(0, 1, A), swap(B, Told::Refused)]);
}

#[test]
fn a_conditional_delete_removes_only_what_it_names() {
    let remove = |expected, answer| told(4, 5, Write::remove(expected), answer);
    let replaced = [created(0, 1, A), replaced(2, 3, B)];
    right(&[&replaced[..], &[remove(A, Told::Refused), get(6, 7, Some(B))]].concat());
    right(&[&replaced[..], &[remove(B, Told::WasPresent), get(6, 7, None)]].concat());
    wrong(&[&replaced[..], &[remove(A, Told::WasPresent)]].concat());
    wrong(&[&replaced[..], &[remove(A, Told::Refused), get(6, 7, None)]].concat());
}

#[test]
fn overlapping_operations_may_take_effect_in_any_order() {
    let puts = [told(0, 9, Write::put(A), Told::WasPresent), created(1, 8, B)];
    right(&[&puts[..], &[get(10, 11, Some(A)), told(12, 13, Write::delete(), Told::WasPresent)]].concat());
    wrong(&[&puts[..], &[get(10, 11, Some(B))]].concat());
}

#[test]
fn a_write_that_nobody_saw_may_be_what_ended_another() {
    let refused = told(8, 9, Write::swap(B, 9), Told::Refused);
    right(&[created(0, 1, A), replaced(2, 6, 3), replaced(3, 7, B), refused.clone()]);
    wrong(&[created(0, 1, A), replaced(2, 3, 3), replaced(4, 7, B), refused]);
}

#[test]
fn an_unanswered_write_may_have_happened_or_not_but_does_not_vanish() {
    let put = lost(0, Write::put(A));
    for read in [Some(A), None] {
        right(&[put.clone(), get(2, 3, read)]);
    }
    right(&[put.clone(), get(2, 3, None), get(4, 5, Some(A))]);
    wrong(&[put, get(2, 3, Some(A)), get(4, 5, None)]);
}

#[test]
fn an_unanswered_write_happens_at_most_once() {
    let delete = lost(0, Write::delete());
    right(&[created(0, 1, A), delete.clone(), created(2, 3, B)]);
    wrong(&[created(0, 1, A), delete, created(2, 3, B), created(4, 5, 3)]);
    let swap = lost(2, Write::swap(A, B));
    right(&[created(0, 1, A), swap.clone(), told(3, 4, Write::remove(A), Told::Refused)]);
    wrong(&[created(0, 1, A), swap, get(3, 4, None)]);
}

#[test]
fn an_unanswered_write_that_nobody_saw_explains_what_was_there() {
    right(&[lost(0, Write::put(A)), replaced(1, 2, B)]);
    wrong(&[replaced(1, 2, B), lost(3, Write::put(A))]);
    right(&[lost(0, Write::create(A)), told(1, 2, Write::create(B), Told::Refused)]);
}

#[test]
fn a_value_written_twice_cannot_be_judged() {
    assert!(matches!(check(&[created(0, 1, A), replaced(2, 3, A)]), Err(Unexplained::Misused(_))));
}

/// Twenty clients for three thousand rounds, one of them away for a thousand: what overlaps costs, not the length.
#[test]
fn long_histories_of_one_key_are_judged_in_few_steps() {
    let mut history = vec![lost(0, Write::delete()), told(0, 20_000, Write::put(7), Told::WasPresent)];
    for round in 0..3000 {
        let (start, end) = (round * 20, round * 20 + 19);
        for client in 0..20 {
            let answer = if round == 0 && client == 0 { Told::WasAbsent } else { Told::WasPresent };
            history.push(told(start + client % 3, end, Write::put(100 + round * 20 + client), answer));
        }
        history.push(get(start + 19, end + 1, Some(100 + round * 20 + 13)));
    }
    let looked = check(&history).unwrap();
    assert!(looked < 40 * history.len(), "{looked} configurations");
    let last = history.last_mut().unwrap();
    last.action = Action::Get(Some(100));
    wrong(&history);
}
