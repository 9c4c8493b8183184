//! The inner paths: what the coordinator and other nodes of the cluster ask, with its secret.

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body::Body;
use http_body_util::Full;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::owner::problem;
use super::{Answer, Front, Service};
use crate::node::Refused;
use crate::problem::{Kind, Problem};
use crate::protocol::SECRET_HEADER;

/// Room for the view of a large cluster.
const BEAT_SIZE: usize = 16 << 20;
/// Room for a page of records beside the largest value, and for what the message says about them.
const MOVE_EXTRA: usize = 16 << 20;

/// Enough for a beat and a few moves at once, for values of at most this size.
pub(super) fn memory(max_value: usize) -> usize {
    max_value.saturating_add(MOVE_EXTRA).saturating_mul(4).saturating_add(BEAT_SIZE)
}

/// `POST` [`BEAT_PATH`](crate::protocol::BEAT_PATH).
pub(super) async fn beat<S: Service, B>(front: &Front<S>, parts: &Parts, body: B) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    admit(front, parts)?;
    let taken = front.take(parts, body, BEAT_SIZE, &front.inner).await?;
    json(&front.service.beat(read(&taken.bytes)?).await.map_err(|refused| problem(&refused))?)
}

/// `POST` [`MOVE_PATH`](crate::protocol::MOVE_PATH).
pub(super) async fn take_move<S: Service, B>(
    front: &Front<S>,
    parts: &Parts,
    body: B,
) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    admit(front, parts)?;
    let size = front.settings.max_value.saturating_add(MOVE_EXTRA);
    let taken = front.take(parts, body, size, &front.inner).await?;
    let reply = front
        .service
        .take_move(taken.bytes.clone())
        .await
        .map_err(|malformed| Problem::new(Kind::BadMove).detail(format!("{malformed}. {VERSIONS}")))?;
    let reply = reply.ok_or_else(|| problem(&Refused::Stopped))?;
    let mut answer = Answer::new(Full::new(reply));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(answer)
}

/// `POST` [`CENSUS_PATH`](crate::protocol::CENSUS_PATH).
pub(super) async fn census<S: Service, B>(front: &Front<S>, parts: &Parts, body: B) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    admit(front, parts)?;
    let taken = front.take(parts, body, BEAT_SIZE, &front.inner).await?;
    json(&front.service.census(read(&taken.bytes)?).await.map_err(|refused| problem(&refused))?)
}

const VERSIONS: &str = "The processes of this cluster may be of versions that do not fit together.";

fn read<T: DeserializeOwned>(message: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(message)
        .map_err(|error| Problem::new(Kind::BadJson).detail(format!("{error}. {VERSIONS}")))
}

/// Lets only those in who know the cluster's secret, before anything of the body is read.
fn admit<S: Service>(front: &Front<S>, parts: &Parts) -> Result<(), Problem> {
    let Some(secret) = &front.settings.secret else {
        return Err(Problem::new(Kind::NoSecret).detail(
            "So it takes part in no cluster. Start it with KEYWAY_CLUSTER_SECRET, or KEYWAY_CLUSTER_SECRET_FILE, \
             set to the secret of the cluster.",
        ));
    };
    if parts.headers.get(SECRET_HEADER).is_some_and(|given| secret.is(given.as_bytes())) {
        return Ok(());
    }
    Err(Problem::new(Kind::WrongSecret).detail(
        "This path is for the cluster's own processes, which send its secret in `keyway-secret`. Start proxy and \
         nodes with the same KEYWAY_CLUSTER_SECRET or KEYWAY_CLUSTER_SECRET_FILE.",
    ))
}

fn json<T: Serialize>(message: &T) -> Result<Answer, Problem> {
    let text = serde_json::to_vec(message).map_err(|error| {
        Problem::new(Kind::Internal).detail(format!("The answer has no JSON form: {error}."))
    })?;
    let mut answer = Answer::new(Full::from(text));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(answer)
}
