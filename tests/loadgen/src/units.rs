//! Numbers as people write and read them: durations, sizes, ranges, counts.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A duration such as `500ms`, `10s`, `2m`; `0` needs no unit.
///
/// # Errors
/// Where it is none.
pub fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text).map_err(|error| format!("{error}: write for example 500ms, 10s or 2m"))
}

/// A time from one to the other, `10ms` or `10ms..50ms`.
///
/// # Errors
/// Where it is none.
pub fn durations(text: &str) -> Result<RangeInclusive<Duration>, String> {
    range(text, duration)
}

/// A number of bytes, `100`, `4KiB`, `1MiB`.
///
/// # Errors
/// Where it is none.
pub fn size(text: &str) -> Result<usize, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: usize =
        digits.parse().map_err(|_| format!("{text:?} is no size: write for example 100 or 4KiB"))?;
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KiB" | "k" | "K" => 1 << 10,
        "MiB" | "m" | "M" => 1 << 20,
        other => return Err(format!("{other:?} is no unit of size: KiB or MiB")),
    };
    number.checked_mul(factor).ok_or_else(|| format!("{text} is too large"))
}

/// One size for all, or from one to the other, `10..4KiB`.
///
/// # Errors
/// Where it is none.
pub fn sizes(text: &str) -> Result<RangeInclusive<usize>, String> {
    range(text, size)
}

fn range<T: PartialOrd + Copy>(
    text: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Result<RangeInclusive<T>, String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to) = (parse(from)?, parse(to.trim_start_matches('='))?);
    if from > to { Err(format!("{text} goes backwards")) } else { Ok(from..=to) }
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Microseconds with the unit that suits them.
#[must_use]
pub fn micros(micros: f64) -> String {
    let (value, unit) = match micros {
        us if us < 1e3 => (us, "us"),
        us if us < 1e6 => (us / 1e3, "ms"),
        us => (us / 1e6, "s"),
    };
    format!("{} {unit}", three_digits(value))
}

/// Three digits that count, as far as there are any.
#[must_use]
pub fn three_digits(value: f64) -> String {
    let places = match value.abs() {
        v if v >= 99.95 || v == 0.0 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_one_number_or_two() {
        assert_eq!(sizes("100"), Ok(100..=100));
        assert_eq!(sizes("10..4KiB"), Ok(10..=4096));
        assert_eq!(sizes("10..=20"), Ok(10..=20));
        for wrong in ["", "x", "4KB", "20..10", "-1", "99999999999999MiB"] {
            assert!(sizes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_time_needs_no_unit_and_others_do() {
        assert_eq!(durations("0"), Ok(Duration::ZERO..=Duration::ZERO));
        assert_eq!(durations("1ms..2s"), Ok(Duration::from_millis(1)..=Duration::from_secs(2)));
        assert!(duration("10").is_err());
    }

    #[test]
    fn large_numbers_are_read_in_threes() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_time_shows_three_digits_in_its_own_unit() {
        assert_eq!(
            [0.5, 12.34, 999.4, 1500.0, 2.5e6].map(micros),
            ["0.50 us", "12.3 us", "999 us", "1.50 ms", "2.50 s"]
        );
    }
}
