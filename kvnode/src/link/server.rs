//! The node's half of a link: takes requests in, and sends what they are answered with.
//!
//! A read is answered where its frame is read, so that a batch of reads costs one read and one write of the socket and
//! no task. Whatever has to wait gets a task of its own.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::frame::{Frame, Header, Kind, Reset};
use super::head::Asked;
use super::hello::{Hello, Welcome};
use super::input::Input;
use super::output::Output;
use super::{Malformed, PIECE};
use crate::node::Route;

mod body;
mod exchange;
mod shared;

pub use body::RequestBody;
use exchange::{Exchange, Place, Start};
use shared::{CROWDED, Shared};

/// What a node answers, and whom.
pub trait Answers: Clone + Send + Sync + 'static {
    /// The bodies of its answers.
    type Body: Body<Data = Bytes> + Send + Unpin + 'static;

    /// Whether a read is, as a rule, answered at once: then it is tried before it gets a task, and tried again in a
    /// task if it has to wait after all.
    const READS_AT_ONCE: bool;

    /// Whether whoever says this secret may ask.
    ///
    /// # Errors
    /// Why not, in words for whoever runs the proxy.
    fn admit(&self, secret: &[u8]) -> Result<(), String>;

    /// The answer to a request. Dropped where nobody wants it any more.
    fn answer(
        &self,
        request: Request<RequestBody>,
        route: Route,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// The limits that a link keeps.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the connection to the end of the hello.
    pub patience: Duration,
    /// Requests at once.
    pub exchanges: usize,
    /// Bytes of each request's body that may come before more room is given.
    pub window: usize,
}

/// Serves one connection until it ends, or is `closing` and has nothing under way.
///
/// # Errors
/// What the socket says; [`io::ErrorKind::InvalidData`] where the other side breaks the rules.
pub async fn serve<A: Answers>(
    mut stream: TcpStream,
    answers: A,
    limits: Limits,
    mut closing: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut input = Input::default();
    let greeting = timeout(limits.patience, greet(&mut stream, &mut input, &answers, limits));
    let hello = tokio::select! {
        hello = greeting => hello.map_err(|_| io::ErrorKind::TimedOut)??,
        _ = closing.wait_for(|closing| *closing) => return Ok(()),
    };
    let mut session = Session {
        stream,
        input,
        answers,
        limits,
        to: hello.to.into(),
        window: hello.window,
        shared: Arc::default(),
        last: 0,
        leaving: false,
    };
    let mut closing = pin!(closing.wait_for(|closing| *closing));
    poll_fn(|cx| {
        if !session.leaving && closing.as_mut().poll(cx).is_ready() {
            session.leave();
        }
        session.poll(cx)
    })
    .await
}

/// Hears who asks, and says whether that is welcome.
async fn greet<A: Answers>(
    stream: &mut TcpStream,
    input: &mut Input,
    answers: &A,
    limits: Limits,
) -> io::Result<Hello> {
    let mut output = Output::default();
    output.preface();
    poll_fn(|cx| output.poll_flush(cx, stream)).await?;
    input.preface(stream).await?;
    let frame = input.frame(stream).await?;
    if frame.header.kind != Kind::Hello {
        return Err(Malformed("no hello").into());
    }
    let hello = Hello::take(frame.payload)?;
    let admitted = answers.admit(&hello.secret);
    match &admitted {
        Ok(()) => {
            let welcome = Welcome { window: limits.window, exchanges: limits.exchanges };
            output.frame(Header::new(Kind::Welcome, 0), |out| welcome.put(out));
        }
        Err(why) => output.frame(Header::new(Kind::Refused, 0), |out| out.extend_from_slice(why.as_bytes())),
    }
    poll_fn(|cx| output.poll_flush(cx, stream)).await?;
    admitted.map_err(|why| io::Error::new(io::ErrorKind::PermissionDenied, why)).map(|()| hello)
}

/// A link that has begun.
struct Session<A> {
    stream: TcpStream,
    input: Input,
    answers: A,
    limits: Limits,
    to: Arc<str>,
    /// Bytes of each answer's body that may be sent before there is more room.
    window: usize,
    shared: Arc<Shared>,
    /// The request that came last.
    last: u64,
    leaving: bool,
}

impl<A> Drop for Session<A> {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl<A: Answers> Session<A> {
    /// Looks at no more requests.
    fn leave(&mut self) {
        self.leaving = true;
        let last = self.last.to_le_bytes();
        self.shared.lock().output.frame(Header::new(Kind::GoAway, 0), |out| out.extend_from_slice(&last));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // First of all, because some may have come with the hello.
            while let Some(frame) = self.input.take()? {
                self.take(frame)?;
            }
            let waiting = self.shared.flush(cx, &mut self.stream)?;
            if self.leaving && waiting == 0 && self.shared.lock().is_idle() {
                return Poll::Ready(Ok(()));
            }
            // Whoever does not take its answers need not ask more.
            if waiting > CROWDED {
                return Poll::Pending;
            }
            match self.input.poll_read(cx, &mut self.stream) {
                Poll::Pending => return Poll::Pending,
                // A proxy that is gone wants no answers.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(read) => read?,
            }
        }
    }

    fn take(&mut self, frame: Frame) -> Result<(), Malformed> {
        let id = frame.header.id;
        match frame.header.kind {
            Kind::Request if self.leaving => Ok(()),
            Kind::Request => self.begin(frame.header, frame.payload),
            Kind::Data => self.shared.lock().take_piece(id, frame.payload, frame.header.ends),
            Kind::Window => {
                let more = frame.window()?;
                self.shared.lock().widen(id, more);
                Ok(())
            }
            Kind::Reset => {
                self.shared.lock().cancel(id);
                Ok(())
            }
            Kind::Hello | Kind::Welcome | Kind::Refused | Kind::Answer | Kind::GoAway => {
                Err(Malformed("a frame that is not for nodes"))
            }
        }
    }

    fn begin(&mut self, header: Header, payload: Bytes) -> Result<(), Malformed> {
        if header.id <= self.last {
            return Err(Malformed("an id that is not new"));
        }
        self.last = header.id;
        let asked = Asked::take(payload.clone())?;
        let route = Route { epoch: Some(asked.epoch), to: Some(self.to.clone()), unkept: header.unkept };
        let is_read = header.ends && matches!(*asked.head.method(), Method::GET | Method::HEAD);
        let asked = match is_read && A::READS_AT_ONCE {
            true => {
                if self.answer_at_once(header.id, asked, &route) {
                    return Ok(());
                }
                // The first try took it.
                Asked::take(payload)?
            }
            false => asked,
        };
        let (answers, window) = (self.answers.clone(), self.window);
        let granted = (!header.ends).then(|| self.limits.window.saturating_sub(asked.body.len()));
        let Some(exchange) = self.shared.open(header.id, self.limits.exchanges, window, granted) else {
            self.shared.lock().output.reset(header.id, Reset::Refused);
            return Ok(());
        };
        let body =
            RequestBody::new(asked.body, &asked.head, granted.map(|_| exchange.clone()), self.limits.window);
        let request = asked.head.map(|()| body);
        let place = Place(exchange);
        tokio::spawn(async move {
            let exchange = &place.0;
            let answering = async {
                let response = answers.answer(request, route).await;
                exchange.give(response).await;
            };
            exchange.unless_cancelled(answering).await;
        });
        Ok(())
    }

    /// Whether there was an answer at once.
    fn answer_at_once(&self, id: u64, asked: Asked, route: &Route) -> bool {
        let request = asked.head.map(|()| RequestBody::default());
        let response = {
            let answering = pin!(self.answers.answer(request, route.clone()));
            let mut nobody = Context::from_waker(Waker::noop());
            match answering.poll(&mut nobody) {
                Poll::Ready(response) => response,
                Poll::Pending => return false,
            }
        };
        let (head, mut body) = response.into_parts();
        let start = Start::of(&mut body);
        if start.ends && start.piece.len() <= PIECE.min(self.window) {
            self.shared.lock().answer(id, &head, start.piece, true);
            return true;
        }
        let Some(exchange) = self.shared.open(id, self.limits.exchanges, self.window, None) else {
            self.shared.lock().output.reset(id, Reset::Refused);
            return true;
        };
        let place = Place(exchange);
        tokio::spawn(async move {
            let exchange = &place.0;
            exchange.unless_cancelled(exchange.give_rest(&head, start, body)).await;
        });
        true
    }
}

#[cfg(test)]
mod tests;
