//! Request bodies on their way to a node, and what is kept of them so that they can be sent again.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;

use super::client::Client;

/// A body of at most this size is taken in before its head goes out, and both go in one frame.
pub(super) const WHOLE: usize = 32 << 10;

/// Room for kept bodies, shared by all requests of one worker.
#[derive(Debug)]
pub(super) struct Pool {
    free: Cell<usize>,
}

/// Some of that room; given back when dropped.
#[derive(Debug)]
struct Lease {
    pool: Rc<Pool>,
    bytes: usize,
}

/// The body of one request.
///
/// While it is *kept*, every piece that is handed out stays here, too, and [`Upload::rewind`] begins again from
/// the first. Otherwise each piece exists once, and after the first the request cannot be sent again.
#[derive(Debug, Default)]
pub(super) struct Upload {
    /// What the client has still to send; `None` once it ended.
    source: Option<Incoming>,
    pieces: VecDeque<Bytes>,
    /// How many of `pieces` this attempt has sent.
    next: usize,
    /// `None` = not kept.
    lease: Option<Lease>,
    /// Bytes of all of it, where that is known.
    length: Option<u64>,
    /// A piece was handed out that is not kept.
    spent: bool,
}

impl Pool {
    pub(super) fn new(bytes: usize) -> Rc<Self> {
        Rc::new(Self { free: Cell::new(bytes) })
    }

    fn lease(self: &Rc<Self>, bytes: usize) -> Option<Lease> {
        self.free.set(self.free.get().checked_sub(bytes)?);
        Some(Lease { pool: Rc::clone(self), bytes })
    }
}

impl Lease {
    /// Takes more room; `false` where there is none.
    fn grow(&mut self, more: usize) -> bool {
        let left = self.pool.free.get().checked_sub(more);
        if let Some(left) = left {
            self.pool.free.set(left);
            self.bytes += more;
        }
        left.is_some()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.free.set(self.pool.free.get() + self.bytes);
    }
}

impl Upload {
    /// A body of known length (or none at all): kept if it is at most `limit` bytes and the pool has room.
    pub(super) fn of_known_length(body: Incoming, length: u64, limit: usize, pool: &Rc<Pool>) -> Self {
        let lease = usize::try_from(length)
            .ok()
            .filter(|&length| length <= limit)
            .and_then(|length| pool.lease(length));
        Self { lease, length: Some(length), ..Self::unkept(body) }
    }

    /// A body of unknown length. Whether it can be kept must be known before its head is sent, so
    /// [`Upload::poll_fill`] has to run first.
    pub(super) fn of_unknown_length(body: Incoming, pool: &Rc<Pool>) -> Self {
        Self { lease: pool.lease(0), ..Self::unkept(body) }
    }

    /// A body that is not sent anywhere, or only once.
    pub(super) fn unkept(body: Incoming) -> Self {
        Self { source: Some(body).filter(|body| !body.is_end_stream()), ..Self::default() }
    }

    /// Takes in pieces until the body has ended or turns out to be too large to be kept.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        client: &Client,
    ) -> Poll<Result<(), hyper::Error>> {
        while let Some(lease) = &mut self.lease {
            let Some(source) = &mut self.source else {
                self.length = Some(lease.bytes as u64);
                return Poll::Ready(Ok(()));
            };
            match ready!(poll_data(source, cx)) {
                None => self.source = None,
                Some(piece) => {
                    let piece = piece?;
                    client.has_moved();
                    if lease.bytes + piece.len() > limit || !lease.grow(piece.len()) {
                        self.lease = None;
                    }
                    self.pieces.push_back(piece);
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes in all that is left.
    pub(super) fn poll_all(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
    ) -> Poll<Result<(), hyper::Error>> {
        while let Some(source) = &mut self.source {
            if let Some(piece) = ready!(poll_data(source, cx)) {
                self.pieces.push_back(piece?);
                client.has_moved();
                if !source.is_end_stream() {
                    continue;
                }
            }
            self.source = None;
        }
        Poll::Ready(Ok(()))
    }

    /// All pieces, where nothing more comes, nothing has been handed out, and it is little enough for one frame.
    pub(super) fn whole(&self) -> Option<impl Iterator<Item = &Bytes>> {
        let is_whole = self.source.is_none() && self.next == 0 && !self.spent;
        let bytes: usize = self.pieces.iter().map(Bytes::len).sum();
        (is_whole && bytes <= WHOLE).then(|| self.pieces.iter())
    }

    /// All of them were sent.
    pub(super) fn hand_out(&mut self) {
        if self.lease.is_none() {
            self.spent |= !self.pieces.is_empty();
            self.pieces.clear();
        }
        self.next = self.pieces.len();
    }

    /// The next piece to send; `None` at the end.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        if self.lease.is_none()
            && let Some(piece) = self.pieces.pop_front()
        {
            self.spent = true;
            return Poll::Ready(Some(Ok(piece)));
        }
        if let Some(piece) = self.pieces.get(self.next) {
            self.next += 1;
            return Poll::Ready(Some(Ok(piece.clone())));
        }
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        let piece = match ready!(poll_data(source, cx)) {
            None => {
                self.source = None;
                return Poll::Ready(None);
            }
            Some(piece) => piece?,
        };
        if source.is_end_stream() {
            self.source = None;
        }
        if self.lease.is_some() {
            self.pieces.push_back(piece.clone());
            self.next += 1;
        } else {
            self.spent = true;
        }
        Poll::Ready(Some(Ok(piece)))
    }

    /// Whether everything has been handed out.
    pub(super) fn is_finished(&self) -> bool {
        self.source.is_none() && self.next >= self.pieces.len()
    }

    /// Whether the client has sent everything.
    pub(super) fn is_taken_in(&self) -> bool {
        self.source.is_none()
    }

    /// How much the client has still to send at most; `None` where it did not say.
    pub(super) fn left(&self) -> Option<u64> {
        self.source.as_ref().map_or(Some(0), |source| source.size_hint().upper())
    }

    /// Bytes of all of it, where that is known.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether the node may count on it being sent again.
    pub(super) fn is_kept(&self) -> bool {
        self.lease.is_some()
    }

    /// Begins again from the first piece; `false` where some are gone.
    pub(super) fn rewind(&mut self) -> bool {
        self.next = 0;
        !self.spent
    }

    /// It will not be sent again: lets go of what this attempt has sent.
    pub(super) fn settle(&mut self) {
        self.pieces.drain(..self.next);
        self.next = 0;
        self.lease = None;
    }
}

/// The next data of a body, without trailers: nobody here has a use for them, and merging them into the fields
/// is dangerous (RFC 9110 6.5.1).
fn poll_data(body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, hyper::Error>>> {
    loop {
        match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Poll::Ready(Some(Ok(data))),
                _ => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back() {
        let pool = Pool::new(10);
        let mut first = pool.lease(6).unwrap();
        assert!(pool.lease(5).is_none());
        assert!(first.grow(4));
        assert!(!first.grow(1));
        drop(first);
        assert_eq!(pool.free.get(), 10);
    }
}
