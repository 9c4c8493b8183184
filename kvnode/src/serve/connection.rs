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

use super::Limits;
use crate::http::{Front, Service, harden};
use crate::problem::{Kind, Problem};

/// How an HTTP/2 connection begins; no HTTP/1 method is called so.
const PREFACE: &[u8; 4] = b"PRI ";
/// Requests at once on one connection: a proxy's whole share of work.
const STREAMS: u32 = 1024;
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
        closing: watch::Receiver<bool>,
    ) {
        let answer = move |request: Request<Incoming>| {
            let front = Arc::clone(&front);
            async move { Ok::<_, Infallible>(front.answer(request).await) }
        };
        self.speak(stream, answer, closing).await;
    }

    /// Answers every request of a connection that there is no place for with 503.
    pub(super) async fn turn_away(&self, stream: TcpStream, closing: watch::Receiver<bool>) {
        let answer = |_: Request<Incoming>| async { Ok::<_, Infallible>(too_many()) };
        let _ = timeout(FAREWELL, self.speak(stream, answer, closing)).await;
    }

    async fn speak<A, F>(&self, stream: TcpStream, answer: A, mut closing: watch::Receiver<bool>)
    where
        A: Fn(Request<Incoming>) -> F + Send,
        F: Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send + 'static,
    {
        let is_http2 = tokio::select! {
            known = timeout(self.patience, begins_http2(&stream)) => known,
            _ = closing.wait_for(|closing| *closing) => return,
        };
        let outcome = match is_http2 {
            Ok(Ok(true)) => {
                run(self.http2.serve_connection(TokioIo::new(stream), service_fn(answer)), closing).await
            }
            Ok(Ok(false)) => {
                run(self.http1.serve_connection(TokioIo::new(stream), service_fn(answer)), closing).await
            }
            Ok(Err(_)) | Err(_) => return,
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

/// Looks at the first bytes without taking them, so that neither HTTP pays for the choice afterwards.
async fn begins_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut start).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !PREFACE.starts_with(&start[..length]) {
            return Ok(false);
        }
        if length == PREFACE.len() {
            return Ok(true);
        }
        // The socket stays readable with these few bytes: waiting for it would spin.
        sleep(Duration::from_millis(1)).await;
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
