//! The admin plane: everything under `/admin/`, `POST /add-server` and `POST /remove-server`.
//!
//! A request's way: [`access`] decides whether the asker may; `body` takes in what it sent, bounded; `api` finds
//! the subject by path and method; the subject reads its `fields` and `query`, asks [`Control`], and gives an
//! answer. All of it runs on the control runtime, so that no data worker spends its time on it.

pub mod access;
mod answer;
mod api;
mod body;
pub mod documents;
mod fields;
pub mod history;
pub mod listener;
mod query;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri, request};
use http_body::Body;
use kvnode::problem::{Kind, Problem};

use crate::config::secret::Secret;
use crate::control::Control;
use crate::metrics::Metrics;
use crate::view::Bridge;
use access::Access;
pub use answer::Answer;
use answer::Fault;
use history::History;

/// What the admin plane is made of.
pub struct Parts<C> {
    /// Who decides about the cluster.
    pub control: Arc<C>,
    /// What this proxy routes by.
    pub bridge: Arc<Bridge>,
    /// Who may ask.
    pub access: Access,
    /// The cluster's secret, which a joining node shows.
    pub secret: Secret,
    /// What the data path counts; it starts after the admin plane.
    pub metrics: Arc<OnceLock<Arc<Metrics>>>,
    /// The last minutes of that.
    pub history: Arc<History>,
}

/// Answers admin requests. Cheap to clone.
pub struct Admin<C> {
    parts: Arc<Parts<C>>,
}

/// An admitted request with its whole body.
#[derive(Debug)]
struct Call {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl<C: Control> Admin<C> {
    /// An admin plane made of `parts`.
    #[must_use]
    pub fn new(parts: Parts<C>) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Answers one request that came from `peer`.
    pub async fn handle<B>(&self, request: Request<B>, peer: SocketAddr) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        let answered = match self.admit(request, peer).await {
            Ok(call) => api::route(&self.parts, &call).await,
            Err(fault) => Err(fault),
        };
        answered.unwrap_or_else(|fault| answer::of_fault(*fault))
    }

    async fn admit<B>(&self, request: Request<B>, peer: SocketAddr) -> Result<Call, Fault>
    where
        B: Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        let (request::Parts { method, uri, headers, .. }, body) = request.into_parts();
        if !is_open(uri.path()) {
            self.parts.access.check(&method, &uri, &headers, peer.ip())?;
        }
        let body = if method.is_safe() { Bytes::new() } else { body::take(body).await? };
        Ok(Call { method, uri, headers, body })
    }
}

/// Probes carry no token, and a node that comes or goes shows the cluster's secret instead. A browser cannot show a token
/// for a page that it opens: the page is the same for everyone, and asks for the token itself.
fn is_open(path: &str) -> bool {
    matches!(
        path,
        "/admin/live" | "/admin/ready" | "/admin/join" | "/admin/leave" | "/admin" | "/admin/stats"
    ) || path.starts_with(api::page::FOLDER)
}

fn broken(error: &dyn fmt::Display) -> Fault {
    tracing::error!("an admin request failed: {error}");
    Problem::new(Kind::Internal)
        .detail("The log of the proxy says more. Whether anything was changed is shown by /admin/changes.")
        .into()
}

impl<C> Clone for Admin<C> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

impl<C> fmt::Debug for Admin<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("access", &self.parts.access).finish_non_exhaustive()
    }
}
