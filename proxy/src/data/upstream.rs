//! The nodes as one worker knows them: a link to each, made when it is first needed and made again when it
//! breaks.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kvnode::fence::address;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::link::{Driver, Link};
use crate::metrics::{NodeMetrics, WorkerMetrics};
use crate::view::{Routing, Target};

/// The wait before a failed dial is repeated: doubled with each failure, from the first to the second.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// A view with this worker's links. Requests hold on to the one they were routed by.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) routing: Arc<Routing>,
    /// In the order of the targets of `routing`.
    pub(super) nodes: Vec<Rc<Node>>,
}

/// One process of a node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) target: Arc<Target>,
    /// `<cluster>/<node id>/<boot>`; `None` until the view knows both.
    pub(super) identity: Option<String>,
    /// What is counted for it, also across its processes.
    pub(super) metrics: Arc<NodeMetrics>,
    /// Requests to this process that are under way.
    in_flight: Cell<usize>,
    state: RefCell<State>,
    /// Rings when a dial has ended.
    dialled: Notify,
}

#[derive(Debug)]
enum State {
    /// No link.
    Apart {
        /// How often in a row it could not be made, and why last.
        failures: u32,
        trouble: Option<DialError>,
        not_before: Option<Instant>,
    },
    /// It is being made.
    Dialling { failures: u32, trouble: Option<DialError> },
    Linked {
        link: Rc<Link>,
        /// The turns of the node's health when it was dialled.
        turns: u32,
    },
}

/// Why a node cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DialError {
    #[error("it refuses connections")]
    Refused,
    #[error("it does not answer to connection attempts")]
    TimedOut,
    #[error("its name has no address ({0})")]
    Name(String),
    #[error("{0:?} is no URL of a node, which begins with http://")]
    Url(String),
    #[error("{0}")]
    Other(String),
}

/// A request that is in flight to a node; counted until dropped.
#[derive(Debug)]
pub(super) struct InFlight(Rc<Node>);

/// What a dial needs to know.
#[derive(Debug, Clone)]
pub(super) struct Dialler {
    pub(super) timeout: Duration,
    /// The cluster's secret.
    pub(super) secret: Bytes,
    pub(super) metrics: Arc<WorkerMetrics>,
}

impl Table {
    /// The table for `routing`. Links to processes that are still the same are taken over; the others close by
    /// themselves when their last request has ended.
    pub(super) fn new(routing: Arc<Routing>, previous: Option<&Self>, metrics: &WorkerMetrics) -> Self {
        metrics.keep_nodes(|name| routing.target(name).is_some());
        let known = previous.map_or(&[][..], |table| &table.nodes);
        let nodes = routing
            .targets
            .iter()
            .map(|target| {
                // Both are in name order.
                let at = known.binary_search_by(|node| node.target.name.cmp(&target.name));
                match at.ok().and_then(|at| known.get(at)) {
                    Some(node) if node.target.is_same_process(target) => Rc::clone(node),
                    _ => Rc::new(Node::new(Arc::clone(target), &routing, metrics.node(&target.name))),
                }
            })
            .collect();
        Self { nodes, routing }
    }
}

impl Node {
    fn new(target: Arc<Target>, routing: &Routing, metrics: Arc<NodeMetrics>) -> Self {
        let identity = target.id.zip(target.boot).map(|(id, boot)| address(routing.view.cluster, id, boot));
        Self {
            target,
            identity,
            metrics,
            in_flight: Cell::new(0),
            state: RefCell::new(State::APART),
            dialled: Notify::new(),
        }
    }

    /// Counts one more request in flight; `None` where there are `limit` already.
    pub(super) fn enter(self: &Rc<Self>, limit: usize) -> Option<InFlight> {
        let in_flight = self.in_flight.get();
        (in_flight < limit).then(|| {
            self.in_flight.set(in_flight + 1);
            self.metrics.in_flight.add(1);
            InFlight(Rc::clone(self))
        })
    }

    /// The link, if there is one, and the node was never down since it was made: after a silence a connection may
    /// stay stuck for about as long again, because TCP waits ever longer before it sends again.
    pub(super) fn linked(&self) -> Option<Rc<Link>> {
        let mut state = self.state.borrow_mut();
        match &*state {
            State::Linked { link, turns } if *turns == self.target.health.turns() => Some(Rc::clone(link)),
            State::Linked { .. } => {
                *state = State::APART;
                None
            }
            State::Apart { .. } | State::Dialling { .. } => None,
        }
    }

    /// The link; made if need be. While a node is known to be unreachable this fails at once, and after each
    /// back-off one request tries for all.
    pub(super) async fn link(self: &Rc<Self>, dialler: &Dialler) -> Result<Rc<Link>, DialError> {
        let mut dials_itself = false;
        loop {
            let dialled = self.dialled.notified();
            if let Some(link) = self.linked() {
                return Ok(link);
            }
            match &*self.state.borrow() {
                State::Apart { trouble: Some(trouble), .. } if dials_itself => return Err(trouble.clone()),
                State::Apart { trouble: Some(trouble), not_before: Some(time), .. }
                    if Instant::now() < *time =>
                {
                    return Err(trouble.clone());
                }
                State::Dialling { trouble: Some(trouble), .. } if !dials_itself => {
                    return Err(trouble.clone());
                }
                State::Apart { .. } | State::Dialling { .. } | State::Linked { .. } => {}
            }
            if self.begin_dial() {
                dials_itself = true;
                // Not dialled by this request itself: its client may go away, while others wait for the link.
                tokio::task::spawn_local(Rc::clone(self).dial(dialler.clone()));
            }
            dialled.await;
        }
    }

    async fn open(&self, secret: Bytes) -> Result<(Link, Driver), DialError> {
        let target = &self.target;
        let authority = target.authority.as_deref().ok_or_else(|| DialError::Url(target.url.clone()))?;
        let stream = connect(authority).await?;
        // Requests are gathered into one write anyway; the kernel must not wait for more.
        stream.set_nodelay(true)?;
        Ok(Link::open(stream, secret, self.identity.clone().unwrap_or_default()).await?)
    }

    fn begin_dial(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let State::Apart { failures, trouble, .. } = &mut *state else { return false };
        *state = State::Dialling { failures: *failures, trouble: trouble.take() };
        true
    }

    async fn dial(self: Rc<Self>, dialler: Dialler) {
        let turns = self.target.health.turns();
        let opened = tokio::time::timeout(dialler.timeout, self.open(dialler.secret.clone())).await;
        match opened.unwrap_or(Err(DialError::TimedOut)) {
            Ok((link, driver)) => {
                dialler.metrics.dials.add(1);
                let link = Rc::new(link);
                *self.state.borrow_mut() = State::Linked { link: Rc::clone(&link), turns };
                self.dialled.notify_waiters();
                // The link's own handles must not keep it open once this node is forgotten.
                let (node, link) = (Rc::downgrade(&self), Rc::downgrade(&link));
                drop(self);
                if let Err(error) = driver.await {
                    tracing::debug!(%error, "a link to a node broke");
                }
                if let (Some(node), Some(link)) = (node.upgrade(), link.upgrade()) {
                    node.retire(&link);
                }
            }
            Err(trouble) => {
                dialler.metrics.failed_dials.add(1);
                self.dial_failed(trouble);
            }
        }
    }

    fn dial_failed(&self, trouble: DialError) {
        let mut state = self.state.borrow_mut();
        let failures = match &*state {
            State::Dialling { failures, .. } => *failures + 1,
            _ => 1,
        };
        let wait = (BACK_OFF.0 * 2u32.pow(failures.min(10) - 1)).min(BACK_OFF.1);
        if failures == 1 {
            tracing::warn!(node = %self.target.name, url = %self.target.url, %trouble, "a node cannot be reached");
        }
        let not_before = Some(Instant::now() + wait);
        *state = State::Apart { failures, trouble: Some(trouble), not_before };
        drop(state);
        self.dialled.notify_waiters();
    }

    /// Gives no more requests to a link that is broken, or stuck. Those in flight keep it to their end.
    pub(super) fn retire(&self, link: &Rc<Link>) {
        let mut state = self.state.borrow_mut();
        if matches!(&*state, State::Linked { link: current, .. } if Rc::ptr_eq(current, link)) {
            *state = State::APART;
        }
    }
}

impl State {
    /// No link, and no reason not to make one.
    const APART: Self = Self::Apart { failures: 0, trouble: None, not_before: None };
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
        self.0.metrics.in_flight.sub(1);
    }
}

impl DialError {
    /// The error type of RFC 9209.
    pub(super) fn token(&self) -> &'static str {
        match self {
            Self::Refused => "connection_refused",
            Self::TimedOut => "connection_timeout",
            Self::Name(_) => "dns_error",
            Self::Url(_) | Self::Other(_) => "destination_unavailable",
        }
    }
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Other(error.to_string()),
        }
    }
}

async fn connect(authority: &str) -> Result<TcpStream, DialError> {
    if let Ok(address) = authority.parse::<SocketAddr>() {
        return Ok(TcpStream::connect(address).await?);
    }
    let name = |error: io::Error| DialError::Name(error.to_string());
    let mut trouble = DialError::Name("none".to_owned());
    for address in tokio::net::lookup_host(authority).await.map_err(name)? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => trouble = error.into(),
        }
    }
    Err(trouble)
}
