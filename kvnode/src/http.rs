//! The node's HTTP side: from a request to a question for the [`Service`], and from its answer to a response.
//!
//! A request's way: [`Front::answer`] finds the path and method; `keys` (values as they are) or `json` (values
//! as text) reads key, conditions and body; `owner` asks the service and turns what it refuses into a status, or
//! relays the request; `inner` serves the other processes of the cluster.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, HOST, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::Full;

use crate::client::Client;
use crate::node::Route;
use crate::problem::{Kind, Problem};
use crate::protocol::{BEAT_PATH, CENSUS_PATH, EPOCH_HEADER, MOVE_PATH, NODE_HEADER};

pub mod body;
pub mod budget;
mod inner;
mod json;
mod keys;
mod owner;
mod page;
pub mod range;
pub mod secret;
mod service;

use budget::Budget;
use secret::Secret;
pub use service::Service;

/// The limits that the HTTP side keeps.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The largest value in bytes.
    pub max_value: usize,
    /// Bytes of values that may be on their way in; as much again may be on its way out.
    pub memory: usize,
    /// The longest pause between two pieces of a body.
    pub body_pause: Duration,
    /// How long a new owner may take for a value that is passed on to it.
    pub relay_deadline: Duration,
    /// The cluster's secret; without one the inner paths are closed.
    pub secret: Option<Secret>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_value: 8 << 20,
            memory: 256 << 20,
            body_pause: Duration::from_secs(30),
            relay_deadline: Duration::from_secs(30),
            secret: None,
        }
    }
}

type Answer = Response<Full<Bytes>>;

/// A request's head, and its sender's view of the cluster.
#[derive(Clone, Copy)]
struct Call<'a> {
    head: &'a Parts,
    route: &'a Route,
}

/// Answers requests for one node.
#[derive(Debug)]
pub struct Front<S> {
    service: S,
    settings: Settings,
    name: HeaderValue,
    /// For clients' values on their way in.
    taken: Budget,
    /// For clients' values on their way out.
    given: Budget,
    /// For the cluster's own messages: clients must not be able to keep a node from hearing its coordinator.
    inner: Budget,
    client: Client,
}

impl<S: Service> Front<S> {
    /// The HTTP side of `service`.
    #[must_use]
    pub fn new(service: S, settings: Settings) -> Self {
        // A node's name is made of a few ASCII characters, so it is a valid value.
        let name = HeaderValue::from_str(service.name().as_str()).unwrap_or(HeaderValue::from_static("?"));
        Self {
            taken: Budget::new(settings.memory),
            given: Budget::new(settings.memory),
            inner: Budget::new(settings.memory.max(inner::memory(settings.max_value))),
            client: Client::new(),
            service,
            settings,
            name,
        }
    }

    /// The answer to a request over HTTP. Never fails: what goes wrong is an answer too.
    pub async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        let route = owner::route(request.headers());
        self.answer_routed(request, &route).await
    }

    /// The answer to a request whose sender's view is known already.
    pub async fn answer_routed<B>(&self, request: Request<B>, route: &Route) -> Answer
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let answered = self.dispatch(Call { head: &parts, route }, body).await;
        let mut answer = answered.unwrap_or_else(Problem::response);
        tell_length(&mut answer);
        if parts.method == Method::HEAD {
            *answer.body_mut() = Full::default();
        }
        let headers = answer.headers_mut();
        // A relayed answer names the node that gave it.
        headers.entry(NODE).or_insert_with(|| self.name.clone());
        headers.entry(EPOCH).or_insert_with(|| HeaderValue::from(self.service.epoch()));
        harden(headers);
        answer
    }

    /// Whether these bytes are the cluster's secret; `None` where the node has none, and takes part in no cluster.
    #[must_use]
    pub fn knows(&self, secret: &[u8]) -> Option<bool> {
        self.settings.secret.as_ref().map(|ours| ours.is(secret))
    }

    async fn dispatch<B>(&self, call: Call<'_>, body: B) -> Result<Answer, Problem>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        let parts = call.head;
        check_host(parts)?;
        if parts.method == Method::CONNECT {
            return Err(method_not_allowed(Target::Server.methods()));
        }
        let Some(target) = Target::of(parts.uri.path()) else { return Err(unknown_path()) };
        let allow = target.methods();
        // All but the reads of single values are boxed: a future is as large as its largest branch, and it is
        // moved, whole, with every request.
        match (target, &parts.method) {
            (_, &Method::OPTIONS) => Ok(options(allow)),
            (Target::Root, &(Method::GET | Method::HEAD)) => Ok(page::root(self.service.name(), parts)),
            (Target::Keys, &(Method::GET | Method::HEAD)) => keys::get(self, call).await,
            (Target::Keys, &Method::PUT) => Box::pin(keys::put(self, call, body)).await,
            (Target::Keys, &Method::DELETE) => Box::pin(keys::delete(self, call)).await,
            (Target::JsonGet, &(Method::GET | Method::HEAD)) => json::get(self, call).await,
            (Target::JsonPut, &Method::POST) => Box::pin(json::put(self, call, body)).await,
            (Target::JsonDelete, &Method::DELETE) => Box::pin(json::delete(self, call)).await,
            (Target::Beat, &Method::POST) => Box::pin(inner::beat(self, parts, body)).await,
            (Target::Move, &Method::POST) => Box::pin(inner::take_move(self, parts, body)).await,
            (Target::Census, &Method::POST) => Box::pin(inner::census(self, parts, body)).await,
            _ => Err(method_not_allowed(allow)),
        }
    }
}

/// The policy of every answer of node and proxy.
pub const SANDBOX: &str = "default-src 'none'; sandbox";

/// Says what no stored page, and no page of ours, may do in a browser: run with the rights of the origin that it is read
/// from. Every answer of node and proxy has these two fields.
pub fn harden(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
}

const NODE: HeaderName = HeaderName::from_static(NODE_HEADER);
const EPOCH: HeaderName = HeaderName::from_static(EPOCH_HEADER);

/// What a path stands for.
#[derive(Debug, Clone, Copy)]
enum Target {
    Root,
    /// `OPTIONS *`.
    Server,
    Keys,
    JsonPut,
    JsonGet,
    JsonDelete,
    Beat,
    Move,
    Census,
}

impl Target {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/kv" => Self::Keys,
            "/get" => Self::JsonGet,
            "/put" => Self::JsonPut,
            "/del" => Self::JsonDelete,
            "/" => Self::Root,
            "*" => Self::Server,
            BEAT_PATH => Self::Beat,
            MOVE_PATH => Self::Move,
            CENSUS_PATH => Self::Census,
            _ => return None,
        })
    }

    fn methods(self) -> &'static str {
        match self {
            Self::Keys => "GET, HEAD, PUT, DELETE, OPTIONS",
            Self::JsonGet | Self::Root => "GET, HEAD, OPTIONS",
            Self::JsonDelete => "DELETE, OPTIONS",
            Self::JsonPut | Self::Beat | Self::Move | Self::Census => "POST, OPTIONS",
            Self::Server => "GET, HEAD, PUT, POST, DELETE, OPTIONS",
        }
    }
}

/// RFC 9112 3.2: an HTTP/1.1 request has exactly one `Host`, and a valid one. hyper leaves that to us.
fn check_host(parts: &Parts) -> Result<(), Problem> {
    let mut lines = parts.headers.get_all(HOST).iter();
    let valid = match (lines.next(), lines.next()) {
        (None, _) => parts.version != Version::HTTP_11,
        (Some(host), None) => host.is_empty() || is_host(host.as_bytes()),
        _ => false,
    };
    if valid {
        return Ok(());
    }
    Err(Problem::new(Kind::BadHost)
        .detail("An HTTP/1.1 request needs exactly one valid `Host` field.")
        .header(http::header::CONNECTION, HeaderValue::from_static("close")))
}

fn is_host(host: &[u8]) -> bool {
    !host.contains(&b'@') && Authority::try_from(host).is_ok()
}

fn options(allow: &'static str) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

fn unknown_path() -> Problem {
    Problem::new(Kind::UnknownPath)
        .detail("A node serves /kv, /get, /put and /del, each with `?key=`. `GET /` shows examples.")
}

fn method_not_allowed(allow: &'static str) -> Problem {
    Problem::new(Kind::MethodNotAllowed)
        .detail(format!("It takes {allow}."))
        .header(ALLOW, HeaderValue::from_static(allow))
}

/// `Content-Length` where hyper writes none by itself: of an empty body in HTTP/2, and in answers to HEAD, which
/// say what GET would.
fn tell_length(answer: &mut Answer) {
    if !matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        let length = answer.body().size_hint().exact().unwrap_or(0);
        answer.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
}
