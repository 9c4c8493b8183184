//! Answers of the admin plane: JSON documents and problems.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use kvnode::http::harden;
use kvnode::problem::{Kind, Problem};
use serde::Serialize;

use crate::control::Refusal;

/// What goes back to the asker.
pub type Answer = Response<Full<Bytes>>;

/// An answer that says what is wrong. Boxed: it is large, and rare.
pub(super) type Fault = Box<Problem>;

/// A JSON document.
pub(super) fn json(status: StatusCode, document: &impl Serialize) -> Result<Answer, Fault> {
    let text = serde_json::to_string_pretty(document).map_err(|error| super::broken(&error))?;
    Ok(text_of(status, "application/json", text + "\n"))
}

/// The same for what is asked again and again: on one line.
pub(super) fn compact(status: StatusCode, document: &impl Serialize) -> Result<Answer, Fault> {
    let text = serde_json::to_string(document).map_err(|error| super::broken(&error))?;
    Ok(text_of(status, "application/json", text + "\n"))
}

/// Text of any kind that a browser takes for what it is and nothing else.
pub(super) fn text_of(status: StatusCode, kind: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    harden(headers);
    answer
}

/// `answer` with the place where the change can be followed.
pub(super) fn at_change(mut answer: Answer, change: u64) -> Answer {
    if let Ok(place) = HeaderValue::try_from(format!("/admin/changes/{change}")) {
        answer.headers_mut().insert(LOCATION, place);
    }
    answer
}

/// A problem, marked as made by the proxy (RFC 9209).
pub(super) fn of_fault(problem: Problem) -> Answer {
    let error = match problem.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "http_request_denied",
        StatusCode::SERVICE_UNAVAILABLE => "destination_unavailable",
        status if status.is_server_error() => "proxy_internal_error",
        _ => "http_request_error",
    };
    let mut answer = problem.response();
    let headers = answer.headers_mut();
    if let Ok(status) = HeaderValue::try_from(format!("keyway; error={error}")) {
        headers.insert(HeaderName::from_static("proxy-status"), status);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    harden(headers);
    answer
}

/// There is nothing at this path.
pub(super) fn unknown_path(path: &str) -> Fault {
    Problem::new(Kind::UnknownPath)
        .detail(format!("The admin plane has no {path}; docs/http.md lists its paths."))
        .into()
}

/// There is something, but not for this method.
pub(super) fn method_not_allowed(allowed: &'static str) -> Fault {
    Problem::new(Kind::MethodNotAllowed)
        .detail(format!("Use {allowed}."))
        .header(ALLOW, HeaderValue::from_static(allowed))
        .into()
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let mut problem = Problem::new(refusal.kind).detail(refusal.detail);
        for (name, fact) in refusal.facts {
            problem = problem.member(&name, fact);
        }
        problem.into()
    }
}
