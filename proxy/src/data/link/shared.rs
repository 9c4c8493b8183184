//! What a link's calls and its connection share.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, Bytes};
use kvnode::link::Malformed;
use kvnode::link::frame::{Frame, Header, Kind, Reset};
use kvnode::link::head::Ask;
use kvnode::link::hello::Welcome;
use kvnode::link::output::Output;
use kvnode::link::waiting::{keep, wake};
use slab::Slab;
use tokio::net::TcpStream;

use super::{Broken, NotSent, WINDOW};

/// With more than this waiting to be sent, bodies wait too, so that what is small never waits for much.
const CROWDED: usize = 256 << 10;
/// Of an id, the bits that are its place; those above count.
const PLACE_BITS: u32 = 20;

#[derive(Debug)]
pub(super) struct Shared {
    output: Output,
    exchanges: Slab<Exchange>,
    /// Requests so far.
    made: u64,
    /// The connection's task.
    driver: Option<Waker>,
    /// Calls that wait until less is waiting to be sent.
    crowd: Vec<Waker>,
    /// No more requests, because the node, or whoever made the link, said so.
    closing: bool,
    /// The connection is gone.
    ended: bool,
    welcome: Welcome,
}

/// How far a request is.
#[derive(Debug)]
struct Exchange {
    id: u64,
    /// Who waits for it.
    caller: Option<Waker>,
    /// The payload of the answer's first frame.
    answer: Option<Bytes>,
    /// What came of the answer's body behind it.
    pieces: VecDeque<Bytes>,
    /// The answer ended.
    whole: bool,
    /// Bytes of it that were taken and not given back as room.
    taken: usize,
    /// Bytes of the request's body that may be sent.
    window: usize,
    /// Where its last byte stands in all that is ever written, once that is queued.
    ends_at: Option<u64>,
    broken: Option<Broken>,
}

impl Shared {
    pub(super) fn new(output: Output, welcome: Welcome) -> Self {
        Self {
            output,
            exchanges: Slab::new(),
            made: 0,
            driver: None,
            crowd: Vec::new(),
            closing: false,
            ended: false,
            welcome,
        }
    }

    /// Queues a request; its place, and its id.
    pub(super) fn begin<'a>(
        &mut self,
        ask: &Ask<'_>,
        unkept: bool,
        whole: Option<impl Iterator<Item = &'a Bytes>>,
    ) -> Result<(usize, u64), NotSent> {
        if !self.is_open() {
            return Err(NotSent::Closing);
        }
        if self.exchanges.len() >= self.welcome.exchanges.min(1 << PLACE_BITS) {
            return Err(NotSent::Full);
        }
        let entry = self.exchanges.vacant_entry();
        let place = entry.key();
        self.made += 1;
        let id = self.made << PLACE_BITS | place as u64;
        let mut fits = true;
        let ends = whole.is_some();
        let header = Header { unkept, ..Header::new(Kind::Request, id).ending(ends) };
        let queued = self.output.queued();
        self.output.frame(header, |out| {
            fits = ask.put(out).is_ok();
            if fits {
                whole.into_iter().flatten().for_each(|piece| out.put_slice(piece));
            }
        });
        if !fits {
            self.output.take_back(queued);
            return Err(NotSent::TooLarge);
        }
        entry.insert(Exchange {
            id,
            caller: None,
            answer: None,
            pieces: VecDeque::new(),
            whole: false,
            taken: 0,
            window: self.welcome.window,
            ends_at: ends.then(|| self.output.queued()),
            broken: None,
        });
        self.wake_driver();
        Ok((place, id))
    }

    /// Whether it takes more requests.
    pub(super) fn is_open(&self) -> bool {
        !self.closing && !self.ended
    }

    /// Sends what can be sent; whether the link is over.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, stream: &mut TcpStream) -> io::Result<bool> {
        keep(&mut self.driver, cx);
        if let Poll::Ready(flushed) = self.output.poll_flush(cx, stream) {
            flushed?;
        }
        if self.output.waiting() <= CROWDED {
            self.crowd.drain(..).for_each(Waker::wake);
        }
        Ok(self.closing && self.exchanges.is_empty() && self.output.waiting() == 0)
    }

    /// Takes in a frame of the node's.
    pub(super) fn take(&mut self, frame: Frame) -> Result<(), Malformed> {
        if frame.header.kind == Kind::GoAway {
            self.leave(frame.last()?);
            return Ok(());
        }
        // Calls that were given up are not here any more; what comes for them is late.
        let place = usize::try_from(frame.header.id & ((1 << PLACE_BITS) - 1)).unwrap_or(usize::MAX);
        let exchange = self.exchanges.get_mut(place).filter(|exchange| exchange.id == frame.header.id);
        let Some(exchange) = exchange else { return Ok(()) };
        match frame.header.kind {
            Kind::Answer if exchange.answer.is_none() && !exchange.whole => {
                exchange.whole = frame.header.ends;
                exchange.answer = Some(frame.payload);
            }
            Kind::Data if !exchange.whole => {
                exchange.whole = frame.header.ends;
                if !frame.payload.is_empty() {
                    exchange.pieces.push_back(frame.payload);
                }
            }
            Kind::Window => exchange.window = exchange.window.saturating_add(frame.window()?),
            Kind::Reset => {
                let refused = frame.is_refusal() && exchange.answer.is_none();
                exchange.broken = Some(if refused { Broken::NotProcessed } else { Broken::Lost });
            }
            _ => return Err(Malformed("a frame that has no place here")),
        }
        wake(&mut exchange.caller);
        Ok(())
    }

    /// The node looks at no request after `last`.
    fn leave(&mut self, last: u64) {
        self.closing = true;
        for (_, exchange) in &mut self.exchanges {
            if exchange.id > last {
                exchange.broken = Some(Broken::NotProcessed);
                wake(&mut exchange.caller);
            }
        }
    }

    /// Takes no more requests.
    pub(super) fn close(&mut self) {
        self.closing = true;
        self.wake_driver();
    }

    /// The connection is gone.
    pub(super) fn end(&mut self) {
        self.ended = true;
        let written = self.output.written();
        for (_, exchange) in &mut self.exchanges {
            if exchange.whole || exchange.broken.is_some() {
                continue;
            }
            // A node acts on a whole request, and not before.
            let had_all = exchange.ends_at.is_some_and(|end| end <= written);
            exchange.broken = Some(if had_all { Broken::Lost } else { Broken::NotProcessed });
            wake(&mut exchange.caller);
        }
        self.crowd.drain(..).for_each(Waker::wake);
    }

    /// The payload of the answer's first frame, and whether it is all of the answer.
    pub(super) fn poll_answer(
        &mut self,
        place: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Bytes, bool), Broken>> {
        let Some(exchange) = self.exchanges.get_mut(place) else { return Poll::Ready(Err(Broken::Lost)) };
        if let Some(payload) = exchange.answer.take() {
            // Its end may have come already, with pieces before it.
            return Poll::Ready(Ok((payload, exchange.whole && exchange.pieces.is_empty())));
        }
        if let Some(broken) = exchange.broken {
            return Poll::Ready(Err(broken));
        }
        keep(&mut exchange.caller, cx);
        Poll::Pending
    }

    /// The next piece of the answer's body; `None` at its end.
    pub(super) fn poll_piece(
        &mut self,
        place: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, Broken>> {
        let Some(exchange) = self.exchanges.get_mut(place) else { return Poll::Ready(Err(Broken::Lost)) };
        if let Some(piece) = exchange.pieces.pop_front() {
            self.has_taken(place, piece.len());
            return Poll::Ready(Ok(Some(piece)));
        }
        if exchange.whole {
            return Poll::Ready(Ok(None));
        }
        if exchange.broken.is_some() {
            return Poll::Ready(Err(Broken::Lost));
        }
        keep(&mut exchange.caller, cx);
        Poll::Pending
    }

    /// So much of an answer has gone on: the node gets room for more, once it is worth a frame.
    pub(super) fn has_taken(&mut self, place: usize, bytes: usize) {
        let Some(exchange) = self.exchanges.get_mut(place) else { return };
        exchange.taken += bytes;
        if exchange.taken >= WINDOW / 2 && !exchange.whole && !self.ended {
            self.output.window(exchange.id, std::mem::take(&mut exchange.taken));
            self.wake_driver();
        }
    }

    /// Whether the whole answer has been taken.
    pub(super) fn is_over(&self, place: usize) -> bool {
        self.exchanges.get(place).is_none_or(|exchange| exchange.whole && exchange.pieces.is_empty())
    }

    /// How much of the request's body may be sent now.
    pub(super) fn poll_window(&mut self, place: usize, cx: &mut Context<'_>) -> Poll<Result<usize, Broken>> {
        let crowded = self.output.waiting() > CROWDED;
        let Some(exchange) = self.exchanges.get_mut(place) else { return Poll::Ready(Err(Broken::Lost)) };
        if let Some(broken) = exchange.broken {
            return Poll::Ready(Err(broken));
        }
        if exchange.window > 0 && !crowded {
            return Poll::Ready(Ok(exchange.window));
        }
        if exchange.window > 0 {
            self.crowd.push(cx.waker().clone());
        } else {
            keep(&mut exchange.caller, cx);
        }
        Poll::Pending
    }

    /// Sends a piece of the request's body.
    pub(super) fn send(&mut self, place: usize, piece: Bytes, ends: bool) {
        let Some(exchange) = self.exchanges.get_mut(place) else { return };
        if self.ended || exchange.broken.is_some() {
            return;
        }
        exchange.window = exchange.window.saturating_sub(piece.len());
        self.output.data(exchange.id, ends, piece);
        if ends {
            exchange.ends_at = Some(self.output.queued());
        }
        self.wake_driver();
    }

    /// A call is over, or given up.
    pub(super) fn forget(&mut self, place: usize) {
        let Some(exchange) = self.exchanges.try_remove(place) else { return };
        if !exchange.whole && exchange.broken.is_none() && !self.ended {
            self.output.reset(exchange.id, Reset::Cancelled);
            self.wake_driver();
        } else if self.closing && self.exchanges.is_empty() {
            self.wake_driver();
        }
    }

    fn wake_driver(&self) {
        if let Some(driver) = &self.driver {
            driver.wake_by_ref();
        }
    }
}
