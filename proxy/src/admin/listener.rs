//! A port of its own for the admin plane, where one is configured. It is served on the control runtime.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

use super::Admin;
use crate::control::Control;

/// Operators and their tools are few.
const CONNECTIONS: usize = 256;
/// How long an asker may take to say what it wants, and how long it may keep an idle connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// A running listener; dropping it closes it and its connections.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    task: AbortHandle,
}

impl Listener {
    /// Serves `admin` on `listener`, on the present runtime.
    ///
    /// # Errors
    /// Where the socket cannot be used.
    pub fn start<C: Control>(listener: std::net::TcpListener, admin: Admin<C>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let task = tokio::spawn(accept(listener, admin)).abort_handle();
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept<C: Control>(listener: TcpListener, admin: Admin<C>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Ends its tasks when this one ends.
    let mut connections = JoinSet::new();
    loop {
        // Whoever comes when all places are taken waits in the listener's queue.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let admin = admin.clone();
                connections.spawn(async move {
                    serve(stream, peer, admin).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection for administration: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve<C: Control>(stream: TcpStream, peer: SocketAddr, admin: Admin<C>) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let admin = admin.clone();
        async move { Ok::<_, std::convert::Infallible>(admin.handle(request, peer).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%peer, "an admin connection broke: {error}");
    }
}
