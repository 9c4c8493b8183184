//! Answers that say what went wrong, as `application/problem+json` (RFC 9457).
//!
//! The node and the proxy make every error that is theirs here, so they look alike everywhere:
//!
//! ```
//! use kvnode::problem::{Kind, Problem};
//!
//! let answer = Problem::new(Kind::OwnerDown)
//!     .detail("Node n2 has not answered for 4 s. Its keys are served again as soon as it is back.")
//!     .member("node", "n2")
//!     .response();
//! assert_eq!(answer.status(), 503);
//! assert_eq!(answer.headers()["retry-after"], "1");
//! ```

mod kind;

use std::borrow::Cow;

use bytes::Bytes;
use hashring::query::KeyError;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::{Map, Value};

pub use self::kind::Kind;

/// The media type of a problem.
pub const CONTENT_TYPE_PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An error on its way to an HTTP answer.
#[derive(Debug, Clone)]
pub struct Problem {
    // Boxed: it travels as the error of results whose good side is small.
    inner: Box<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    kind: Kind,
    detail: Option<Cow<'static, str>>,
    members: Map<String, Value>,
    headers: HeaderMap,
}

impl Problem {
    /// A problem of this type. With 503 it says when to ask again, because nothing had an effect: in a second.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let mut headers = HeaderMap::new();
        if kind.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Self { inner: Box::new(Inner { kind, detail: None, members: Map::new(), headers }) }
    }

    /// What happened this time, and what the user can do about it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.inner.detail = Some(detail.into());
        self
    }

    /// A further member of the JSON object, for programs. The five names of RFC 9457 are not taken.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        if !matches!(name, "type" | "title" | "status" | "detail" | "instance") {
            self.inner.members.insert(name.to_owned(), value.into());
        }
        self
    }

    /// A header field of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.inner.headers.append(name, value);
        self
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.inner.kind
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.inner.kind.status()
    }

    /// The JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let whole = Whole {
            kind: format_args!("urn:keyway:problem:{}", self.inner.kind.slug()),
            title: self.inner.kind.title(),
            status: self.status().as_u16(),
            detail: self.inner.detail.as_deref(),
            members: &self.inner.members,
        };
        // Strings, numbers and ready values always have a JSON form.
        serde_json::to_string(&whole).unwrap_or_default()
    }

    /// The answer. It is never stored by caches without asking again: most problems pass.
    #[must_use]
    pub fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.to_json()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        *headers = self.inner.headers;
        headers.insert(CONTENT_TYPE, CONTENT_TYPE_PROBLEM);
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        response
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(rename = "type")]
    kind: std::fmt::Arguments<'a>,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl From<Problem> for Response<Full<Bytes>> {
    fn from(problem: Problem) -> Self {
        problem.response()
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let (kind, advice) = match error {
            KeyError::Missing => (Kind::KeyMissing, "Name one, percent-encoded, such as /kv?key=my%20key."),
            KeyError::Empty => (Kind::KeyEmpty, "Name one, percent-encoded, such as /kv?key=my%20key."),
            KeyError::Repeated => (Kind::KeyRepeated, "Which one is meant cannot be known; name one."),
            KeyError::BadEscape => (Kind::BadEscape, "Write a literal percent sign as %25."),
            KeyError::TooLong => (Kind::KeyTooLong, "The limit counts decoded bytes."),
        };
        let mut what = error.to_string();
        if let Some(first) = what.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self::new(kind).detail(format!("{what}. {advice}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_members_of_the_rfc_and_its_own() {
        let problem = Problem::new(Kind::NoSuchKey)
            .detail("gone \"for good\"")
            .member("node", "n1")
            .member("status", 200);
        let json: Value = serde_json::from_str(&problem.to_json()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "urn:keyway:problem:no-such-key",
                "title": "There is no record with this key",
                "status": 404,
                "detail": "gone \"for good\"",
                "node": "n1",
            })
        );
    }

    #[test]
    fn a_problem_is_answered_as_problem_json_that_caches_check_again() {
        let response = Problem::new(Kind::Overloaded).response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
    }

    #[test]
    fn only_what_surely_had_no_effect_says_when_to_ask_again() {
        for kind in Kind::ALL {
            let response = Problem::new(*kind).response();
            assert_eq!(response.headers().contains_key(RETRY_AFTER), response.status() == 503, "{kind:?}");
        }
    }

    #[test]
    fn a_key_error_is_a_sentence_with_advice() {
        let detail = Problem::from(KeyError::BadEscape).inner.detail.unwrap();
        assert!(detail.starts_with("The query has") && detail.ends_with("%25."), "{detail}");
    }
}
