//! One connection: which HTTP it speaks, and its requests until it ends.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::{Limits, Socket};
use crate::http::{Front, Service, harden};
use crate::link;
use crate::node::Route;
use crate::problem::{Kind, Problem};

/// How an HTTP/2 connection begins; no HTTP/1 method is called so.
const HTTP2: &[u8; 4] = b"PRI ";
/// The same for a link.
const LINK: &[u8; 4] = b"KEYW";
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 1024;
/// Requests at once on one link: a proxy's whole share of work.
const EXCHANGES: usize = 16_384;
/// Bytes of a request's body that a proxy may send over a link before it is told that we have read them.
const LINK_WINDOW: usize = 256 << 10;
/// What a sender may send before it is told that we have read it.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Larger frames than the smallest allowed make large values cheaper.
const FRAME: u32 = 64 << 10;
/// How long a connection that is only told "too many" may take for that.
const FAREWELL: Duration = Duration::from_secs(2);

/// How connections are served.
pub(super) struct Builders {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    patience: Duration,
}

impl Builders {
    pub(super) fn new(limits: &Limits) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_header_size(limits.header_size)
            .max_buf_size(limits.header_size.max(SMALLEST_BUFFER))
            // A client may close its side once it has asked, and still wants the answer.
            .half_close(true);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME)
            .max_header_list_size(u32::try_from(limits.header_size).unwrap_or(u32::MAX))
            // A proxy whose clients all hang up at once cancels as many requests: that is no attack.
            .max_pending_accept_reset_streams(STREAMS as usize);
        Self { http1, http2, patience: limits.header_timeout }
    }

    /// Serves a connection until it ends, or is `closing` and has nothing under way.
    pub(super) async fn serve<S: Service>(
        &self,
        stream: TcpStream,
        front: Arc<Front<S>>,
        mut closing: watch::Receiver<bool>,
    ) {
        let Some(protocol) = self.protocol(&stream, &mut closing).await else { return };
        if let Protocol::Link = protocol {
            let limits =
                link::server::Limits { patience: self.patience, exchanges: EXCHANGES, window: LINK_WINDOW };
            if let Err(error) = link::server::serve(stream, front, limits, closing).await {
                debug!(%error, "a link broke");
            }
            return;
        }
        let answer = move |request: Request<Incoming>| {
            let front = Arc::clone(&front);
            async move { Ok::<_, Infallible>(front.answer(request).await) }
        };
        self.speak(protocol, stream, answer, closing).await;
    }

    /// Answers every request of a connection that there is no place for with 503.
    pub(super) async fn turn_away(&self, stream: TcpStream, mut closing: watch::Receiver<bool>) {
        let answer = |_: Request<Incoming>| async { Ok::<_, Infallible>(too_many()) };
        let telling = async {
            if let Some(protocol) = self.protocol(&stream, &mut closing).await {
                self.speak(protocol, stream, answer, closing).await;
            }
        };
        let _ = timeout(FAREWELL, telling).await;
    }

    /// What the other side speaks; `None` where it does not say so in time, or is told to close.
    async fn protocol(&self, stream: &TcpStream, closing: &mut watch::Receiver<bool>) -> Option<Protocol> {
        tokio::select! {
            known = timeout(self.patience, Protocol::of(stream)) => known.ok()?.ok(),
            _ = closing.wait_for(|closing| *closing) => None,
        }
    }

    async fn speak<A, F>(
        &self,
        protocol: Protocol,
        stream: TcpStream,
        answer: A,
        closing: watch::Receiver<bool>,
    ) where
        A: Fn(Request<Incoming>) -> F + Send,
        F: Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send + 'static,
    {
        let outcome = match protocol {
            Protocol::Http1 => {
                run(self.http1.serve_connection(Socket::new(stream), service_fn(answer)), closing).await
            }
            Protocol::Http2 => {
                run(self.http2.serve_connection(TokioIo::new(stream), service_fn(answer)), closing).await
            }
            // A proxy tries again by itself.
            Protocol::Link => return,
        };
        if let Err(error) = outcome {
            debug!(%error, "a connection broke");
        }
    }
}

/// hyper takes no smaller buffer.
const SMALLEST_BUFFER: usize = 8192;

async fn run<C>(connection: C, mut closing: watch::Receiver<bool>) -> Result<(), C::Error>
where
    C: GracefulConnection,
{
    tokio::pin!(connection);
    tokio::select! {
        outcome = &mut connection => return outcome,
        _ = closing.wait_for(|closing| *closing) => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy)]
enum Protocol {
    Http1,
    Http2,
    Link,
}

impl Protocol {
    /// Looks at the first bytes without taking them, so that none of the three pays for the choice afterwards.
    async fn of(stream: &TcpStream) -> io::Result<Self> {
        let mut start = [0; 4];
        loop {
            let length = stream.peek(&mut start).await?;
            match &start[..length] {
                [] => return Err(io::ErrorKind::UnexpectedEof.into()),
                all if all == HTTP2 => return Ok(Self::Http2),
                all if all == LINK => return Ok(Self::Link),
                some if !HTTP2.starts_with(some) && !LINK.starts_with(some) => return Ok(Self::Http1),
                // The socket stays readable with these few bytes: waiting for it would spin.
                _ => sleep(Duration::from_millis(1)).await,
            }
        }
    }
}

impl<S: Service> link::server::Answers for Arc<Front<S>> {
    type Body = Full<Bytes>;
    const READS_AT_ONCE: bool = true;

    fn admit(&self, secret: &[u8]) -> Result<(), String> {
        let why = match self.knows(secret) {
            Some(true) => return Ok(()),
            Some(false) => {
                "it has another secret: start proxy and nodes with the same KEYWAY_CLUSTER_SECRET or \
                            KEYWAY_CLUSTER_SECRET_FILE"
            }
            None => {
                "it has no secret, so it takes part in no cluster: start it with KEYWAY_CLUSTER_SECRET or \
                     KEYWAY_CLUSTER_SECRET_FILE"
            }
        };
        Err(why.to_owned())
    }

    async fn answer(
        &self,
        request: Request<link::server::RequestBody>,
        route: Route,
    ) -> Response<Full<Bytes>> {
        self.answer_routed(request, &route).await
    }
}

fn too_many() -> Response<Full<Bytes>> {
    let mut answer = Problem::new(Kind::TooManyConnections)
        .detail("Use fewer connections and keep them open, or raise `http.connections` in the node's configuration.")
        .header(CONNECTION, HeaderValue::from_static("close"))
        .response();
    harden(answer.headers_mut());
    answer
}
