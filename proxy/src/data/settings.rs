//! Limits and times of the data path, all in one place.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use super::access::AccessSettings;

/// How the data path listens, and how much it bears. The defaults are those of `config/keyway.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where clients connect. Port 0: one free port, shared by all workers.
    pub listen: SocketAddr,
    /// Threads that serve clients, each with its own listener and its own connections to the nodes.
    pub workers: NonZeroUsize,
    /// Client connections per worker; one more is answered with 503 and closed.
    pub max_connections: usize,
    /// Requests in flight per worker and node; one more is answered with 503.
    pub max_in_flight: usize,
    /// Bytes of one request body that are kept until the answer, so that it can be sent again.
    pub replay_buffer: usize,
    /// Bytes of all kept bodies of one worker. A body that finds no room is sent all the same, but once only.
    pub replay_pool: usize,
    /// Bytes of a request's head, and of one read: a longer head is answered with 431.
    pub max_head: usize,
    /// How long a client may be silent between two requests.
    pub keep_alive: Duration,
    /// How long a client may take to send a request's head.
    pub head_timeout: Duration,
    /// How long either side may be silent in the middle of a body.
    pub body_idle: Duration,
    /// How long a connection to a node may take to be made.
    pub connect_timeout: Duration,
    /// How long a node may take to answer once it has the whole request.
    pub answer_timeout: Duration,
    /// For how long a request is sent again that was surely not applied.
    pub resend_for: Duration,
    /// How often, at most.
    pub max_resends: u32,
    /// At the end: how long clients may still use connections that they hold open, before idle ones are closed.
    /// Each answer in that time tells the client to close, so that no request meets a closing connection.
    pub linger: Duration,
    /// What is logged of requests.
    pub access: AccessSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 5000)),
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            max_connections: 20_000,
            max_in_flight: 4096,
            replay_buffer: 1 << 20,
            replay_pool: 32 << 20,
            max_head: 64 << 10,
            keep_alive: Duration::from_secs(60),
            head_timeout: Duration::from_secs(10),
            body_idle: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(1),
            answer_timeout: Duration::from_secs(10),
            resend_for: Duration::from_secs(5),
            max_resends: 20,
            linger: Duration::from_millis(300),
            access: AccessSettings::default(),
        }
    }
}
