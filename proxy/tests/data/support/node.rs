//! Nodes that do as they are told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What a fake node answers.
pub(crate) type Reply = Response<BoxBody<Bytes, Infallible>>;

/// A request that reached a node.
pub(crate) struct Call {
    pub(crate) head: Parts,
    pub(crate) body: Incoming,
}

/// A node that speaks HTTP/2 and answers with a function.
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
        type Boxed = Pin<Box<dyn Future<Output = Reply> + Send>>;
        let answer: Arc<dyn Fn(Call) -> Boxed + Send + Sync> = Arc::new(move |call| Box::pin(answer(call)));
        let listener = TcpListener::bind(address).await.unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        Self {
            address: listener.local_addr().unwrap(),
            heads,
            serving: serve(listener, move |stream| {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (head, body) = request.into_parts();
                    seen.lock().unwrap().push(head.clone());
                    let answering = answer(Call { head, body });
                    async { Ok::<_, Infallible>(answering.await) }
                });
                async move {
                    let mut http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    http.max_concurrent_streams(1000).max_header_list_size(64 << 10);
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
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
