//! A running server, and ways to ask it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kvnode::http::{Front, Settings};
use kvnode::serve::{Limits, listen, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::memory::Memory;

/// Whatever takes longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Http {
    One,
    Two,
}

/// Both versions: what holds must hold over either.
pub(crate) const BOTH: [Http; 2] = [Http::One, Http::Two];

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) memory: Memory,
    /// One message for each write that reached the map.
    pub(crate) arrivals: mpsc::UnboundedReceiver<()>,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) done: JoinHandle<std::io::Result<()>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// A header field, which must be there.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}")).to_str().unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The last word of a problem's type.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status, "{json}");
        assert!(json["title"].is_string(), "{json}");
        json["type"].as_str().unwrap().strip_prefix("urn:keyway:problem:").unwrap().to_owned()
    }
}

impl Site {
    pub(crate) async fn start() -> Self {
        // A drain that must wait for its end fails the test by its time, not by luck.
        let limits = Limits { drain: Duration::from_secs(600), ..Limits::default() };
        Self::with("n1", Settings::default(), limits).await
    }

    pub(crate) async fn with(name: &str, settings: Settings, limits: Limits) -> Self {
        let (memory, arrivals) = Memory::new(name);
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let front = Arc::new(Front::new(memory.clone(), settings));
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(async move {
            serve(listener, front, &limits, async move {
                let _ = stopped.await;
            })
            .await
        });
        Self { address, memory, arrivals, stop: Some(stop), done }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Announces the end.
    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(
        &self,
        http: Http,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = method.parse().unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let answering = async {
            let stream = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
            let answer = match http {
                Http::One => {
                    *request.uri_mut() = target.parse().unwrap();
                    request.headers_mut().insert(HOST, HeaderValue::from_static("test"));
                    let (mut link, connection) = http1::handshake(stream).await.unwrap();
                    tokio::spawn(connection);
                    link.send_request(request).await.unwrap()
                }
                Http::Two => {
                    *request.uri_mut() = format!("{}{target}", self.url()).parse().unwrap();
                    let (mut link, connection) =
                        http2::handshake(TokioExecutor::new(), stream).await.unwrap();
                    tokio::spawn(connection);
                    link.send_request(request).await.unwrap()
                }
            };
            let (head, body) = answer.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Reply { status: head.status.as_u16(), headers: head.headers, body }
        };
        timeout(PATIENCE, answering).await.unwrap()
    }

    pub(crate) async fn get(&self, http: Http, target: &str) -> Reply {
        self.ask(http, "GET", target, &[], "").await
    }

    pub(crate) async fn put(&self, target: &str, body: &'static str) -> Reply {
        self.ask(Http::One, "PUT", target, &[], body).await
    }

    /// A connection on which bytes are sent as they are.
    pub(crate) async fn wire(&self) -> Wire {
        Wire { stream: TcpStream::connect(self.address).await.unwrap(), left: Vec::new() }
    }
}

/// Bytes to and from the server.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    left: Vec<u8>,
}

impl Wire {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next answer; its body by `Content-Length`, none where `bodiless`.
    pub(crate) async fn answer(&mut self, bodiless: bool) -> Reply {
        let head_end = self.read_until(|left| left.windows(4).position(|it| it == b"\r\n\r\n")).await;
        let head = String::from_utf8(self.left.drain(..head_end + 4).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status: StatusCode = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let length = headers.get("content-length").map_or(0, |it| it.to_str().unwrap().parse().unwrap());
        let length = if bodiless { 0 } else { length };
        self.read_until(|left| (left.len() >= length).then_some(0)).await;
        let body: Vec<u8> = self.left.drain(..length).collect();
        Reply { status: status.as_u16(), headers, body: body.into() }
    }

    /// Whether the server closes the connection, without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        let read = timeout(PATIENCE, self.stream.read(&mut byte)).await.unwrap();
        self.left.is_empty() && matches!(read, Ok(0) | Err(_))
    }

    async fn read_until(&mut self, found: impl Fn(&[u8]) -> Option<usize>) -> usize {
        loop {
            if let Some(at) = found(&self.left) {
                return at;
            }
            let mut more = [0; 65536];
            let length = timeout(PATIENCE, self.stream.read(&mut more)).await.unwrap().unwrap();
            assert!(
                length > 0,
                "the connection ended within an answer: {:?}",
                String::from_utf8_lossy(&self.left)
            );
            self.left.extend_from_slice(&more[..length]);
        }
    }
}
