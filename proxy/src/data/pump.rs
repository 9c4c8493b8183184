//! Moves a request's body into its call, as fast as the node takes it.

use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::client::Client;
use super::link::Call;
use super::replay::Upload;

/// The sending half of one attempt.
#[derive(Debug)]
pub(super) struct Pump {
    /// A piece that waits for the node's window.
    held: Option<Bytes>,
    done: bool,
}

/// Why a pump stopped early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The client's body is broken; the request must not be completed.
    Client,
    /// The node takes no more. Its answer, or the lack of one, says why.
    Node,
}

impl Pump {
    /// A pump; `done` where the whole request was sent at once.
    pub(super) fn new(done: bool) -> Self {
        Self { held: None, done }
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether it is the client that everybody waits for, rather than the node's window.
    pub(super) fn waits_for_client(&self) -> bool {
        !self.done && self.held.is_none()
    }

    /// Moves what can be moved now. Each piece that moves gives the exchange new time.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        call: &Call,
        upload: &mut Upload,
        client: &Client,
    ) -> Poll<Result<(), Stop>> {
        while !self.done {
            let mut piece = match self.held.take() {
                Some(piece) => piece,
                None => match ready!(upload.poll_next(cx)) {
                    Some(Ok(piece)) => piece,
                    // Dropping the call tells the node.
                    Some(Err(_)) => return self.stop(Stop::Client),
                    None => Bytes::new(),
                },
            };
            let (before, ends) = (piece.len(), upload.is_finished());
            let sent = call.poll_send(cx, &mut piece, ends);
            if piece.len() < before || before == 0 {
                client.has_moved();
            }
            match sent {
                Poll::Ready(Ok(())) => self.done = ends,
                Poll::Ready(Err(_)) => return self.stop(Stop::Node),
                Poll::Pending => {
                    self.held = Some(piece);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn stop(&mut self, why: Stop) -> Poll<Result<(), Stop>> {
        self.done = true;
        Poll::Ready(Err(why))
    }
}
