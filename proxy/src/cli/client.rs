//! Asks the admin plane.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kvnode::config::mistakes::Mistakes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;

use super::{Failed, UNREACHABLE, WRONG};
use crate::config::address::node_url;
use crate::config::secret::{ADMIN_TOKEN, Secret};

/// How long a connection may take, and how long an answer from memory.
const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy to ask.
#[derive(Debug)]
pub(super) struct Client {
    url: String,
    token: Option<Secret>,
}

/// What it said.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// As it came.
    pub(super) text: String,
}

impl Client {
    /// The proxy at `url`, with the admin's token from the environment.
    pub(super) fn new(url: &str) -> Result<Self, Failed> {
        let url = node_url(url).map_err(|error| Failed { code: 2, message: error })?;
        let mut mistakes = Mistakes::default();
        let token = Secret::from_environment(ADMIN_TOKEN, &|name| std::env::var(name).ok(), &mut mistakes);
        let token = mistakes.or(token).map_err(|error| Failed { code: 2, message: error.to_string() })?;
        Ok(Self { url, token })
    }

    /// Asks, and gives the answer where it is a good one; a problem becomes a failure.
    pub(super) async fn ask(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Reply, Failed> {
        let reply = self.send(method, target, body, PATIENCE).await?;
        if reply.status.is_success() { Ok(reply) } else { Err(reply.refusal()) }
    }

    /// Asks, waits at most for `patience`, and gives the answer whatever it is.
    pub(super) async fn send(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
        patience: Duration,
    ) -> Result<Reply, Failed> {
        match tokio::time::timeout(patience, self.exchange(method, target, body)).await {
            Ok(replied) => replied,
            Err(_) => Err(self.unreachable(&format!("it did not answer within {patience:?}"))),
        }
    }

    async fn exchange(&self, method: Method, target: &str, body: Option<&Value>) -> Result<Reply, Failed> {
        let authority = self.url.trim_start_matches("http://");
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let address =
            (host.trim_matches(['[', ']']), crate::config::address::port_of(&self.url).unwrap_or(80));
        let stream = TcpStream::connect(address).await.map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.unreachable(&error))?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(target).header(HOST, authority);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map_or(Bytes::new(), |body| body.to_string().into());
        let request = request.body(Full::new(body)).map_err(|error| self.unreachable(&error))?;
        let (head, body) =
            sender.send_request(request).await.map_err(|error| self.unreachable(&error))?.into_parts();
        let body = body.collect().await.map_err(|error| self.unreachable(&error))?.to_bytes();
        Ok(Reply { status: head.status, text: String::from_utf8_lossy(&body).into_owned() })
    }

    fn unreachable(&self, error: &dyn Display) -> Failed {
        let message = format!(
            "the proxy at {} cannot be asked: {error}. Is it running? KEYWAY_URL or --url says where.",
            self.url
        );
        Failed { code: UNREACHABLE, message }
    }
}

impl Reply {
    /// The document that it is.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failed> {
        serde_json::from_str(&self.text).map_err(|error| Failed {
            code: WRONG,
            message: format!(
                "the answer cannot be understood ({error}); is this a proxy of the same version?"
            ),
        })
    }

    /// What a problem says, in one line.
    pub(super) fn refusal(&self) -> Failed {
        let problem: Value = serde_json::from_str(&self.text).unwrap_or_default();
        let said = |name: &str| problem.get(name).and_then(Value::as_str);
        let message = match (said("title"), said("detail")) {
            (Some(title), Some(detail)) => format!("{title}: {detail}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => format!("the proxy answered {}", self.status),
        };
        Failed { code: WRONG, message }
    }
}
