//! `/put`, `/get`, `/del`: the same records, values as text in JSON.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, LAST_MODIFIED};
use http_body::Body;
use http_body_util::Full;
use serde::{Deserialize, Serialize};

use super::keys::{last_modified, not_modified, tagged};
use super::owner::{Done, conditions, key, not_found, precondition_failed};
use super::{Answer, Call, Front, Service};
use crate::conditions::Verdict;
use crate::node::{Operation, Write, Written};
use crate::problem::{Kind, Problem};

/// The type that a value written as text has on `/kv`.
const TEXT: &[u8] = b"text/plain; charset=utf-8";
/// JSON may write one byte as six (`\u0000`), and there is the object around it.
const ESCAPED: usize = 6;
const OBJECT: usize = 4096;

#[derive(Deserialize)]
struct Put {
    value: String,
}

#[derive(Serialize)]
struct Success<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

/// `GET /get`: `{"status":"success","value":"..."}`.
pub(super) async fn get<S: Service>(front: &Front<S>, call: Call<'_>) -> Result<Answer, Problem> {
    let (key, conditions) = (key(call.head)?, conditions(call.head)?);
    let record = front.read(call, &key).await?;
    let verdict = conditions.read_verdict(record.as_ref().map(|it| (it.version, it.modified_ms)));
    match (verdict, record) {
        (Verdict::Failed, _) => Err(precondition_failed()),
        (_, None) => Err(not_found()),
        (Verdict::NotModified, Some(record)) => Ok(not_modified(&record)),
        (Verdict::Proceed, Some(record)) => {
            let Ok(text) = std::str::from_utf8(&record.value) else { return Err(no_text()) };
            let body = front.give(success_text(Some(text)))?;
            let mut answer = success(tagged(record.version), body);
            answer.headers_mut().insert(LAST_MODIFIED, last_modified(&record));
            Ok(answer)
        }
    }
}

/// `POST /put` with `{"value":"..."}`.
pub(super) async fn put<S: Service, B>(front: &Front<S>, call: Call<'_>, body: B) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    let key = Bytes::copy_from_slice(&key(call.head)?);
    let conditions = conditions(call.head)?;
    let max_value = front.settings.max_value;
    let taken = front
        .take(call.head, body, max_value.saturating_mul(ESCAPED).saturating_add(OBJECT), &front.taken)
        .await?;
    let value = read_put(&taken.bytes)?;
    if value.len() > max_value {
        return Err(super::body::too_large(max_value));
    }
    let operation = Operation::Put {
        content_type: Some(Bytes::from_static(TEXT)),
        content_encoding: None,
        value: Bytes::from(value),
    };
    Ok(match front.write(call, &taken.bytes, Write { key, operation, conditions }).await? {
        Done::Elsewhere(answer) => answer,
        Done::Here(Written::Created(version) | Written::Replaced(version)) => {
            success(tagged(version), done())
        }
        Done::Here(_) => success(Answer::default(), done()),
    })
}

/// `DELETE /del`.
pub(super) async fn delete<S: Service>(front: &Front<S>, call: Call<'_>) -> Result<Answer, Problem> {
    let key = Bytes::copy_from_slice(&key(call.head)?);
    let write = Write { key, operation: Operation::Delete, conditions: conditions(call.head)? };
    match front.write(call, &Bytes::new(), write).await? {
        Done::Elsewhere(answer) => Ok(answer),
        Done::Here(Written::Absent) => Err(not_found()),
        Done::Here(_) => Ok(success(Answer::default(), done())),
    }
}

fn success(mut answer: Answer, body: Full<Bytes>) -> Answer {
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *answer.body_mut() = body;
    answer
}

fn done() -> Full<Bytes> {
    Full::new(success_text(None))
}

fn success_text(value: Option<&str>) -> Bytes {
    // A struct of strings always has a JSON form.
    serde_json::to_vec(&Success { status: "success", value }).unwrap_or_default().into()
}

/// The text in the body of a put. serde would also take a list for an object.
fn read_put(body: &[u8]) -> Result<String, Problem> {
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let read = if is_object {
        serde_json::from_slice(body).map_err(|error| error.to_string())
    } else {
        Err("it is no JSON object".to_owned())
    };
    read.map(|Put { value }| value).map_err(|error| {
        Problem::new(Kind::BadJson)
            .detail(format!("{error}. Send an object whose `value` is a string: {{\"value\":\"text\"}}."))
    })
}

fn no_text() -> Problem {
    Problem::new(Kind::NotText)
        .detail("It cannot be written as a JSON string. Read its bytes with `GET /kv?key=...`.")
}
