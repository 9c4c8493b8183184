//! Asks the admin plane.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kvnode::config::mistakes::Mistakes;
use serde_json::Value;
use tokio::net::TcpStream;

use super::reply::{Asked, Reply};
use super::{Failed, UNREACHABLE};
use crate::config::address::node_url;
use crate::config::secret::{ADMIN_TOKEN, Secret};

/// How long a connection may take, and how long an answer from memory.
const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy to ask.
#[derive(Debug)]
pub(super) struct Client {
    asked: Asked,
    token: Option<Secret>,
}

impl Client {
    /// The proxy at `url`, with the admin's token from the environment.
    pub(super) fn new(url: &str) -> Result<Self, Failed> {
        let url = node_url(url).map_err(|error| Failed { code: 2, message: error })?;
        let mut mistakes = Mistakes::default();
        let token = Secret::from_environment(ADMIN_TOKEN, &|name| std::env::var(name).ok(), &mut mistakes);
        let token = mistakes.or(token).map_err(|error| Failed { code: 2, message: error.to_string() })?;
        // Both may not be set, so it came from the other one where it did not come from this.
        let of_file = || format!("{ADMIN_TOKEN}_FILE");
        let variable = std::env::var_os(ADMIN_TOKEN).map_or_else(of_file, |_| ADMIN_TOKEN.to_owned());
        Ok(Self { asked: Asked { url, token: token.is_some().then_some(variable) }, token })
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
        let url = &self.asked.url;
        let authority = url.trim_start_matches("http://");
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let address = (host.trim_matches(['[', ']']), crate::config::address::port_of(url).unwrap_or(80));
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
        let text = String::from_utf8_lossy(&body).into_owned();
        Ok(Reply { status: head.status, text, asked: self.asked.clone() })
    }

    fn unreachable(&self, error: &dyn Display) -> Failed {
        let message = format!(
            "the proxy at {} cannot be asked: {error}. Is it running? KEYWAY_URL or --url says where.",
            self.asked.url
        );
        Failed { code: UNREACHABLE, message }
    }
}
