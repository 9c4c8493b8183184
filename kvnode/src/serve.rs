//! Listens, and serves connections until told to stop: HTTP/1.1, and HTTP/2 to who begins with its preface.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::http::{Front, Service};

mod connection;
mod room;
mod socket;

use room::{House, Lane, Room};
pub use socket::Socket;

/// How many connections the system may hold ready for us to accept.
const BACKLOG: i32 = 4096;
/// A peer that acknowledges nothing for so long, or takes nothing in, is gone.
const SILENCE: Duration = Duration::from_secs(30);

/// The limits that the listener keeps.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Threads that serve connections.
    pub threads: usize,
    /// Connections at once.
    pub connections: usize,
    /// From accepting a connection, or from its last answer, to the end of the next request's header.
    pub header_timeout: Duration,
    /// The largest header in bytes.
    pub header_size: usize,
    /// How long requests under way may take after the end was announced.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            threads: 1,
            connections: 8192,
            header_timeout: Duration::from_secs(10),
            header_size: 64 << 10,
            drain: Duration::from_secs(10),
        }
    }
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", hint(.cause))]
pub struct BindError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub cause: io::Error,
}

fn hint(cause: &io::Error) -> String {
    let what_to_do = match cause.kind() {
        io::ErrorKind::AddrInUse => {
            "another process listens there; choose another port with --listen (0 = any free one), or stop it"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; 127.0.0.1 is for this machine only, 0.0.0.0 for everyone"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need special rights; choose a higher one with --listen"
        }
        _ => return cause.to_string(),
    };
    format!("{cause}: {what_to_do}")
}

/// Listens on `address`; connections wait until [`serve`] accepts them.
///
/// # Errors
/// [`BindError`], in words for the user.
pub fn listen(address: SocketAddr) -> Result<std::net::TcpListener, BindError> {
    let open = || {
        let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restarted node must not wait for connections of the one before to time out.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    open().map_err(|cause| BindError { address, cause })
}

/// Serves connections until `shutdown` is done; then accepts no more, lets what is under way finish for at most
/// `limits.drain`, and closes what is left.
///
/// The present runtime takes its share of the connections, further threads the others in turn. Each should run
/// on one thread: a request that never changes threads costs about half of one that may.
///
/// # Errors
/// An [`io::Error`] where the listener does not fit the runtime, or a thread cannot be started.
pub async fn serve<S: Service>(
    listener: std::net::TcpListener,
    front: Arc<Front<S>>,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let (close, closing) = watch::channel(false);
    let house = Arc::new(House::new(front, limits, closing));
    let mut room = Room::new(Arc::clone(&house));
    let lanes =
        (1..limits.threads).map(|_| Lane::start(Arc::clone(&house))).collect::<io::Result<Vec<_>>>()?;
    let mut turns = (0..=lanes.len()).cycle();
    tokio::pin!(shutdown);
    loop {
        let stream = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            },
        };
        if let Err(error) = prepare(&stream) {
            debug!(%error, "a connection broke before its first byte");
            continue;
        }
        match turns.next().and_then(|turn| lanes.get(turn)) {
            Some(lane) => lane.take(stream),
            None => room.take(stream),
        }
    }
    drop(listener);
    let _ = close.send(true);
    // All at once, so that the drain time is one for all.
    let emptied: Vec<_> = lanes.into_iter().map(Lane::close).collect();
    room.empty().await;
    for lane in emptied {
        let _ = lane.await;
    }
    Ok(())
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    // An answer must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENCE).with_interval(SILENCE / 3))?;
    // Also ends connections to clients that never read their answer, which would keep it in memory.
    socket.set_tcp_user_timeout(Some(SILENCE))
}

/// Out of file descriptors, most likely: trying again at once would only burn the processor.
async fn pause_after(error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    warn!(%error, "cannot accept connections for the moment");
    tokio::time::sleep(Duration::from_millis(100)).await;
}
