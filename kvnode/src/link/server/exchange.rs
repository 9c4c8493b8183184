//! One request that is answered in a task of its own.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Response, response};
use http_body::Body;

use super::shared::Shared;
use crate::link::PIECE;
use crate::link::frame::Reset;

/// An exchange under way. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) shared: Arc<Shared>,
    pub(super) id: u64,
}

impl Exchange {
    pub(super) fn new(shared: Arc<Shared>, id: u64) -> Self {
        Self { shared, id }
    }

    /// Runs `work` for as long as somebody wants its answer.
    pub(super) async fn unless_cancelled(&self, work: impl Future<Output = ()>) {
        let mut work = pin!(work);
        poll_fn(|cx| {
            // The lock must be free again before the work is polled.
            let cancelled = self.shared.lock().is_cancelled(self.id, cx);
            if cancelled { Poll::Ready(()) } else { work.as_mut().poll(cx) }
        })
        .await;
    }

    /// Sends the whole answer.
    pub(super) async fn give<B>(&self, response: Response<B>)
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (head, mut body) = response.into_parts();
        let start = Start::of(&mut body);
        self.give_rest(&head, start, body).await;
    }

    /// Sends an answer whose body begins with `start`.
    pub(super) async fn give_rest<B>(&self, head: &response::Parts, start: Start, mut body: B)
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let Start { piece: mut left, mut ends, fails } = start;
        if fails {
            return self.fail();
        }
        let Some(piece) = self.piece(&mut left).await else { return };
        let mut told = ends && left.is_empty();
        {
            let mut state = self.shared.lock();
            state.answer(self.id, head, piece, told);
            state.wake_session();
        }
        while !told {
            if left.is_empty() && !ends {
                match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                    // Trailers go nowhere.
                    Some(Ok(frame)) => left = frame.into_data().unwrap_or_default(),
                    Some(Err(_)) => return self.fail(),
                    None => ends = true,
                }
                ends |= body.is_end_stream();
            }
            if !left.is_empty() || ends {
                let Some(piece) = self.piece(&mut left).await else { return };
                told = ends && left.is_empty();
                let mut state = self.shared.lock();
                state.output.data(self.id, told, piece);
                state.wake_session();
            }
        }
    }

    /// As much of `left` as may be sent, once that is anything at all; `None` where nobody wants it.
    async fn piece(&self, left: &mut Bytes) -> Option<Bytes> {
        if left.is_empty() {
            return Some(Bytes::new());
        }
        let window = poll_fn(|cx| self.shared.lock().poll_window(self.id, cx)).await?;
        let piece = left.split_to(left.len().min(window).min(PIECE));
        self.shared.lock().narrow(self.id, piece.len());
        Some(piece)
    }

    /// The answer cannot be completed.
    fn fail(&self) {
        let mut state = self.shared.lock();
        state.output.reset(self.id, Reset::Failed);
        state.wake_session();
    }
}

/// What a body has at once.
pub(super) struct Start {
    pub(super) piece: Bytes,
    /// That is all of it.
    pub(super) ends: bool,
    /// There will never be all of it.
    fails: bool,
}

impl Start {
    pub(super) fn of<B>(body: &mut B) -> Self
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (piece, ends, fails) = (Bytes::new(), body.is_end_stream(), false);
        if ends {
            return Self { piece, ends, fails };
        }
        let mut nobody = Context::from_waker(Waker::noop());
        match Pin::new(&mut *body).poll_frame(&mut nobody) {
            Poll::Ready(Some(Ok(frame))) => {
                let piece = frame.into_data().unwrap_or_default();
                Self { piece, ends: body.is_end_stream(), fails }
            }
            Poll::Ready(Some(Err(_))) => Self { piece, ends, fails: true },
            Poll::Ready(None) => Self { piece, ends: true, fails },
            Poll::Pending => Self { piece, ends, fails },
        }
    }
}

/// Ends its exchange when dropped, also where making the answer panicked.
#[derive(Debug)]
pub(super) struct Place(pub(super) Exchange);

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
        self.0.shared.lock().close(self.0.id);
    }
}
