//! Answers that say what went wrong, as `application/problem+json` (RFC 9457).
//!
//! The node and the proxy make every error that is theirs here, so they look alike everywhere:
//!
//! ```
//! use http::StatusCode;
//! use kvnode::problem::Problem;
//!
//! let answer = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "owner-down", "The owner of this key is down")
//!     .detail("Node n2 has not answered for 4 s. Its keys are served again as soon as it is back.")
//!     .member("node", "n2")
//!     .retry_after(1)
//!     .response();
//! assert_eq!(answer.headers()["retry-after"], "1");
//! ```

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::{Map, Value};

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
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: Option<Cow<'static, str>>,
    members: Map<String, Value>,
    headers: HeaderMap,
}

impl Problem {
    /// A problem of the type `urn:keyway:problem:<slug>`. The slug is a stable name that programs may rely on;
    /// the title is the same for all problems of one type.
    #[must_use]
    pub fn new(status: StatusCode, slug: &'static str, title: &'static str) -> Self {
        let (members, headers) = (Map::new(), HeaderMap::new());
        Self { inner: Box::new(Inner { status, slug, title, detail: None, members, headers }) }
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

    /// `Retry-After`: when it makes sense to ask again.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.inner.status
    }

    /// The type's name, without the URN before it.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        self.inner.slug
    }

    /// The JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let whole = Whole {
            kind: format_args!("urn:keyway:problem:{}", self.inner.slug),
            title: self.inner.title,
            status: self.inner.status.as_u16(),
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
        *response.status_mut() = self.inner.status;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_members_of_the_rfc_and_its_own() {
        let problem = Problem::new(StatusCode::NOT_FOUND, "no-such-key", "There is no such key")
            .detail("gone \"for good\"")
            .member("node", "n1")
            .member("status", 200);
        let json: Value = serde_json::from_str(&problem.to_json()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "urn:keyway:problem:no-such-key",
                "title": "There is no such key",
                "status": 404,
                "detail": "gone \"for good\"",
                "node": "n1",
            })
        );
    }

    #[test]
    fn a_problem_is_answered_as_problem_json_that_caches_check_again() {
        let response =
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too busy").retry_after(2).response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
        assert_eq!(response.headers()[RETRY_AFTER], "2");
    }
}
