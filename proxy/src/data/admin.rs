//! Requests for the admin plane: handed to the control runtime, so that nothing it does can hold up data.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use tokio::runtime::Handle;

use super::answer::{Body, BodyError};
use super::fault::Fault;

/// The body of an admin answer: any body of [`Bytes`], boxed with `boxed_unsync()`.
pub type AdminBody = UnsyncBoxBody<Bytes, BodyError>;

/// An answer of the admin service on its way.
pub type AdminFuture = Pin<Box<dyn Future<Output = Response<AdminBody>> + Send>>;

/// Who answers `/add-server`, `/remove-server` and everything under `/admin`.
pub trait AdminService: Send + Sync + 'static {
    /// Answers a request as it came from `peer`, fields untouched. Runs on the control runtime, and to its end
    /// even if the client goes away.
    fn call(&self, request: Request<Incoming>, peer: SocketAddr) -> AdminFuture;
}

impl<F, A> AdminService for F
where
    F: Fn(Request<Incoming>, SocketAddr) -> A + Send + Sync + 'static,
    A: Future<Output = Response<AdminBody>> + Send + 'static,
{
    fn call(&self, request: Request<Incoming>, peer: SocketAddr) -> AdminFuture {
        Box::pin(self(request, peer))
    }
}

/// The admin service and the runtime that it runs on.
#[derive(Clone)]
pub struct Admin {
    control: Handle,
    service: Arc<dyn AdminService>,
}

impl Admin {
    /// `service`, run on the runtime of `control`.
    pub fn new(control: Handle, service: impl AdminService) -> Self {
        Self { control, service: Arc::new(service) }
    }

    /// Has a request answered over there.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response<Body>, Fault> {
        let service = Arc::clone(&self.service);
        let answer = self.control.spawn(async move { service.call(request, peer).await });
        match answer.await {
            Ok(response) => Ok(response.map(Body::admin)),
            Err(error) => {
                tracing::error!(%error, "the admin service failed over a request");
                Err(Fault::AdminGone)
            }
        }
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}
