//! A small HTTP client for what nodes say to each other, and for asking a proxy to be taken in.
//!
//! One HTTP/2 connection for each peer carries all requests to it; a lost one is dialled again by the next
//! request. Every error says whether the request can have had an effect.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// The largest answer that is taken in.
const MAX_ANSWER: usize = 64 << 20;
/// A connection whose peer acknowledges nothing for so long is broken.
const SILENCE: Duration = Duration::from_secs(10);
/// Room for large answers on a link that is not short.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The address is none that this client can use.
    #[error("`{0}` is not a base URL such as http://127.0.0.1:5001 (no path, and no https)")]
    BadUrl(String),
    /// Nothing was sent: the request surely had no effect.
    #[error("{url} cannot be reached: {cause}")]
    Unreachable {
        /// Whom the request was for.
        url: String,
        /// What failed.
        cause: String,
    },
    /// The request was sent, at least in part, and no whole answer came: whether it had an effect is unknown.
    #[error("{url} gave no answer: {cause}")]
    Lost {
        /// Whom the request was for.
        url: String,
        /// What failed.
        cause: String,
    },
    /// As [`Lost`](Self::Lost), because the time was up.
    #[error("{url} gave no answer in time")]
    TimedOut {
        /// Whom the request was for.
        url: String,
    },
}

impl ClientError {
    /// Whether the request can have had no effect, so that it may be sent again whatever it asks.
    #[must_use]
    pub fn surely_not_applied(&self) -> bool {
        matches!(self, Self::BadUrl(_) | Self::Unreachable { .. })
    }
}

/// The address in a base URL: `http://host:port`, at most with a `/` behind it.
///
/// # Errors
/// [`ClientError::BadUrl`] where it is something else.
pub fn authority(url: &str) -> Result<Authority, ClientError> {
    let uri: Option<Uri> = url.parse().ok();
    uri.filter(|uri| {
        uri.scheme() == Some(&Scheme::HTTP) && matches!(uri.path(), "/" | "") && uri.query().is_none()
    })
    .and_then(|uri| uri.into_parts().authority)
    .filter(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'))
    .ok_or_else(|| ClientError::BadUrl(url.to_owned()))
}

/// Connections to peers. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Client {
    peers: Arc<Mutex<HashMap<Authority, Arc<Peer>>>>,
}

#[derive(Debug, Default)]
struct Peer {
    /// Held while dialling: requests that come meanwhile wait for the same connection.
    link: tokio::sync::Mutex<Option<Link>>,
}

type Link = http2::SendRequest<Full<Bytes>>;

impl Client {
    /// A client without connections.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `POST`s `body` to `path` at the peer with this base URL and gives its answer, whatever the status.
    ///
    /// # Errors
    /// [`ClientError`], which says whether the request can have had an effect.
    pub async fn post(
        &self,
        url: &str,
        path: &'static str,
        headers: HeaderMap,
        body: Bytes,
        deadline: Duration,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static(path);
        *request.headers_mut() = headers;
        let (head, body) = self.send(url, request, deadline).await?.into_parts();
        Ok((head.status, body))
    }

    /// Sends a request, whose URI is only path and query, to the peer with this base URL.
    ///
    /// # Errors
    /// [`ClientError`], which says whether the request can have had an effect.
    pub async fn send(
        &self,
        url: &str,
        request: Request<Bytes>,
        deadline: Duration,
    ) -> Result<Response<Bytes>, ClientError> {
        let until = Instant::now() + deadline;
        let authority = authority(url)?;
        let peer = Arc::clone(
            self.peers.lock().unwrap_or_else(PoisonError::into_inner).entry(authority.clone()).or_default(),
        );
        let mut request = addressed(request, &authority).map(Full::new);
        // A connection can turn out to be closed just when the request is handed to it: then it comes back unsent.
        for _ in 0..2 {
            let mut link = match timeout_at(until, peer.link(&authority)).await {
                Ok(link) => link.map_err(|cause| unreachable(url, &*cause))?,
                Err(_) => return Err(no_connection(url, "in time")),
            };
            let sent = timeout_at(until, link.try_send_request(request)).await;
            let Ok(sent) = sent else {
                // What holds up this request holds up the next one too: that one dials.
                peer.forget().await;
                return Err(ClientError::TimedOut { url: url.to_owned() });
            };
            match sent {
                Ok(response) => return finish(url, response, until).await,
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(lost(url, &error.into_error())),
                },
            }
            peer.forget().await;
        }
        Err(no_connection(url, "that stays open"))
    }
}

impl Peer {
    async fn link(&self, authority: &Authority) -> Result<Link, BoxError> {
        let mut slot = self.link.lock().await;
        if let Some(link) = slot.as_ref().filter(|link| !link.is_closed()) {
            return Ok(link.clone());
        }
        let (link, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(TokioIo::new(dial(authority).await?))
            .await?;
        tokio::spawn(connection);
        *slot = Some(link.clone());
        Ok(link)
    }

    async fn forget(&self) {
        *self.link.lock().await = None;
    }
}

/// Sends one `POST` over an HTTP/1.1 connection of its own: for peers that may be no node.
///
/// # Errors
/// [`ClientError`], which says whether the request can have had an effect.
pub async fn post_once(
    url: &str,
    path: &'static str,
    headers: HeaderMap,
    body: Bytes,
    deadline: Duration,
) -> Result<Response<Bytes>, ClientError> {
    let until = Instant::now() + deadline;
    let authority = authority(url)?;
    let connecting = async {
        let stream = dial(&authority).await?;
        Ok::<_, BoxError>(http1::handshake(TokioIo::new(stream)).await?)
    };
    let (mut link, connection) = match timeout_at(until, connecting).await {
        Ok(connected) => connected.map_err(|cause| unreachable(url, &*cause))?,
        Err(_) => return Err(no_connection(url, "in time")),
    };
    tokio::spawn(connection);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(path);
    *request.headers_mut() = headers;
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(HOST, host);
    }
    match timeout_at(until, link.send_request(request)).await {
        Ok(Ok(response)) => finish(url, response, until).await,
        Ok(Err(cause)) => Err(lost(url, &cause)),
        Err(_) => Err(ClientError::TimedOut { url: url.to_owned() }),
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn dial(authority: &Authority) -> Result<TcpStream, BoxError> {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    stream.set_nodelay(true)?;
    socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(SILENCE))?;
    Ok(stream)
}

/// HTTP/2 wants the scheme and authority in the URI.
fn addressed(mut request: Request<Bytes>, authority: &Authority) -> Request<Bytes> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority.clone());
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    // These three parts always make a URI.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    request
}

async fn finish(
    url: &str,
    response: Response<Incoming>,
    until: Instant,
) -> Result<Response<Bytes>, ClientError> {
    let (head, body) = response.into_parts();
    match timeout_at(until, Limited::new(body, MAX_ANSWER).collect()).await {
        Ok(Ok(body)) => Ok(Response::from_parts(head, body.to_bytes())),
        Ok(Err(cause)) => Err(lost(url, &*cause)),
        Err(_) => Err(ClientError::TimedOut { url: url.to_owned() }),
    }
}

fn no_connection(url: &str, how: &str) -> ClientError {
    ClientError::Unreachable { url: url.to_owned(), cause: format!("no connection {how}") }
}

fn unreachable(url: &str, cause: &dyn std::error::Error) -> ClientError {
    ClientError::Unreachable { url: url.to_owned(), cause: in_full(cause) }
}

fn lost(url: &str, cause: &dyn std::error::Error) -> ClientError {
    ClientError::Lost { url: url.to_owned(), cause: in_full(cause) }
}

/// An error with what lies beneath it: hyper's own words alone are seldom enough.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_base_urls_name_a_peer() {
        for (url, name) in [
            ("http://127.0.0.1:5001", "127.0.0.1:5001"),
            ("http://[::1]:5001/", "[::1]:5001"),
            ("http://n1", "n1"),
        ] {
            assert_eq!(authority(url).unwrap().as_str(), name);
        }
        for url in [
            "",
            "n1:5001",
            "https://n1",
            "http://n1/x",
            "http://n1/?a",
            "http://u@n1",
            "http://",
            "/x",
            "http:n1",
        ] {
            assert_eq!(authority(url), Err(ClientError::BadUrl(url.to_owned())), "{url}");
        }
    }

    #[tokio::test]
    async fn a_refused_connection_surely_had_no_effect() {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let outcome = Client::new()
            .post(&format!("http://{free}"), "/x", HeaderMap::new(), Bytes::new(), Duration::from_secs(5))
            .await;
        assert!(outcome.unwrap_err().surely_not_applied());
    }
}
