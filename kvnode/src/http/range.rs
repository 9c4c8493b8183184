//! `Range` (RFC 9110 14): which part of a value a request asks for.

use http::header::RANGE;
use http::{HeaderMap, HeaderValue};

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it, with 200: no range, several ranges (we may ignore those, 14.2), another unit, or no valid one.
    Whole,
    /// From the first to the last byte, both included, with 206.
    Bytes(usize, usize),
    /// Nothing of what is asked exists: 416.
    None,
}

impl Part {
    /// The part of a value of `length` bytes that these fields ask for.
    #[must_use]
    pub fn of(headers: &HeaderMap, length: usize) -> Self {
        let mut lines = headers.get_all(RANGE).iter();
        match (lines.next(), lines.next()) {
            (Some(line), None) => line.to_str().map_or(Self::Whole, |line| Self::read(line, length)),
            _ => Self::Whole,
        }
    }

    fn read(line: &str, length: usize) -> Self {
        let Some((unit, set)) = line.split_once('=') else { return Self::Whole };
        let Some((first, last)) = set.trim().split_once('-') else { return Self::Whole };
        if !unit.eq_ignore_ascii_case("bytes") || !is_number(first) || !is_number(last) {
            return Self::Whole;
        }
        match (number(first), number(last)) {
            (None, None) => Self::Whole,
            (None, Some(0)) => Self::None,
            // The last bytes of nothing are satisfiable, but no 206 can say so.
            (None, Some(_)) if length == 0 => Self::Whole,
            (None, Some(suffix)) => Self::Bytes(length.saturating_sub(suffix), length - 1),
            (Some(first), Some(last)) if last < first => Self::Whole,
            (Some(first), _) if first >= length => Self::None,
            (Some(first), last) => Self::Bytes(first, last.unwrap_or(usize::MAX).min(length - 1)),
        }
    }
}

/// `Content-Range` of a part of a value; of nothing, where there is no such part.
#[must_use]
pub fn content_range(part: Option<(usize, usize)>, length: usize) -> HeaderValue {
    let text = match part {
        Some((first, last)) => format!("bytes {first}-{last}/{length}"),
        None => format!("bytes */{length}"),
    };
    // Digits and punctuation are always a valid value.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("bytes */*"))
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number that is too large to count lies behind the end of any value.
fn number(digits: &str) -> Option<usize> {
    if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(usize::MAX)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        for (range, part) in [
            ("bytes=0-499", Part::Bytes(0, 499)),
            ("bytes=500-999", Part::Bytes(500, 999)),
            ("bytes=-500", Part::Bytes(9500, 9999)),
            ("bytes=9500-", Part::Bytes(9500, 9999)),
            ("bytes=0-0", Part::Bytes(0, 0)),
            ("bytes=9999-99999", Part::Bytes(9999, 9999)),
            ("bytes=-99999", Part::Bytes(0, 9999)),
            ("Bytes= 0-1 ", Part::Bytes(0, 1)),
            ("bytes=0-99999999999999999999999999", Part::Bytes(0, 9999)),
            ("bytes=10000-", Part::None),
            ("bytes=99999999999999999999999999-", Part::None),
            ("bytes=-0", Part::None),
        ] {
            assert_eq!(Part::read(range, 10_000), part, "{range}");
        }
    }

    #[test]
    fn what_is_no_single_valid_range_is_ignored() {
        for range in [
            "bytes=0-0,-1",
            "bytes=0-1,",
            "lines=0-1",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-4",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1--2",
            "bytes=0x1-2",
            "bytes 0-1",
            "bytes=1 - 2",
            " bytes=0-1",
        ] {
            assert_eq!(Part::read(range, 10_000), Part::Whole, "{range}");
        }
    }

    #[test]
    fn an_empty_value_has_no_parts() {
        assert_eq!(Part::read("bytes=0-", 0), Part::None);
        assert_eq!(Part::read("bytes=0-0", 0), Part::None);
        assert_eq!(Part::read("bytes=-5", 0), Part::Whole);
    }

    proptest! {
        #[test]
        fn any_text_gives_a_part_that_lies_within_the_value(text in "(bytes=)?[0-9, -]{0,12}", length in 0_usize..40) {
            if let Part::Bytes(first, last) = Part::read(&text, length) {
                prop_assert!(first <= last && last < length);
            }
        }

        #[test]
        fn a_range_gives_the_bytes_that_it_names(first in 0_usize..60, last in 0_usize..60, length in 1_usize..40) {
            let named: Vec<usize> = (0..length).filter(|at| (first..=last).contains(at)).collect();
            let expected = match (named.first(), named.last()) {
                _ if last < first => Part::Whole,
                (Some(first), Some(last)) => Part::Bytes(*first, *last),
                _ => Part::None,
            };
            prop_assert_eq!(Part::read(&format!("bytes={first}-{last}"), length), expected);
        }

        #[test]
        fn a_suffix_gives_the_last_bytes(suffix in 1_usize..60, length in 1_usize..40) {
            let expected = Part::Bytes(length - suffix.min(length), length - 1);
            prop_assert_eq!(Part::read(&format!("bytes=-{suffix}"), length), expected);
        }
    }
}
