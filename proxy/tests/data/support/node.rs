//! Nodes that do as they are told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Body as _;
use kvnode::link::server::{self, Answers, RequestBody};
use kvnode::node::Route;
use kvnode::protocol::{EPOCH_HEADER, REPLAY_HEADER, TO_HEADER};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::PATIENCE;
use super::proxy::SECRET;

/// What a fake node answers.
pub(crate) type Reply = Response<BoxBody<Bytes, Infallible>>;

/// A request that reached a node.
pub(crate) struct Call {
    pub(crate) head: Parts,
    pub(crate) body: RequestBody,
}

/// A node that answers with a function.
pub(crate) struct FakeNode {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<Parts>>>,
    serving: JoinHandle<()>,
}

/// A node that is one function from connection to connection.
pub(crate) struct RawNode {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

/// An answer with a body.
pub(crate) fn reply(status: u16, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()).boxed());
    *reply.status_mut() = StatusCode::from_u16(status).unwrap();
    reply
}

/// An answer that says where it comes from.
pub(crate) fn text(body: &str) -> Reply {
    reply(200, Bytes::copy_from_slice(body.as_bytes()))
}

impl Call {
    /// The whole body.
    pub(crate) async fn read(self) -> Bytes {
        self.body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default()
    }
}

impl FakeNode {
    /// A node on a free port.
    pub(crate) async fn start<A>(answer: impl Fn(Call) -> A + Send + Sync + 'static) -> Self
    where
        A: Future<Output = Reply> + Send + 'static,
    {
        Self::start_at("127.0.0.1:0".parse().unwrap(), answer).await
    }

    pub(crate) async fn start_at<A>(
        address: SocketAddr,
        answer: impl Fn(Call) -> A + Send + Sync + 'static,
    ) -> Self
    where
        A: Future<Output = Reply> + Send + 'static,
    {
        let answering =
            Answering { answer: Arc::new(move |call| Box::pin(answer(call))), heads: Arc::default() };
        let listener = TcpListener::bind(address).await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            heads: Arc::clone(&answering.heads),
            serving: serve(listener, move |stream| {
                let answering = answering.clone();
                async move {
                    let limits = server::Limits { patience: PATIENCE, exchanges: 1000, window: 256 << 10 };
                    let (_open, closing) = watch::channel(false);
                    let _ = server::serve(stream, answering, limits, closing).await;
                }
            }),
        }
    }

    /// A node that answers everything with its name.
    pub(crate) async fn named(name: &'static str) -> Self {
        Self::start(move |call| async move {
            call.read().await;
            text(name)
        })
        .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of all requests that reached it.
    pub(crate) fn heads(&self) -> Vec<Parts> {
        self.heads.lock().unwrap().clone()
    }

    /// How many requests reached it.
    pub(crate) fn calls(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    /// Stops at once, as a killed process does. Its port is free afterwards.
    pub(crate) async fn kill(self) -> SocketAddr {
        self.serving.abort();
        let _ = self.serving.await;
        self.address
    }
}

type Boxed = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// The function, and what it was asked.
#[derive(Clone)]
struct Answering {
    answer: Arc<dyn Fn(Call) -> Boxed + Send + Sync>,
    heads: Arc<Mutex<Vec<Parts>>>,
}

impl Answers for Answering {
    type Body = BoxBody<Bytes, Infallible>;
    const READS_AT_ONCE: bool = false;

    fn admit(&self, secret: &[u8]) -> Result<(), String> {
        if secret == SECRET.as_bytes() { Ok(()) } else { Err("wrong secret".to_owned()) }
    }

    async fn answer(&self, request: Request<RequestBody>, route: Route) -> Reply {
        let (mut head, body) = request.into_parts();
        // As they would stand in a request over HTTP.
        let fields = &mut head.headers;
        if let Some(epoch) = route.epoch {
            fields.insert(EPOCH_HEADER, epoch.into());
        }
        if let Some(to) = route.to {
            fields.insert(TO_HEADER, to.parse().unwrap());
        }
        if route.unkept {
            fields.insert(REPLAY_HEADER, "no".parse().unwrap());
        }
        self.heads.lock().unwrap().push(head.clone());
        let mut reply = (self.answer)(Call { head, body }).await;
        if let Some(length) = reply.body().size_hint().exact().filter(|_| reply.status() == 200) {
            reply.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
        }
        reply
    }
}

impl RawNode {
    pub(crate) async fn start<A>(serve_one: impl Fn(TcpStream) -> A + Send + 'static) -> Self
    where
        A: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { address: listener.local_addr().unwrap(), serving: serve(listener, serve_one) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for RawNode {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Serves connections until aborted; then they all break.
fn serve<A>(listener: TcpListener, serve_one: impl Fn(TcpStream) -> A + Send + 'static) -> JoinHandle<()>
where
    A: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            connections.spawn(serve_one(stream));
        }
    })
}
