//! The listening sockets: one per worker, all on one port.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel holds until a worker takes them; it caps this at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Why the proxy cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program has the port.
    #[error(
        "{0} is in use by another program, perhaps another keyway: stop that one, or listen elsewhere with --listen"
    )]
    InUse(SocketAddr),
    /// The system wants more rights for this port.
    #[error("this user may not listen on {0}: choose a port above 1023 with --listen")]
    Denied(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Opens one socket per worker on `address`.
pub(super) fn listen(
    mut address: SocketAddr,
    workers: NonZeroUsize,
) -> Result<Vec<TcpListener>, ListenError> {
    let explain = |address, source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse(address),
        io::ErrorKind::PermissionDenied => ListenError::Denied(address),
        _ => ListenError::Other { address, source },
    };
    // Sockets that share a port are let in next to each other even when they belong to two programs, and then
    // each gets half of the clients. A socket that does not share is refused if anybody listens: ask with one.
    open(address, false).map_err(|error| explain(address, error))?;
    let mut listeners = Vec::with_capacity(workers.get());
    for _ in 0..workers.get() {
        let listener = open(address, true).map_err(|error| explain(address, error))?;
        // With port 0 the first one chooses for all.
        address = listener.local_addr().map_err(|error| explain(address, error))?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn open(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier run that still linger do not count as use.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if shared {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn all_workers_share_the_port_that_the_first_one_got() {
        let listeners = listen(ANY, NonZeroUsize::new(3).unwrap()).unwrap();
        let first = listeners[0].local_addr().unwrap();
        assert_ne!(first.port(), 0);
        assert!(listeners.iter().all(|one| one.local_addr().unwrap() == first));
    }

    #[test]
    fn a_second_program_is_told_that_the_port_is_in_use() {
        let first = listen(ANY, NonZeroUsize::MIN).unwrap();
        let address = first[0].local_addr().unwrap();
        let error = listen(address, NonZeroUsize::MIN).unwrap_err();
        assert!(matches!(error, ListenError::InUse(_)));
        assert!(error.to_string().contains("--listen"));
        drop(first);
        listen(address, NonZeroUsize::MIN).unwrap();
    }
}
