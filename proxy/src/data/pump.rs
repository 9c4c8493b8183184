//! Moves a request's body into its stream, as fast as the node takes it.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;

use super::client::Client;
use super::replay::Upload;

/// The sending half of one attempt.
#[derive(Debug)]
pub(super) struct Pump {
    stream: SendStream<Bytes>,
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
    /// A pump for a stream; `done` where the request had no body.
    pub(super) fn new(stream: SendStream<Bytes>, done: bool) -> Self {
        Self { stream, held: None, done }
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
        upload: &mut Upload,
        client: &Client,
    ) -> Poll<Result<(), Stop>> {
        while !self.done {
            if let Some(piece) = self.held.take() {
                if self.stream.capacity() == 0 {
                    match self.stream.poll_capacity(cx) {
                        Poll::Pending => {
                            self.held = Some(piece);
                            return Poll::Pending;
                        }
                        Poll::Ready(Some(Ok(0))) => {
                            self.held = Some(piece);
                            continue;
                        }
                        Poll::Ready(Some(Ok(_))) => {}
                        Poll::Ready(Some(Err(_)) | None) => return self.stop(Stop::Node),
                    }
                }
                self.done = upload.is_finished();
                client.has_moved();
                if self.stream.send_data(piece, self.done).is_err() {
                    return self.stop(Stop::Node);
                }
                continue;
            }
            match ready!(upload.poll_next(cx)) {
                Some(Ok(piece)) => {
                    // Asking for one byte is enough to wait for any room at all: h2 asks for the rest when the
                    // piece is handed over, and a piece is never larger than one read from the client.
                    self.stream.reserve_capacity(1);
                    self.held = Some(piece);
                }
                Some(Err(_)) => {
                    self.stream.send_reset(h2::Reason::CANCEL);
                    return self.stop(Stop::Client);
                }
                None => {
                    self.done = true;
                    if self.stream.send_data(Bytes::new(), true).is_err() {
                        return self.stop(Stop::Node);
                    }
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
