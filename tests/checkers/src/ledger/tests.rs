//! What a ledger proves, and what it does not.

use super::*;

fn file(lines: &[Line]) -> Vec<u8> {
    (0..).zip(lines).map(|(number, line)| line.encode(number)).collect::<String>().into_bytes()
}

fn put(version: u64, begun: u64) -> Line {
    Line::Put { key: "k".to_owned(), version, value: 100 + version, begun }
}

fn removing() -> Line {
    Line::Removing { key: "k".to_owned() }
}

fn removed(announced: u64) -> Line {
    Line::Removed { key: "k".to_owned(), announced }
}

fn shows(version: u64) -> Found {
    Found::Present { version, value: 100 + version }
}

#[track_caller]
fn judge(lines: &[Line], found: Found) -> Result<(), Broken> {
    read(&file(lines)).unwrap()["k"].judge(found)
}

#[test]
fn an_acknowledged_put_must_be_there_or_a_later_one() {
    let lines = [put(5, 0), put(7, 1)];
    assert_eq!(judge(&lines, shows(7)), Ok(()));
    assert_eq!(judge(&lines, shows(9)), Ok(()));
    assert_eq!(judge(&lines, shows(5)), Err(Broken::Older { shown: 5, acknowledged: 7 }));
    assert_eq!(judge(&lines, Found::Absent), Err(Broken::Lost { version: 7 }));
    let other = Found::Present { version: 7, value: 1 };
    assert_eq!(judge(&lines, other), Err(Broken::OtherValue { version: 7 }));
    assert_eq!(judge(&[put(7, 0), put(5, 0)], shows(7)), Ok(()), "the version counts, not the line");
}

#[test]
fn what_was_removed_and_acknowledged_does_not_come_back() {
    let lines = [put(5, 0), removing(), removed(1)];
    assert_eq!(judge(&lines, Found::Absent), Ok(()));
    assert_eq!(judge(&lines, shows(5)), Err(Broken::Resurrected { version: 5 }));
    assert_eq!(judge(&lines, shows(8)), Ok(()));
}

#[test]
fn a_removal_without_an_answer_may_have_happened_or_not() {
    for lines in [[put(5, 0), removing()], [removing(), put(5, 1)]] {
        assert_eq!(judge(&lines, Found::Absent), Ok(()));
        assert_eq!(judge(&lines, shows(5)), Ok(()));
    }
}

#[test]
fn a_removal_that_was_over_explains_nothing_of_what_was_put_later() {
    let lines = [removing(), removed(0), put(5, 2)];
    assert_eq!(judge(&lines, Found::Absent), Err(Broken::Lost { version: 5 }));
    assert_eq!(judge(&lines, shows(5)), Ok(()));
    let overlapping = [removing(), removed(0), put(5, 1)];
    assert_eq!(judge(&overlapping, Found::Absent), Ok(()));
    assert_eq!(judge(&overlapping, shows(5)), Ok(()));
}

#[test]
fn a_line_that_was_cut_off_does_not_count_wherever_it_was_cut() {
    let whole = file(&[put(5, 0), put(7, 1)]);
    let first = file(&[put(5, 0)]).len();
    for length in first..whole.len() {
        let keys = read(&whole[..length]).unwrap();
        assert_eq!(keys["k"].judge(shows(5)), Ok(()), "{length}");
    }
    assert!(read(&whole).unwrap()["k"].judge(shows(5)).is_err());
    assert!(read(&whole[..first - 1]).unwrap().is_empty());
}

#[test]
fn a_damaged_line_is_told_and_not_left_out() {
    let whole = file(&[put(5, 0), removing(), removed(1)]);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        // Without its end the last line is one that was cut off.
        assert!(read(&damaged).is_err() || at == whole.len() - 1, "{at}");
    }
    let swapped = [put(5, 0).encode(1), removing().encode(0)].concat();
    assert_eq!(read(swapped.as_bytes()).unwrap_err().line, 0);
}
