//! What a link's connection and its exchanges share: what is to be sent, and who may send how much.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::StatusCode;
use http::response;
use tokio::net::TcpStream;

use super::Exchange;
use crate::link::Malformed;
use crate::link::frame::{Header, Kind};
use crate::link::head::put_answer;
use crate::link::output::Output;
use crate::link::waiting::{keep, wake};

/// With more than this waiting to be sent, bodies wait too, so that what is small never waits for much.
pub(super) const CROWDED: usize = 256 << 10;

/// Shared by one connection's tasks.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) output: Output,
    exchanges: HashMap<u64, Progress>,
    /// The connection's task.
    session: Option<Waker>,
    /// Tasks that wait until less is waiting to be sent.
    crowd: Vec<Waker>,
}

/// How far an exchange is.
#[derive(Debug, Default)]
struct Progress {
    /// What came of the request's body and was not taken yet.
    pieces: VecDeque<Bytes>,
    /// The body ended.
    whole: bool,
    /// Bytes that may still come.
    granted: usize,
    /// Who waits for the body.
    reader: Option<Waker>,
    /// Bytes of the answer that may be sent.
    window: usize,
    /// Who makes the answer.
    writer: Option<Waker>,
    cancelled: bool,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what can be sent; how many bytes have to wait.
    pub(super) fn flush(&self, cx: &mut Context<'_>, stream: &mut TcpStream) -> io::Result<usize> {
        let mut state = self.lock();
        keep(&mut state.session, cx);
        if let Poll::Ready(flushed) = state.output.poll_flush(cx, stream) {
            flushed?;
        }
        let waiting = state.output.waiting();
        if waiting <= CROWDED {
            state.crowd.drain(..).for_each(Waker::wake);
        }
        Ok(waiting)
    }

    /// Room for one more exchange; `None` where there are too many. `granted`: bytes of its body that may still come.
    pub(super) fn open(
        self: &Arc<Self>,
        id: u64,
        limit: usize,
        window: usize,
        granted: Option<usize>,
    ) -> Option<Exchange> {
        let mut state = self.lock();
        if state.exchanges.len() >= limit {
            return None;
        }
        let progress = Progress {
            window,
            whole: granted.is_none(),
            granted: granted.unwrap_or(0),
            ..Progress::default()
        };
        state.exchanges.insert(id, progress);
        Some(Exchange::new(Arc::clone(self), id))
    }

    /// The connection is gone.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.output = Output::default();
        let ids: Vec<_> = state.exchanges.keys().copied().collect();
        ids.into_iter().for_each(|id| state.cancel(id));
        state.crowd.drain(..).for_each(Waker::wake);
    }
}

impl State {
    pub(super) fn is_idle(&self) -> bool {
        self.exchanges.is_empty()
    }

    /// Queues an answer's head with a piece of its body. One that does not fit into a frame becomes an error.
    pub(super) fn answer(&mut self, id: u64, head: &response::Parts, piece: Bytes, ends: bool) {
        let mut fits = true;
        let mut fill = |out: &mut bytes::BytesMut| {
            let start = out.len();
            if put_answer(out, head.status, &head.headers).is_err() {
                fits = false;
                out.truncate(start);
                let _ = put_answer(out, StatusCode::INTERNAL_SERVER_ERROR, &http::HeaderMap::new());
            }
        };
        self.output.frame_with(Header::new(Kind::Answer, id).ending(ends), &mut fill, piece);
        if !fits {
            tracing::error!("an answer's fields do not fit into a frame");
        }
    }

    /// There is something to send.
    pub(super) fn wake_session(&self) {
        if let Some(session) = &self.session {
            session.wake_by_ref();
        }
    }

    /// A further piece of a request's body.
    pub(super) fn take_piece(&mut self, id: u64, piece: Bytes, ends: bool) -> Result<(), Malformed> {
        // An exchange that is over needs no more of it.
        let Some(progress) = self.exchanges.get_mut(&id) else { return Ok(()) };
        progress.granted = progress
            .granted
            .checked_sub(piece.len())
            .ok_or(Malformed("more of a body than there is room for"))?;
        progress.whole |= ends;
        if !piece.is_empty() {
            progress.pieces.push_back(piece);
        }
        wake(&mut progress.reader);
        Ok(())
    }

    /// The next piece of a request's body; `None` where it ended. The error: it never will.
    pub(super) fn poll_piece(&mut self, id: u64, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ()>> {
        let Some(progress) = self.exchanges.get_mut(&id) else { return Poll::Ready(Err(())) };
        match progress.pieces.pop_front() {
            Some(piece) => Poll::Ready(Ok(Some(piece))),
            None if progress.whole => Poll::Ready(Ok(None)),
            None if progress.cancelled => Poll::Ready(Err(())),
            None => {
                keep(&mut progress.reader, cx);
                Poll::Pending
            }
        }
    }

    /// Lets so much more of a request's body come.
    pub(super) fn grant(&mut self, id: u64, more: usize) {
        let Some(progress) = self.exchanges.get_mut(&id) else { return };
        if !progress.whole {
            progress.granted += more;
            self.output.window(id, more);
            self.wake_session();
        }
    }

    /// The proxy takes more of an answer.
    pub(super) fn widen(&mut self, id: u64, more: usize) {
        if let Some(progress) = self.exchanges.get_mut(&id) {
            progress.window = progress.window.saturating_add(more);
            wake(&mut progress.writer);
        }
    }

    /// How much of an answer may be sent now; `None` where nobody wants it.
    pub(super) fn poll_window(&mut self, id: u64, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        let crowded = self.output.waiting() > CROWDED;
        let Some(progress) = self.exchanges.get_mut(&id) else { return Poll::Ready(None) };
        if progress.cancelled {
            return Poll::Ready(None);
        }
        if progress.window > 0 && !crowded {
            return Poll::Ready(Some(progress.window));
        }
        if progress.window > 0 {
            self.crowd.push(cx.waker().clone());
        } else {
            keep(&mut progress.writer, cx);
        }
        Poll::Pending
    }

    /// So much of it was used.
    pub(super) fn narrow(&mut self, id: u64, by: usize) {
        if let Some(progress) = self.exchanges.get_mut(&id) {
            progress.window = progress.window.saturating_sub(by);
        }
    }

    /// Whether nobody wants the answer; if not, the task hears when that changes.
    pub(super) fn is_cancelled(&mut self, id: u64, cx: &mut Context<'_>) -> bool {
        match self.exchanges.get_mut(&id) {
            Some(progress) if !progress.cancelled => {
                keep(&mut progress.writer, cx);
                false
            }
            _ => true,
        }
    }

    /// Nobody wants the answer any more.
    pub(super) fn cancel(&mut self, id: u64) {
        if let Some(progress) = self.exchanges.get_mut(&id) {
            progress.cancelled = true;
            wake(&mut progress.reader);
            wake(&mut progress.writer);
        }
    }

    /// The exchange is over.
    pub(super) fn close(&mut self, id: u64) {
        if let Some(mut progress) = self.exchanges.remove(&id) {
            wake(&mut progress.reader);
        }
        if self.exchanges.is_empty() {
            // The connection may be waiting for exactly that.
            self.wake_session();
        }
    }
}
