//! Asks the node for a record or a write, and turns what it refuses into an answer.

use bytes::Bytes;
use hashring::query;
use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, TRANSFER_ENCODING,
};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Full;

use super::body::{self, Limits, Taken};
use super::budget::Budget;
use super::{Answer, Call, EPOCH, Front, Service};
use crate::client::ClientError;
use crate::conditions::{BadTags, Conditions};
use crate::node::{Read, Refused, Route, Write, Written};
use crate::problem::{Kind, Problem};
use crate::protocol::{EPOCH_HEADER, REPLAY_HEADER, TO_HEADER};

/// On a request that a node passed on to the new owner of its key: it is not passed on again.
const RELAYED_HEADER: &str = "keyway-relayed";

/// What of a relayed request's header the new owner needs.
const RELAYED_FIELDS: [HeaderName; 6] =
    [CONTENT_TYPE, CONTENT_ENCODING, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];

/// Values larger than this are counted while they are on their way to a client; smaller ones fit into what each
/// connection may buffer anyway.
const COUNTED: usize = 64 << 10;

/// What became of a write.
pub(super) enum Done {
    /// This node did it.
    Here(Written),
    /// Another node did it, or refused it.
    Elsewhere(Answer),
}

impl<S: Service> Front<S> {
    /// The record of `key`, if there is one.
    pub(super) async fn read(&self, call: Call<'_>, key: &[u8]) -> Result<Read, Problem> {
        self.service.read(key, call.route).await.map_err(|refused| problem(&refused))
    }

    /// Does a write. `raw` is the body as it came, for the case that it must be passed on.
    pub(super) async fn write(&self, call: Call<'_>, raw: &Bytes, write: Write) -> Result<Done, Problem> {
        match self.service.write(write, call.route).await {
            Ok(Written::PreconditionFailed) => Err(precondition_failed()),
            Ok(written) => Ok(Done::Here(written)),
            Err(Refused::NotOwner { epoch, owner_url: Some(url) }) if call.route.unkept => {
                self.relay(call.head, raw, &url, epoch).await.map(Done::Elsewhere)
            }
            Err(refused) => Err(problem(&refused)),
        }
    }

    /// Takes in a body of at most `size` bytes.
    pub(super) async fn take<B>(
        &self,
        parts: &Parts,
        body: B,
        size: usize,
        memory: &Budget,
    ) -> Result<Taken, Problem>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        let limits = Limits { size, memory, pause: self.settings.body_pause };
        body::take(&parts.headers, body, limits).await
    }

    /// A value on its way to a client.
    pub(super) fn give(&self, value: Bytes) -> Result<Full<Bytes>, Problem> {
        if value.len() <= COUNTED {
            return Ok(Full::new(value));
        }
        self.given.count(value).map(Full::new).ok_or_else(|| {
            Problem::new(Kind::Overloaded)
                .detail("The memory for answers under way (`http.memory`) is used up; try again soon.")
        })
    }

    /// Passes a write, whose sender has not kept its body, on to the new owner and gives that node's answer.
    async fn relay(&self, parts: &Parts, raw: &Bytes, url: &str, epoch: u64) -> Result<Answer, Problem> {
        if parts.headers.contains_key(RELAYED_HEADER) {
            return Err(Problem::new(Kind::RingChanging).detail(
                "Two nodes in a row did not own the key. Nothing was changed; send the request again.",
            ));
        }
        let mut request = Request::new(raw.clone());
        *request.method_mut() = parts.method.clone();
        let path = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(path);
        let headers = request.headers_mut();
        for name in RELAYED_FIELDS {
            for value in parts.headers.get_all(&name) {
                headers.append(name.clone(), value.clone());
            }
        }
        headers.insert(EPOCH, HeaderValue::from(epoch));
        headers.insert(RELAYED_HEADER, HeaderValue::from_static("1"));
        headers.insert(REPLAY_HEADER, HeaderValue::from_static("no"));
        let answer = self.client.send(url, request, self.settings.relay_deadline).await;
        let (mut head, body) = answer.map_err(|error| relay_failed(&error))?.into_parts();
        for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
            head.headers.remove(name);
        }
        Ok(Answer::from_parts(head, Full::new(body)))
    }
}

/// The decoded key of a request.
pub(super) fn key(parts: &Parts) -> Result<std::borrow::Cow<'_, [u8]>, Problem> {
    query::key(parts.uri.query()).map_err(Problem::from)
}

/// The conditions of a request.
pub(super) fn conditions(parts: &Parts) -> Result<Conditions, Problem> {
    Conditions::of(&parts.headers)
        .map_err(|error: BadTags| Problem::new(Kind::BadCondition).detail(format!("{error}.")))
}

/// 404 for a key that has no record.
pub(super) fn not_found() -> Problem {
    Problem::new(Kind::NoSuchKey)
}

/// 412.
pub(super) fn precondition_failed() -> Problem {
    Problem::new(Kind::PreconditionFailed).detail(
        "The record is not as the request's If-... fields demand. Nothing was changed; read it again.",
    )
}

/// The answer for what a node refuses.
pub(super) fn problem(refused: &Refused) -> Problem {
    let again = |kind| Problem::new(kind).detail(format!("{refused}. Nothing was changed; try again soon."));
    match refused {
        Refused::NotOwner { epoch, .. } => Problem::new(Kind::NotOwner)
            .detail(format!("{refused}. Ask the proxy: it knows the owner."))
            .member("epoch", *epoch)
            .header(EPOCH, HeaderValue::from(*epoch)),
        Refused::NotYet(_) => again(Kind::NotYet),
        Refused::Overloaded => again(Kind::Overloaded),
        Refused::Stopped => {
            Problem::new(Kind::Stopped).detail(format!("{refused}. No write was begun; try again soon."))
        }
        Refused::OutcomeUnknown(_) => Problem::new(Kind::OutcomeUnknown)
            .detail(format!("{refused}. Read the record to see whether it was, before you send it again.")),
        Refused::NoVersions(_) => Problem::new(Kind::NoVersions)
            .detail(format!("{refused}. Nothing was changed. Values can still be read.")),
        Refused::DiskFull => Problem::new(Kind::DiskFull)
            .detail("Nothing was changed. Values can still be read and deleted records free space later."),
        Refused::Damaged(_) => Problem::new(Kind::DamagedRecord).detail(format!(
            "{refused}. The node never answers with a value that it cannot vouch for; write it again."
        )),
    }
}

/// As the sender of an HTTP request saw the cluster.
pub(super) fn route(headers: &HeaderMap) -> Route {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    Route {
        epoch: text(EPOCH_HEADER).and_then(|epoch| epoch.parse().ok()),
        to: text(TO_HEADER).map(Into::into),
        unkept: text(REPLAY_HEADER) == Some("no"),
    }
}

/// The same types as the proxy's, which cannot reach a node or loses it: to the client it is the same.
fn relay_failed(error: &ClientError) -> Problem {
    match error {
        ClientError::BadUrl(_) | ClientError::Unreachable { .. } => {
            Problem::new(Kind::OwnerDown).detail(format!("{error}. Nothing was changed; try again soon."))
        }
        ClientError::Lost { .. } => outcome_unknown(Kind::ConnectionLost, error),
        ClientError::TimedOut { .. } => outcome_unknown(Kind::NoAnswer, error),
    }
}

fn outcome_unknown(kind: Kind, error: &ClientError) -> Problem {
    Problem::new(kind).detail(format!(
        "{error}. It is unknown whether the write was applied. Read the record to see whether it was."
    ))
}
