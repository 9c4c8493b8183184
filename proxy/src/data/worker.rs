//! One worker: a thread with its own runtime, listener, links and limits. Nothing here is shared with another
//! thread but the bridge, which it looks at, and its metrics, which others look at.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::Instant;

use super::access::Access;
use super::admin::Admin;
use super::client;
use super::deadline::{Deadlines, TICK, Ticks, ticks};
use super::fault::Fault;
use super::replay::Pool;
use super::settings::Settings;
use super::upstream::{Dialler, Table};
use crate::metrics::WorkerMetrics;
use crate::view::Seat;

/// After an accept that failed for want of file descriptors: how long until the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The state of a worker, shared by its tasks.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) settings: Settings,
    pub(super) times: Times,
    pub(super) seat: Seat,
    table: RefCell<Rc<Table>>,
    pub(super) deadlines: Rc<Deadlines>,
    pub(super) metrics: Arc<WorkerMetrics>,
    pub(super) pool: Rc<Pool>,
    pub(super) dialler: Dialler,
    pub(super) admin: Option<Admin>,
    pub(super) access: Option<Access>,
    pub(super) http: http1::Builder,
    pub(super) stage: Cell<Stage>,
    /// What a client is told when too many are connected. It is not read first, and not waited for.
    crowded: Vec<u8>,
    /// Rings when a connection has ended.
    left: Notify,
}

/// The times of [`Settings`] that connections watch, in ticks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) keep_alive: Ticks,
    pub(super) head: Ticks,
    pub(super) body: Ticks,
    pub(super) answer: Ticks,
}

/// Where the worker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Everything is open.
    Serving,
    /// No new connections; every answer tells its client to close.
    Leaving,
    /// Connections without a request are closed.
    Closing,
}

/// What the other threads tell the workers: by when all has to be over. `None` = go on.
pub(super) type Stop = Option<Instant>;

impl Worker {
    pub(super) fn new(
        settings: Settings,
        secret: Bytes,
        seat: Seat,
        metrics: Arc<WorkerMetrics>,
        admin: Option<Admin>,
        access: Option<Access>,
    ) -> Rc<Self> {
        let table = Table::new(seat.newest(), None, &metrics);
        seat.adopt(table.routing.epoch());
        let mut http = http1::Builder::new();
        http.max_buf_size(settings.max_head.max(8192))
            .max_header_size(settings.max_head)
            // Our own deadlines tell a slow head from an idle connection, and cost no timer per request.
            .header_read_timeout(None)
            // A client that has said all it wants to say still gets its answer.
            .half_close(true);
        Rc::new(Self {
            times: Times {
                keep_alive: ticks(settings.keep_alive),
                head: ticks(settings.head_timeout),
                body: ticks(settings.body_idle),
                answer: ticks(settings.answer_timeout),
            },
            table: RefCell::new(Rc::new(table)),
            deadlines: Deadlines::new(),
            pool: Pool::new(settings.replay_pool),
            dialler: Dialler { timeout: settings.connect_timeout, secret, metrics: Arc::clone(&metrics) },
            seat,
            metrics,
            admin,
            access,
            http,
            stage: Cell::new(Stage::Serving),
            crowded: crowded(),
            left: Notify::new(),
            settings,
        })
    }

    /// What to route by: the newest view, at the price of one atomic load.
    pub(super) fn table(&self) -> Rc<Table> {
        if self.seat.is_behind() {
            let newest = self.seat.newest();
            let epoch = newest.epoch();
            let table = Table::new(newest, Some(&self.table.borrow()), &self.metrics);
            *self.table.borrow_mut() = Rc::new(table);
            self.seat.adopt(epoch);
        }
        Rc::clone(&self.table.borrow())
    }

    /// Serves until told to stop, then sees the clients off.
    pub(super) async fn run(self: Rc<Self>, listener: TcpListener, mut stop: watch::Receiver<Stop>) {
        spawn_local(Rc::clone(&self).keep_time());
        spawn_local(Rc::clone(&self).keep_up());
        // In a task of its own: the outermost future of a runtime costs a system call each time it is woken.
        let accepting = spawn_local(Rc::clone(&self).accept(listener, stop.clone()));
        let deadline = match stop.wait_for(Option::is_some).await {
            Ok(deadline) => *deadline,
            // Nobody is left who could stop us properly.
            Err(_) => None,
        };
        if let Some(deadline) = deadline {
            let _ = tokio::time::timeout_at(deadline, self.see_off(accepting)).await;
        }
    }

    async fn keep_time(self: Rc<Self>) {
        let mut clock = tokio::time::interval(TICK);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            clock.tick().await;
            self.deadlines.tick();
        }
    }

    /// Takes over new views while there are no requests.
    async fn keep_up(self: Rc<Self>) {
        loop {
            let epoch = self.table().routing.epoch();
            self.seat.bridge().wait_newer(epoch).await;
        }
    }

    async fn accept(self: Rc<Self>, listener: TcpListener, mut stop: watch::Receiver<Stop>) {
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(Option::is_some) => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.take_in(stream, peer),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        // Who is in the queue already must not be reset when the listener closes.
        while let Some(Ok((stream, peer))) = now(listener.accept()).await {
            self.take_in(stream, peer);
        }
    }

    fn take_in(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        if self.metrics.connections.get() >= self.settings.max_connections as u64 {
            self.metrics.turned_away.add(1);
            // A fresh socket has room for these few bytes; if not, the client sees the close alone. Past the
            // runtime, which does not know yet that the socket can be written to.
            let _ = stream.into_std().and_then(|mut stream| stream.write(&self.crowded));
            return;
        }
        // Only a delay if it fails, and then the connection is broken anyway.
        let _ = stream.set_nodelay(true);
        self.metrics.accepted.add(1);
        self.metrics.connections.add(1);
        let worker = Rc::clone(self);
        spawn_local(async move {
            // Given back when dropped, so that a panic in the connection does not count for ever.
            let _open = Open(Rc::clone(&worker));
            client::serve(worker, stream, peer).await;
        });
    }

    /// Lets every client finish what it began, and those who hold connections open notice.
    async fn see_off(&self, accepting: JoinHandle<()>) {
        self.stage.set(Stage::Leaving);
        let _ = accepting.await;
        let _ = tokio::time::timeout(self.settings.linger, self.emptied()).await;
        self.stage.set(Stage::Closing);
        self.deadlines.wake_all();
        self.emptied().await;
    }

    async fn emptied(&self) {
        while self.metrics.connections.get() > 0 {
            self.left.notified().await;
        }
    }
}

/// An open connection, counted until dropped.
struct Open(Rc<Worker>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.connections.sub(1);
        self.0.left.notify_one();
    }
}

/// What `future` says at once.
async fn now<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

/// [`Fault::Crowded`] as it goes over the wire: hyper never gets to see its client.
fn crowded() -> Vec<u8> {
    let (head, body) = Fault::Crowded.whole().into_parts();
    let body = body.into_inner().unwrap_or_default();
    let mut text =
        format!("HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n", head.status, body.len());
    for (name, value) in &head.headers {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    text.push_str("\r\n");
    [text.as_bytes(), &body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crowded_answer_is_framed_rightly() {
        let text = String::from_utf8(crowded()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
        for field in [
            &format!("content-length: {}", body.len()),
            "connection: close",
            "retry-after: 1",
            "proxy-status: keyway; error=connection_limit_reached",
            "x-content-type-options: nosniff",
        ] {
            assert!(head.contains(&format!("\r\n{field}")), "{field} in {head}");
        }
        assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap()["status"], 503);
    }
}
