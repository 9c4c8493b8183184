//! One client's connection: what it is doing, how long it may, and how it ends.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::header::HOST;
use http::request::Parts;
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::access::Entry;
use super::deadline::{Deadline, NEVER, Ticks};
use super::fault::Fault;
use super::forward;
use super::origin::Origin;
use super::route;
use super::socket::Socket;
use super::worker::{Stage, Worker};
use crate::metrics::MethodKind;

/// What a client is told that did not finish a request's head in time.
const SLOW_HEAD: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How long, and for how many bytes, the rest of a refused request is read and thrown away. Closing at once would
/// make the kernel reset the connection, and the client might never see the answer that it was sent.
const REST_TIME: Duration = Duration::from_secs(2);
const REST_BYTES: usize = 4 << 20;

/// A client's connection, shared by its socket, its requests and their bodies: all of one task.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    pub(super) peer: SocketAddr,
    /// Whom it asked last.
    origin: RefCell<Option<Rc<Origin>>>,
    phase: Cell<Phase>,
    deadline: Deadline,
    /// When the present phase has to be over.
    due: Cell<Ticks>,
    /// It does not take what we write; the deadline is for that, instead of for the phase.
    stalled: Cell<bool>,
    /// A request's body was not read to its end.
    left_unread: Cell<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Between two requests.
    Idle,
    /// A head has begun.
    Head,
    /// From a whole head to the end of the answer. Who answers watches the deadline.
    Exchange,
}

/// A request that is being answered; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Exchange {
    client: Rc<Client>,
    /// Set for data requests.
    begun: Option<(Instant, MethodKind)>,
    /// What will be logged of it.
    entry: Option<Box<Entry>>,
}

/// How a connection ended.
enum End {
    Finished(Result<(), hyper::Error>),
    /// Nothing came for too long between two requests.
    Idle,
    SlowHead,
    /// Nothing moved for too long in the middle of an answer.
    Stuck,
}

/// Serves one connection to its end.
pub(super) async fn serve(worker: Rc<Worker>, stream: TcpStream, peer: SocketAddr) {
    let client = Rc::new(Client::new(Rc::clone(&worker), peer));
    let service = service_fn({
        let client = Rc::clone(&client);
        move |request| forward::answer(Rc::clone(&client), request)
    });
    let mut connection = worker.http.serve_connection(Socket::new(stream, Rc::clone(&client)), service);
    let mut told = false;
    let mut known = false;
    let end = std::future::poll_fn(|cx| {
        if !std::mem::replace(&mut known, true) {
            client.deadline.wake(cx.waker());
        }
        if let Some(end) = client.check() {
            return Poll::Ready(end);
        }
        // A connection with half a head is not idle: its answer will tell it to close.
        if worker.stage.get() == Stage::Closing && client.phase.get() != Phase::Head && !told {
            told = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        client.poll(cx, Pin::new(&mut connection))
    })
    .await;
    let stream = || connection.into_parts().io.into_stream();
    match end {
        End::Finished(Ok(())) if client.left_unread.get() => swallow_rest(stream(), b"").await,
        // hyper has answered with 400, 414 or 431.
        End::Finished(Err(error)) if error.is_parse() => swallow_rest(stream(), b"").await,
        End::SlowHead => swallow_rest(stream(), SLOW_HEAD).await,
        // An answer is cut off. To some clients a proper end would look like the end of a whole answer.
        End::Finished(Err(_)) | End::Stuck => reset(&stream()),
        End::Finished(Ok(())) | End::Idle => {}
    }
}

impl Client {
    fn new(worker: Rc<Worker>, peer: SocketAddr) -> Self {
        let deadline = worker.deadlines.add();
        let client = Self {
            peer,
            origin: RefCell::default(),
            // A new connection has to say something at once, or it counts as a slow head.
            phase: Cell::new(Phase::Idle),
            deadline,
            due: Cell::new(NEVER),
            stalled: Cell::new(false),
            left_unread: Cell::new(false),
            worker,
        };
        client.allow(client.worker.times.head);
        client
    }

    /// Gives the present phase so much time from now. [`NEVER`]: whoever answers has a clock of its own.
    pub(super) fn allow(&self, length: Ticks) {
        let due = if length == NEVER { NEVER } else { self.deadline.after(length) };
        self.due.set(due);
        if !self.stalled.get() {
            self.deadline.set(due);
        }
    }

    /// A piece of a body has moved: both sides get new time.
    pub(super) fn has_moved(&self) {
        self.allow(self.worker.times.body);
    }

    /// Whether an exchange is out of time.
    pub(super) fn is_late(&self) -> bool {
        self.deadline.is_over() && !self.stalled.get()
    }

    /// A request's body was given up before its end: the connection cannot be used again.
    pub(super) fn leaves_unread(&self) {
        self.left_unread.set(true);
    }

    /// Something came from the socket.
    pub(super) fn has_read(&self) {
        if self.phase.get() == Phase::Idle {
            self.phase.set(Phase::Head);
            self.allow(self.worker.times.head);
        }
    }

    /// Something was to be written, and the socket took some of it or nothing.
    pub(super) fn has_written(&self, some: bool) {
        if some {
            if self.stalled.replace(false) {
                self.deadline.set(self.due.get());
            }
        } else if !self.stalled.replace(true) {
            self.deadline.set(self.deadline.after(self.worker.times.body));
        }
    }

    /// Whom a request is for. Remembered, because the next one is most likely for the same.
    pub(super) fn origin(&self, head: &Parts) -> Result<Option<Rc<Origin>>, Fault> {
        let mut last = self.origin.borrow_mut();
        if let Some(origin) = &*last
            && head.uri.authority().is_none()
            && head.headers.get_all(HOST).iter().eq([&origin.host])
        {
            return Ok(Some(Rc::clone(origin)));
        }
        let authority = route::authority(head.version, &head.uri, &head.headers)?;
        *last = authority.map(|authority| Rc::new(Origin::new(authority)));
        Ok(last.clone())
    }

    /// Whether the connection is out of time, outside of exchanges.
    fn check(&self) -> Option<End> {
        if !self.deadline.is_over() {
            return None;
        }
        match self.phase.get() {
            _ if self.stalled.get() => Some(End::Stuck),
            Phase::Idle => Some(End::Idle),
            Phase::Head => Some(End::SlowHead),
            Phase::Exchange => None,
        }
    }

    fn poll<C>(&self, cx: &mut Context<'_>, connection: Pin<&mut C>) -> Poll<End>
    where
        C: Future<Output = Result<(), hyper::Error>>,
    {
        match connection.poll(cx) {
            Poll::Ready(result) => Poll::Ready(End::Finished(result)),
            // The exchange had its chance to notice; its connection is wedged somewhere.
            Poll::Pending if self.phase.get() == Phase::Exchange && self.is_late() => Poll::Ready(End::Stuck),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Exchange {
    /// Begins with a whole head.
    pub(super) fn begin(client: &Rc<Client>) -> Self {
        client.phase.set(Phase::Exchange);
        client.allow(NEVER);
        client.worker.metrics.in_flight.add(1);
        Self { client: Rc::clone(client), begun: None, entry: None }
    }

    /// Has it logged, if requests are and it is this one's turn.
    pub(super) fn is_to_log(&mut self, head: &Parts) {
        if let Some(access) = &self.client.worker.access {
            self.entry = access.begin(head, self.client.peer);
        }
    }

    /// What will be logged of it.
    pub(super) fn entry(&mut self) -> Option<&mut Entry> {
        self.entry.as_deref_mut()
    }

    /// Counts its duration among those of data requests.
    pub(super) fn is_for_data(&mut self, method: MethodKind) {
        self.begun = Some((Instant::now(), method));
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let (client, metrics) = (&self.client, &self.client.worker.metrics);
        metrics.in_flight.sub(1);
        if let Some((begun, method)) = self.begun
            && let Some(latency) = metrics.latency.get(method as usize)
        {
            latency.record(begun.elapsed());
        }
        if let (Some(entry), Some(access)) = (self.entry.take(), &client.worker.access) {
            access.end(entry);
        }
        client.phase.set(Phase::Idle);
        client.allow(client.worker.times.keep_alive);
    }
}

/// Makes the end of a connection an error for its client.
fn reset(stream: &TcpStream) {
    // If this fails, the connection is broken already.
    let _ = stream.set_zero_linger();
}

/// Sends some last words, says that nothing follows, and reads what the client still sends, within limits.
async fn swallow_rest(mut stream: TcpStream, last_words: &[u8]) {
    let ending = async {
        stream.write_all(last_words).await?;
        stream.shutdown().await?;
        let mut scratch = vec![0; 16 << 10];
        let mut read = 0;
        while read < REST_BYTES {
            match stream.read(&mut scratch).await? {
                0 => break,
                n => read += n,
            }
        }
        Ok::<_, std::io::Error>(())
    };
    // Whatever goes wrong here: the connection is over.
    let _ = tokio::time::timeout(REST_TIME, ending).await;
}
