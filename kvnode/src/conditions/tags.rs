//! Lists of entity tags (RFC 9110 8.8.3), and our own tag: the version in quotes.

use http::header::{ETAG, IF_RANGE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::version::Version;

/// A list of entity tags, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    /// Any representation.
    Any,
    /// These versions. Tags that are not ours never match and are left out.
    Versions(Vec<Version>),
}

/// How tags are compared (RFC 9110 8.8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Weak tags match nothing.
    Strong,
    /// A weak tag matches like a strong one.
    Weak,
}

/// A field that should hold a list of entity tags does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{field}` must be `*` or a list of entity tags in quotes, as they came in `ETag`: \"0123456789abcdef\""
)]
pub struct BadTags {
    /// The name of the field.
    pub field: HeaderName,
}

impl Tags {
    /// The list in all lines of a header field; none where there is no such field.
    ///
    /// # Errors
    /// [`BadTags`] where it is no such list.
    pub fn of(
        headers: &HeaderMap,
        field: &HeaderName,
        comparison: Comparison,
    ) -> Result<Option<Self>, BadTags> {
        let mut lines = headers.get_all(field).iter();
        let Some(first) = lines.next() else { return Ok(None) };
        let bad = || BadTags { field: field.clone() };
        if first == "*" {
            return if lines.next().is_none() { Ok(Some(Self::Any)) } else { Err(bad()) };
        }
        let mut versions = Vec::new();
        let mut count = 0;
        for line in std::iter::once(first).chain(lines) {
            count += read_list(line.as_bytes(), comparison, &mut versions).ok_or_else(bad)?;
        }
        if count == 0 { Err(bad()) } else { Ok(Some(Self::Versions(versions))) }
    }

    /// Whether a record of this version is listed.
    #[must_use]
    pub fn contain(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

/// The entity tag of a version: always strong, since a version names the exact bytes.
#[must_use]
pub fn entity_tag(version: Version) -> HeaderValue {
    // Eighteen ASCII characters are always a valid value; the empty fallback cannot come up.
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The version that a node's answer names in its `ETag`.
#[must_use]
pub fn version_in(headers: &HeaderMap) -> Option<Version> {
    own(headers.get(ETAG)?.as_bytes().strip_prefix(b"\"")?.strip_suffix(b"\"")?)
}

/// Whether a `Range` may be answered in part, as far as `If-Range` goes (RFC 9110 13.1.5).
///
/// A date never holds: within one second a record can change twice, so a date does not name exact bytes, and a
/// client that has a tag (each of our answers has one) must not send a date.
#[must_use]
pub fn range_applies(headers: &HeaderMap, version: Version) -> bool {
    let mut lines = headers.get_all(IF_RANGE).iter();
    match (lines.next(), lines.next()) {
        (None, _) => true,
        (Some(tag), None) => *tag == entity_tag(version),
        _ => false,
    }
}

/// Adds the tags of one line that are ours to `versions`, and counts all; `None` = not a list of tags.
fn read_list(line: &[u8], comparison: Comparison, versions: &mut Vec<Version>) -> Option<usize> {
    let mut count = 0;
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        // A recipient takes empty elements (5.6.1.2).
        if let Some(after) = rest.strip_prefix(b",") {
            rest = after.trim_ascii_start();
            continue;
        }
        let weak = rest.strip_prefix(b"W/");
        let quoted = weak.unwrap_or(rest).strip_prefix(b"\"")?;
        let end = quoted.iter().position(|byte| *byte == b'"')?;
        let (tag, after) = quoted.split_at(end);
        if !tag.iter().all(|byte| matches!(byte, 0x21..=0x7e | 0x80..)) {
            return None;
        }
        if weak.is_none() || comparison == Comparison::Weak {
            versions.extend(own(tag));
        }
        count += 1;
        rest = after[1..].trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b",") {
            return None;
        }
    }
    Some(count)
}

/// The version of a tag that we could have made: exactly sixteen lower-case hexadecimal digits.
fn own(tag: &[u8]) -> Option<Version> {
    let ours = tag.len() == 16 && tag.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let text = std::str::from_utf8(tag).ok().filter(|_| ours)?;
    u64::from_str_radix(text, 16).ok().map(Version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::IF_MATCH;

    fn tags(lines: &[&str], comparison: Comparison) -> Result<Option<Tags>, BadTags> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_MATCH, HeaderValue::from_str(line).unwrap());
        }
        Tags::of(&headers, &IF_MATCH, comparison)
    }

    const A: &str = "\"000000000000000a\"";
    const B: &str = "\"000000000000000b\"";

    #[test]
    fn lists_may_span_lines_and_have_gaps() {
        let expected = Ok(Some(Tags::Versions(vec![Version(10), Version(11)])));
        for lines in [vec![format!("{A},{B}")], vec![A.into(), B.into()], vec![format!(" ,, {A} ,\t{B} , ")]]
        {
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            assert_eq!(tags(&lines, Comparison::Strong), expected, "{lines:?}");
        }
    }

    #[test]
    fn foreign_tags_are_part_of_a_list_but_match_nothing() {
        for list in ["\"\"", "\"a,b\"", "\"000000000000000A\"", "\"+00000000000000a\"", "\"a\", \"b\""] {
            assert_eq!(tags(&[list], Comparison::Strong), Ok(Some(Tags::Versions(vec![]))), "{list}");
        }
    }

    #[test]
    fn weak_tags_count_only_in_a_weak_comparison() {
        let weak = format!("W/{A}");
        assert_eq!(tags(&[&weak], Comparison::Strong), Ok(Some(Tags::Versions(vec![]))));
        assert_eq!(tags(&[&weak], Comparison::Weak), Ok(Some(Tags::Versions(vec![Version(10)]))));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for list in
            ["abc", "\"a", "a\"", "\"a\" \"b\"", "*, \"a\"", "\"a\", *", "", ",", "w/\"a\"", "\"a b\""]
        {
            assert!(tags(&[list], Comparison::Weak).is_err(), "{list}");
        }
        assert!(tags(&["*", "*"], Comparison::Weak).is_err());
    }

    #[test]
    fn an_entity_tag_is_read_back() {
        let version = Version(0x0012_3456_789a_bcde);
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, entity_tag(version));
        assert_eq!(version_in(&headers), Some(version));
    }

    #[test]
    fn if_range_holds_for_our_strong_tag_alone() {
        let holds = |value: &str| {
            let headers = HeaderMap::from_iter([(IF_RANGE, HeaderValue::from_str(value).unwrap())]);
            range_applies(&headers, Version(10))
        };
        assert!(range_applies(&HeaderMap::new(), Version(10)));
        assert!(holds(A));
        for other in [B, "W/\"000000000000000a\"", "Tue, 15 Nov 1994 12:45:26 GMT", "*", ""] {
            assert!(!holds(other), "{other}");
        }
    }
}
