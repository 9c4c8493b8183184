//! A request's body as it comes over a link.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};

use super::Exchange;

/// The body of a request. Its default is the empty one.
#[derive(Debug, Default)]
pub struct RequestBody {
    first: Bytes,
    rest: Option<Rest>,
}

/// What does not come with the head.
#[derive(Debug)]
struct Rest {
    exchange: Exchange,
    /// Bytes of the whole body that have not been handed out, where its length is known.
    left: Option<u64>,
    /// Bytes that were handed out and not given back as room.
    used: usize,
    /// All room that the sender has at first.
    window: usize,
}

/// There will be no more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its sender gave it up, or the link broke")]
pub struct Broken;

impl RequestBody {
    /// A body that begins with `first`; all of it, where there is no `exchange` to ask for more.
    pub(super) fn new(first: Bytes, head: &Request<()>, exchange: Option<Exchange>, window: usize) -> Self {
        let length = || head.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        let rest = exchange.map(|exchange| Rest { exchange, left: length(), used: 0, window });
        Self { first, rest }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let first = std::mem::take(&mut self.first);
        let Some(rest) = &mut self.rest else {
            return Poll::Ready((!first.is_empty()).then(|| Ok(Frame::data(first))));
        };
        let piece = if first.is_empty() {
            let polled = rest.exchange.shared.lock().poll_piece(rest.exchange.id, cx);
            match ready!(polled) {
                Ok(Some(piece)) => piece,
                Ok(None) => {
                    self.rest = None;
                    return Poll::Ready(None);
                }
                Err(()) => return Poll::Ready(Some(Err(Broken))),
            }
        } else {
            first
        };
        rest.hand_out(piece.len());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            None => SizeHint::with_exact(self.first.len() as u64),
            Some(Rest { left: Some(left), .. }) => SizeHint::with_exact(*left),
            Some(_) => SizeHint::default(),
        }
    }
}

impl Rest {
    fn hand_out(&mut self, bytes: usize) {
        self.left = self.left.map(|left| left.saturating_sub(bytes as u64));
        self.used += bytes;
        if self.used >= self.window / 2 {
            self.exchange.shared.lock().grant(self.exchange.id, self.used);
            self.used = 0;
        }
    }
}
