//! What a finished change tells: the receipt of each move, and how long writes were held.

use serde_json::Value;

/// Checks a finished change: both sides of each move agree. Answers the records and bytes that moved.
///
/// # Panics
/// Where there is no receipt, or its sides differ.
#[track_caller]
#[must_use]
pub fn agreed(change: &Value) -> (u64, u64) {
    let moves = change["receipt"].as_array().unwrap_or_else(|| panic!("no receipt in {change:#}"));
    let mut sum = (0, 0);
    for one in moves {
        let (source, target) = (&one["source"], &one["target"]);
        assert!(source["digest"].is_string(), "no digest in {one:#}");
        assert_eq!(source, target, "the two sides differ: {one:#}");
        let number = |field: &str| source[field].as_u64().unwrap_or_else(|| panic!("no {field} in {one:#}"));
        sum = (sum.0 + number("records"), sum.1 + number("bytes"));
    }
    sum
}

/// The longest time for which a write was held at the switch, in microseconds.
///
/// # Panics
/// Where the change does not tell.
#[track_caller]
#[must_use]
pub fn longest_hold_us(change: &Value) -> u64 {
    let told = change["longest_hold_us"].as_u64();
    told.unwrap_or_else(|| panic!("no longest hold in {change:#}"))
}
