//! What came back for a request, with checks that say what they expected.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// How much of a body is shown in messages.
const SHOWN_BYTES: usize = 600;

/// A complete answer.
#[derive(Clone)]
pub struct Answer {
    /// What was asked, for messages.
    pub request: String,
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// Fails unless the status is this one.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Like [`Answer::expect`], for when nothing else of the answer matters.
    #[track_caller]
    pub fn is(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
    }

    /// A header field as text; empty where it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap_or("(not text)"))
    }

    /// The `ETag`, with its quotes.
    #[track_caller]
    #[must_use]
    pub fn etag(&self) -> String {
        let tag = self.header("etag");
        assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "no strong ETag in {self:?}");
        tag.to_owned()
    }

    /// The version in the `ETag`. Versions are opaque to clients; that they are ordered is a promise between
    /// the parts of Keyway, and these tests hold them to it.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        u64::from_str_radix(self.header("etag").trim_matches('"'), 16).ok()
    }

    /// The body as text.
    #[track_caller]
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|_| panic!("not text: {self:?}"))
    }

    /// The body as JSON.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// Fails unless this is an RFC 9457 problem with this status whose text has all of `words`, in any case.
    #[track_caller]
    pub fn problem(&self, status: u16, words: &[&str]) {
        self.is(status);
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self:?}");
        let kind = problem["type"].as_str().unwrap_or_default();
        assert!(kind.starts_with("urn:keyway:problem:") || kind == "about:blank", "no type in {self:?}");
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "no title in {self:?}");
        let all = problem.to_string().to_lowercase();
        for word in words {
            assert!(all.contains(&word.to_lowercase()), "the problem does not mention {word:?}: {self:?}");
        }
    }

    /// Like [`Answer::problem`], for one that the proxy made: it says so in `Proxy-Status` (RFC 9209).
    #[track_caller]
    pub fn proxy_problem(&self, status: u16, words: &[&str]) {
        self.problem(status, words);
        assert!(self.header("proxy-status").starts_with("keyway"), "no Proxy-Status in {self:?}");
    }

    /// Whether this is what an operation may get from a cluster in trouble: no answer of the owner (502, 503, 504), or
    /// an owner that cannot say what became of a write.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        matches!(self.status, 502..=504)
            || self.status == 500 && self.json()["type"] == "urn:keyway:problem:outcome-unknown"
    }

    /// Fails unless it is a 503 of the proxy that says when to come again.
    #[track_caller]
    pub fn unavailable(&self) {
        self.proxy_problem(503, &[]);
        assert!(self.header("retry-after").parse::<u32>().is_ok(), "no Retry-After in {self:?}");
    }

    pub(crate) fn new(request: String, status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { request, status: status.as_u16(), headers, body }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = &self.body[..self.body.len().min(SHOWN_BYTES)];
        write!(
            f,
            "{} -> {} {:?} {} bytes: {}",
            self.request,
            self.status,
            self.headers,
            self.body.len(),
            String::from_utf8_lossy(start)
        )
    }
}
