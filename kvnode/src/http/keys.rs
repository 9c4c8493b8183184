//! `/kv`: values as they are, any bytes, with the type that the client gave them.

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body::Body;

use super::owner::{Done, conditions, key, not_found, precondition_failed};
use super::range::{Part, content_range};
use super::{Answer, Call, Front, Service};
use crate::conditions::Verdict;
use crate::conditions::tags::{entity_tag, range_applies};
use crate::node::{Operation, Write, Written};
use crate::problem::{Kind, Problem};
use crate::store::record::Record;
use crate::version::Version;

/// The longest `Content-Type` or `Content-Encoding` that is kept.
const LONGEST_FIELD: usize = 1024;

/// `GET` and `HEAD`.
pub(super) async fn get<S: Service>(front: &Front<S>, call: Call<'_>) -> Result<Answer, Problem> {
    let (key, conditions) = (key(call.head)?, conditions(call.head)?);
    let record = front.read(call, &key).await?;
    let verdict = conditions.read_verdict(record.as_ref().map(|it| (it.version, it.modified_ms)));
    match (verdict, record) {
        (Verdict::Failed, _) => Err(precondition_failed()),
        (_, None) => Err(not_found()),
        (Verdict::NotModified, Some(record)) => Ok(not_modified(&record)),
        (Verdict::Proceed, Some(record)) if call.head.method == Method::HEAD => {
            let mut answer = described(&record);
            answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(record.value.len()));
            Ok(answer)
        }
        (Verdict::Proceed, Some(record)) => value(front, &call.head.headers, record),
    }
}

/// `PUT`.
pub(super) async fn put<S: Service, B>(front: &Front<S>, call: Call<'_>, body: B) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    let key = Bytes::copy_from_slice(&key(call.head)?);
    if call.head.headers.contains_key(CONTENT_RANGE) {
        return Err(Problem::new(Kind::PartialPut)
            .detail("`Content-Range` asks for a part to be replaced (RFC 9110 14.5). Nothing was changed."));
    }
    let conditions = conditions(call.head)?;
    let content_type = kept_field(&call.head.headers, &CONTENT_TYPE)?;
    let content_encoding = kept_field(&call.head.headers, &CONTENT_ENCODING)?;
    let taken = front.take(call.head, body, front.settings.max_value, &front.taken).await?;
    let operation = Operation::Put { content_type, content_encoding, value: taken.bytes.clone() };
    Ok(match front.write(call, &taken.bytes, Write { key, operation, conditions }).await? {
        Done::Elsewhere(answer) => answer,
        Done::Here(Written::Created(version)) => written(StatusCode::CREATED, Some(version)),
        Done::Here(Written::Replaced(version)) => written(StatusCode::NO_CONTENT, Some(version)),
        Done::Here(_) => written(StatusCode::NO_CONTENT, None),
    })
}

/// `DELETE`.
pub(super) async fn delete<S: Service>(front: &Front<S>, call: Call<'_>) -> Result<Answer, Problem> {
    let key = Bytes::copy_from_slice(&key(call.head)?);
    let write = Write { key, operation: Operation::Delete, conditions: conditions(call.head)? };
    match front.write(call, &Bytes::new(), write).await? {
        Done::Elsewhere(answer) => Ok(answer),
        Done::Here(Written::Absent) => Err(not_found()),
        Done::Here(_) => Ok(written(StatusCode::NO_CONTENT, None)),
    }
}

/// The record's value, or the part of it that is asked for.
fn value<S: Service>(front: &Front<S>, headers: &HeaderMap, record: Record) -> Result<Answer, Problem> {
    let length = record.value.len();
    let part = if range_applies(headers, record.version) { Part::of(headers, length) } else { Part::Whole };
    let mut answer = described(&record);
    match part {
        Part::Whole => *answer.body_mut() = front.give(record.value)?,
        Part::Bytes(first, last) => {
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            answer.headers_mut().insert(CONTENT_RANGE, content_range(Some((first, last)), length));
            *answer.body_mut() = front.give(record.value.slice(first..=last))?;
        }
        Part::None => {
            return Err(Problem::new(Kind::NoSuchRange)
                .member("length", length)
                .header(CONTENT_RANGE, content_range(None, length)));
        }
    }
    Ok(answer)
}

/// Everything but the value and its length.
fn described(record: &Record) -> Answer {
    let mut answer = tagged(record.version);
    let headers = answer.headers_mut();
    let kept = |field: &Option<Bytes>| field.clone().and_then(|it| HeaderValue::from_maybe_shared(it).ok());
    let content_type = kept(&record.content_type);
    headers
        .insert(CONTENT_TYPE, content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    if let Some(encoding) = kept(&record.content_encoding) {
        headers.insert(CONTENT_ENCODING, encoding);
    }
    headers.insert(LAST_MODIFIED, last_modified(record));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer
}

/// 304: what a cache needs to go on using what it has (RFC 9110 15.4.5).
pub(super) fn not_modified(record: &Record) -> Answer {
    let mut answer = tagged(record.version);
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    answer
}

/// An answer about one version of a record; caches keep it, but ask before they use it again.
pub(super) fn tagged(version: Version) -> Answer {
    let mut answer = Answer::default();
    // Room for all fields of a value's answer, so that the map never grows.
    *answer.headers_mut() = HeaderMap::with_capacity(16);
    answer.headers_mut().insert(ETAG, entity_tag(version));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

/// `Last-Modified` of a record.
pub(super) fn last_modified(record: &Record) -> HeaderValue {
    // The year 9999 is the last that the format can write, and that httpdate takes.
    const LAST: u64 = 253_402_300_799;
    let seconds = (record.modified_ms / 1000).min(LAST);
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    HeaderValue::from_str(&httpdate::fmt_http_date(time)).unwrap_or(HeaderValue::from_static(""))
}

fn written(status: StatusCode, version: Option<Version>) -> Answer {
    let mut answer = version.map_or_else(Answer::default, tagged);
    *answer.status_mut() = status;
    answer
}

/// A field that is kept beside the value: its only line, or none.
fn kept_field(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Bytes>, Problem> {
    let mut lines = headers.get_all(name).iter();
    let bad =
        |why: &str| Err(Problem::new(Kind::BadField).detail(format!("`{name}` {why}. Nothing was changed.")));
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => bad("stands there more than once"),
        (Some(line), None) if line.len() > LONGEST_FIELD => bad("is longer than 1024 bytes"),
        (Some(line), None) => Ok(Some(Bytes::copy_from_slice(line.as_bytes()))),
    }
}
