//! Which port a node of our own listens on.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};

use hashring::NodeName;

/// The ports that are given out on one address.
#[derive(Debug)]
pub(super) struct Ports {
    ip: IpAddr,
    /// The first port to try; 0 = let the system choose.
    first: u16,
    given: Mutex<BTreeMap<NodeName, u16>>,
}

impl Ports {
    pub(super) fn new(ip: IpAddr, first: u16) -> Self {
        Self { ip, first, given: Mutex::default() }
    }

    /// The next port that nobody listens on, `avoid` has not, and no node of ours was given.
    pub(super) fn next_free(&self, avoid: impl Fn(u16) -> bool) -> io::Result<SocketAddr> {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = |port: u16| avoid(port) || given.values().any(|&other| other == port);
        if self.first == 0 {
            return any_port(self.ip, taken);
        }
        (self.first..=u16::MAX)
            .filter(|&port| !taken(port))
            .map(|port| SocketAddr::new(self.ip, port))
            .find(|&address| is_free(address))
            .ok_or_else(|| none_left(self.ip, self.first))
    }

    /// Remembers that `name` uses `port`, so that no other node of ours gets it.
    pub(super) fn give(&self, name: &NodeName, port: u16) {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), port);
    }

    /// The node needs its port no more.
    pub(super) fn give_back(&self, name: &NodeName) {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// Whether a listener could be opened there at this moment.
pub(super) fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

fn any_port(ip: IpAddr, taken: impl Fn(u16) -> bool) -> io::Result<SocketAddr> {
    // The system seldom names the same port twice in a row; what it named before is held until we have one.
    let mut held = Vec::new();
    for _ in 0..100 {
        let listener = TcpListener::bind((ip, 0))?;
        let address = listener.local_addr()?;
        if !taken(address.port()) {
            return Ok(address);
        }
        held.push(listener);
    }
    Err(none_left(ip, 0))
}

fn none_left(ip: IpAddr, first: u16) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, format!("no free port on {ip} from {first} on"))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_port_in_use_is_passed_over() {
        let busy = TcpListener::bind((HERE, 0)).unwrap();
        let first = busy.local_addr().unwrap().port();
        let free = Ports::new(HERE, first).next_free(|_| false).unwrap();
        assert!(free.port() > first);
    }

    #[test]
    fn a_port_is_given_to_one_node_only() {
        let ports = Ports::new(HERE, 0);
        let (one, two): (NodeName, NodeName) = ("n1".parse().unwrap(), "n2".parse().unwrap());
        let base = ports.next_free(|_| false).unwrap().port();
        let ports = Ports::new(HERE, base);
        let first = ports.next_free(|_| false).unwrap().port();
        ports.give(&one, first);
        let second = ports.next_free(|_| false).unwrap().port();
        ports.give(&two, second);
        assert_ne!(first, second);
        ports.give_back(&one);
        assert_ne!(ports.next_free(|port| port == first).unwrap().port(), first);
    }

    #[test]
    fn an_address_of_another_machine_is_an_error() {
        let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        assert!(Ports::new(elsewhere, 0).next_free(|_| false).is_err());
    }
}
