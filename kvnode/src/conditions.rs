//! Conditional requests (RFC 9110 13): what a request demands of the record as it is.

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName};

use crate::version::Version;

pub mod tags;

pub use tags::{BadTags, Tags};

/// The preconditions of one request; the default demands nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`: strong comparison.
    pub if_match: Option<Tags>,
    /// `If-None-Match`: weak comparison.
    pub if_none_match: Option<Tags>,
    /// `If-Unmodified-Since`, seconds since 1970.
    pub if_unmodified_since: Option<u64>,
    /// `If-Modified-Since`, seconds since 1970; only for reads.
    pub if_modified_since: Option<u64>,
}

/// What the conditions of a read say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answer as if there were no conditions.
    Proceed,
    /// The client has it already: 304.
    NotModified,
    /// 412.
    Failed,
}

impl Conditions {
    /// The conditions in a request's header.
    ///
    /// Dates that are not valid, or of which there are several, are ignored, as the RFC demands (13.1.3, 13.1.4).
    ///
    /// # Errors
    /// [`BadTags`] where a list of entity tags is none. The RFC leaves that open; to ignore it would be to do
    /// without its condition what the client meant to do only with it.
    pub fn of(headers: &HeaderMap) -> Result<Self, BadTags> {
        Ok(Self {
            if_match: Tags::of(headers, &IF_MATCH, tags::Comparison::Strong)?,
            if_none_match: Tags::of(headers, &IF_NONE_MATCH, tags::Comparison::Weak)?,
            if_unmodified_since: date(headers, &IF_UNMODIFIED_SINCE),
            if_modified_since: date(headers, &IF_MODIFIED_SINCE),
        })
    }

    /// Whether a write may go on, given the version and modification time (ms) of the present record.
    #[must_use]
    pub fn allow_write(&self, current: Option<(Version, u64)>) -> bool {
        self.is_as_known(current) && self.is_other_than_known(current)
    }

    /// What to answer to a read of the present record, given its version and modification time (ms).
    #[must_use]
    pub fn read_verdict(&self, current: Option<(Version, u64)>) -> Verdict {
        if !self.is_as_known(current) {
            return Verdict::Failed;
        }
        // With If-None-Match, If-Modified-Since is ignored (13.1.3).
        let unchanged = match (&self.if_none_match, self.if_modified_since, current) {
            (Some(_), _, _) => !self.is_other_than_known(current),
            (None, Some(since), Some((_, modified_ms))) => modified_ms / 1000 <= since,
            _ => false,
        };
        if unchanged { Verdict::NotModified } else { Verdict::Proceed }
    }

    /// Steps 1 and 2 of 13.2.2: If-Match or, only without it, If-Unmodified-Since.
    fn is_as_known(&self, current: Option<(Version, u64)>) -> bool {
        match (&self.if_match, self.if_unmodified_since, current) {
            (Some(tags), _, current) => current.is_some_and(|(version, _)| tags.contain(version)),
            (None, Some(since), Some((_, modified_ms))) => modified_ms / 1000 <= since,
            // A record that is not there has no modification date, and then the field is ignored (13.1.4).
            _ => true,
        }
    }

    /// Step 3 of 13.2.2: If-None-Match.
    fn is_other_than_known(&self, current: Option<(Version, u64)>) -> bool {
        match (&self.if_none_match, current) {
            (Some(tags), Some((version, _))) => !tags.contain(version),
            _ => true,
        }
    }
}

/// The date of a header field in seconds since 1970, where it has exactly one and that is valid.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let mut lines = headers.get_all(name).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let time = httpdate::parse_http_date(line.to_str().ok()?).ok()?;
    Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const V: Version = Version(0x1234_5678_9abc_def0);
    /// Tue, 15 Nov 1994 12:45:26 GMT, and 900 ms.
    const NOW: Option<(Version, u64)> = Some((V, 784_903_526_900));

    fn conditions(lines: &[(&'static str, &str)]) -> Conditions {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Conditions::of(&headers).unwrap()
    }

    fn verdicts(lines: &[(&'static str, &str)], current: Option<(Version, u64)>) -> (bool, Verdict) {
        let conditions = conditions(lines);
        (conditions.allow_write(current), conditions.read_verdict(current))
    }

    const OURS: &str = "\"123456789abcdef0\"";
    const BEFORE: &str = "Tue, 15 Nov 1994 12:45:25 GMT";
    const SAME: &str = "Tue, 15 Nov 1994 12:45:26 GMT";

    #[test]
    fn without_conditions_everything_goes_on() {
        for current in [NOW, None] {
            assert_eq!(verdicts(&[], current), (true, Verdict::Proceed));
        }
    }

    #[test]
    fn if_match_demands_a_record_that_is_listed() {
        for (list, holds) in [(OURS, true), ("*", true), ("\"x\"", false), ("W/\"123456789abcdef0\"", false)]
        {
            let expected = if holds { (true, Verdict::Proceed) } else { (false, Verdict::Failed) };
            assert_eq!(verdicts(&[("if-match", list)], NOW), expected, "{list}");
            assert_eq!(verdicts(&[("if-match", list)], None), (false, Verdict::Failed), "{list}");
        }
    }

    #[test]
    fn if_none_match_demands_none_that_is_listed() {
        for (list, holds) in [(OURS, false), ("*", false), ("\"x\"", true), ("W/\"123456789abcdef0\"", false)]
        {
            let expected = if holds { (true, Verdict::Proceed) } else { (false, Verdict::NotModified) };
            assert_eq!(verdicts(&[("if-none-match", list)], NOW), expected, "{list}");
            assert_eq!(verdicts(&[("if-none-match", list)], None), (true, Verdict::Proceed), "{list}");
        }
    }

    #[test]
    fn dates_are_compared_in_whole_seconds() {
        assert_eq!(verdicts(&[("if-unmodified-since", SAME)], NOW), (true, Verdict::Proceed));
        assert_eq!(verdicts(&[("if-unmodified-since", BEFORE)], NOW), (false, Verdict::Failed));
        assert_eq!(verdicts(&[("if-unmodified-since", BEFORE)], None), (true, Verdict::Proceed));
        assert_eq!(verdicts(&[("if-modified-since", SAME)], NOW), (true, Verdict::NotModified));
        assert_eq!(verdicts(&[("if-modified-since", BEFORE)], NOW), (true, Verdict::Proceed));
        assert_eq!(verdicts(&[("if-modified-since", SAME)], None), (true, Verdict::Proceed));
    }

    #[test]
    fn all_three_forms_of_a_date_are_read() {
        for date in [SAME, "Tuesday, 15-Nov-94 12:45:26 GMT", "Tue Nov 15 12:45:26 1994"] {
            assert_eq!(
                conditions(&[("if-modified-since", date)]).if_modified_since,
                Some(784_903_526),
                "{date}"
            );
        }
    }

    #[test]
    fn invalid_dates_and_several_dates_are_ignored() {
        for date in ["yesterday", "784903526", "Tue, 15 Nov 1994 12:45:26 CET", ""] {
            assert_eq!(conditions(&[("if-unmodified-since", date)]), Conditions::default(), "{date}");
        }
        let twice = [("if-modified-since", SAME), ("if-modified-since", SAME)];
        assert_eq!(conditions(&twice), Conditions::default());
    }

    #[test]
    fn a_tag_silences_the_date_of_the_same_kind() {
        let lines = [("if-match", OURS), ("if-unmodified-since", BEFORE)];
        assert_eq!(verdicts(&lines, NOW), (true, Verdict::Proceed));
        let lines = [("if-none-match", "\"x\""), ("if-modified-since", SAME)];
        assert_eq!(verdicts(&lines, NOW), (true, Verdict::Proceed));
    }

    #[test]
    fn a_failed_match_comes_before_not_modified() {
        let lines = [("if-match", "\"x\""), ("if-none-match", OURS)];
        assert_eq!(verdicts(&lines, NOW), (false, Verdict::Failed));
        let lines = [("if-match", OURS), ("if-none-match", OURS)];
        assert_eq!(verdicts(&lines, NOW), (false, Verdict::NotModified));
    }
}
