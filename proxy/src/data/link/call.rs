//! One request on a link, until its answer has ended or nobody wants it any more.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use kvnode::link::PIECE;
use kvnode::link::head::take_answer;

use super::Broken;
use super::shared::Shared;

/// A request in flight. Dropping it early tells the node that nobody wants the answer.
#[derive(Debug)]
pub(crate) struct Call {
    shared: Rc<RefCell<Shared>>,
    place: usize,
    id: u64,
}

impl Call {
    pub(super) fn new(shared: Rc<RefCell<Shared>>, place: usize, id: u64) -> Self {
        Self { shared, place, id }
    }

    /// The head of the answer with the first piece of its body, and whether that is all of it.
    pub(in crate::data) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Response<Bytes>, bool), Broken>> {
        let mut shared = self.shared.borrow_mut();
        let (payload, whole) = ready!(shared.poll_answer(self.place, cx))?;
        match take_answer(payload) {
            Ok(answer) => {
                shared.has_taken(self.place, answer.body().len());
                Poll::Ready(Ok((answer, whole)))
            }
            Err(error) => {
                tracing::error!(%error, id = self.id, "a node's answer cannot be read");
                Poll::Ready(Err(Broken::Lost))
            }
        }
    }

    /// The next piece of the answer's body; `None` at its end.
    pub(in crate::data) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, Broken>> {
        self.shared.borrow_mut().poll_piece(self.place, cx)
    }

    /// Whether the whole answer has been taken.
    pub(in crate::data) fn is_over(&self) -> bool {
        self.shared.borrow().is_over(self.place)
    }

    /// Sends as much of `piece` as may be sent, and leaves the rest in it. `ends`: nothing follows after it.
    pub(in crate::data) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        piece: &mut Bytes,
        ends: bool,
    ) -> Poll<Result<(), Broken>> {
        loop {
            let mut shared = self.shared.borrow_mut();
            let length = match piece.is_empty() {
                true => 0,
                false => ready!(shared.poll_window(self.place, cx))?.min(PIECE).min(piece.len()),
            };
            let next = piece.split_to(length);
            shared.send(self.place, next, ends && piece.is_empty());
            if piece.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.shared.borrow_mut().forget(self.place);
    }
}
