//! An HTTP/1.1 client that keeps its connections, as real clients do.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::answer::Answer;

/// How long a client waits for a whole answer. Longer than any time-out of Keyway.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of one server. Clones share its connections and its address.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: Mutex<SocketAddr>,
    /// Goes with every request.
    fields: HeaderMap,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

/// A request to be.
#[derive(Debug, Clone)]
#[must_use]
pub struct Asked {
    client: Client,
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

/// No answer came: whether the request had an effect is unknown.
#[derive(Debug)]
pub struct Lost(pub String);

impl Client {
    /// A client of the server at this address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self::with(address, HeaderMap::new())
    }

    fn with(address: SocketAddr, fields: HeaderMap) -> Self {
        let shared = Shared { address: Mutex::new(address), fields, idle: Mutex::new(Vec::new()) };
        Self { shared: Arc::new(shared) }
    }

    /// One that shows this token with every request.
    #[must_use]
    pub fn bearing(&self, token: &str) -> Self {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a token is text");
        Self::with(self.address(), HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]))
    }

    /// A client of the server with this URL, such as `http://127.0.0.1:5001`.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        Self::new(address.parse().unwrap_or_else(|error| panic!("{url:?} has no address: {error}")))
    }

    /// One that shares the address, but no connections.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self::with(self.address(), self.shared.fields.clone())
    }

    /// Where requests go.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        *locked(&self.shared.address)
    }

    /// The server was started again elsewhere: requests of all clones go there from now on.
    pub fn follow(&self, address: SocketAddr) {
        *locked(&self.shared.address) = address;
        locked(&self.shared.idle).clear();
    }

    /// A request with any method and target.
    pub fn ask(&self, method: &str, target: impl Into<String>) -> Asked {
        Asked {
            client: self.clone(),
            method: Method::from_bytes(method.as_bytes()).expect("a method"),
            target: target.into(),
            headers: self.shared.fields.clone(),
            body: Bytes::new(),
        }
    }

    /// `PUT /kv?key=..`.
    pub fn put(&self, key: impl AsRef<[u8]>, value: impl Into<Bytes>) -> Asked {
        self.ask("PUT", kv(key)).body(value)
    }

    /// `GET /kv?key=..`.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Asked {
        self.ask("GET", kv(key))
    }

    /// `HEAD /kv?key=..`.
    pub fn head(&self, key: impl AsRef<[u8]>) -> Asked {
        self.ask("HEAD", kv(key))
    }

    /// `DELETE /kv?key=..`.
    pub fn delete(&self, key: impl AsRef<[u8]>) -> Asked {
        self.ask("DELETE", kv(key))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Lost> {
        let address = self.address();
        let failed = |error: &dyn std::fmt::Display| Lost(format!("no connection to {address}: {error}"));
        let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        let (send, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        Ok(send)
    }

    /// An idle connection may be closed by the server just as it is used; hyper then hands the request back
    /// unsent, and it goes out on another one. A request that was sent is never repeated.
    async fn exchange(&self, mut request: Request<Full<Bytes>>) -> Result<(Response<Incoming>, Kept), Lost> {
        loop {
            let idle = locked(&self.shared.idle).pop();
            let fresh = idle.is_none();
            let mut connection = match idle {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            if connection.ready().await.is_err() && !fresh {
                continue;
            }
            match connection.try_send_request(request).await {
                Ok(response) => return Ok((response, Kept { connection })),
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !fresh => request = unsent,
                    _ => return Err(Lost(format!("{:?}", error.into_error()))),
                },
            }
        }
    }
}

/// A connection that is busy with an answer.
struct Kept {
    connection: SendRequest<Full<Bytes>>,
}

impl Asked {
    /// One more header field.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a field name");
        self.headers.append(name, HeaderValue::from_str(value).expect("a field value"));
        self
    }

    /// The body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// A JSON body and its content type.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Sends it and takes in the whole answer.
    ///
    /// # Panics
    /// Where no answer comes.
    pub async fn send(self) -> Answer {
        let what = self.describe();
        self.try_send().await.unwrap_or_else(|lost| panic!("{what}: no answer: {}", lost.0))
    }

    /// Sends it and takes in the whole answer.
    ///
    /// # Errors
    /// [`Lost`] where no complete answer came.
    pub async fn try_send(self) -> Result<Answer, Lost> {
        let what = self.describe();
        match tokio::time::timeout(PATIENCE, self.exchange(&what)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Lost(format!("no answer within {PATIENCE:?}"))),
        }
    }

    async fn exchange(self, what: &str) -> Result<Answer, Lost> {
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target.parse().unwrap_or_else(|error| panic!("{what}: {error}"));
        *request.headers_mut() = self.headers;
        let host = HeaderValue::from_str(&self.client.address().to_string()).expect("an address is text");
        request.headers_mut().entry(http::header::HOST).or_insert(host);
        let (response, kept) = self.client.exchange(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| Lost(format!("half an answer: {error}")))?.to_bytes();
        if !kept.connection.is_closed() {
            locked(&self.client.shared.idle).push(kept.connection);
        }
        Ok(Answer::new(what.to_owned(), head.status, head.headers, body))
    }

    fn describe(&self) -> String {
        let target: String = self.target.chars().take(200).collect();
        format!("{} {target}", self.method)
    }
}

/// The target of a key on the plain data path.
#[must_use]
pub fn kv(key: impl AsRef<[u8]>) -> String {
    format!("/kv?key={}", escaped(key))
}

/// Percent-encodes all but RFC 3986's unreserved characters.
#[must_use]
pub fn escaped(bytes: impl AsRef<[u8]>) -> String {
    let mut text = String::new();
    for &byte in bytes.as_ref() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_key_survives_a_query() {
        assert_eq!(kv("a b+c&d%é"), "/kv?key=a%20b%2Bc%26d%25%C3%A9");
        assert_eq!(escaped([0, 255]), "%00%FF");
    }
}
