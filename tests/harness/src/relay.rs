//! A server between a browser and a Keyway: it notes each request and can take header fields off the answers.
//!
//! What it changes is the only difference between two looks at the same page, so it shows what these fields do.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::client::Client;

/// A running relay. It ends with its story.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    behind: Client,
    without: Vec<&'static str>,
    asked: Mutex<Vec<String>>,
}

impl Relay {
    /// A relay to the server that this client reaches; answers lose the header fields in `without`.
    pub async fn start(behind: &Client, without: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Shared { behind: behind.clone(), without: without.to_vec(), asked: Mutex::default() };
        let shared = Arc::new(shared);
        tokio::spawn(accept(listener, shared.clone()));
        Self { address, shared }
    }

    /// The URL of a path here.
    #[must_use]
    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// The requests that arrived, each as `METHOD target`, in the order of their arrival.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        let service = service_fn(move |request| {
            let shared = shared.clone();
            async move { Ok::<_, Infallible>(shared.forward(request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Shared {
    async fn forward(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let what = format!("{} {}", head.method, head.uri);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(what.clone());
        let mut asked = self.behind.ask(head.method.as_str(), head.uri.to_string());
        for (name, value) in head.headers.iter().filter(|(name, _)| !framing(name)) {
            // The `Host` goes along: to the browser and to Keyway this is one origin.
            asked = asked.header(name.as_str(), value.to_str().expect("a browser's field is text"));
        }
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let answer = asked.body(body).try_send().await.unwrap_or_else(|lost| panic!("{what}: {}", lost.0));
        let mut response = Response::new(Full::new(answer.body));
        *response.status_mut() = answer.status.try_into().expect("a status");
        for (name, value) in answer.headers.iter().filter(|(name, _)| !framing(name)) {
            if !self.without.contains(&name.as_str()) {
                response.headers_mut().append(name, value.clone());
            }
        }
        response
    }
}

/// Fields that belong to one connection, or that follow from the body.
fn framing(name: &http::HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)
}
