//! A node's answer on its way to the client, where it does not come in one piece.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::answer::BodyError;
use super::client::Client;
use super::link::Call;
use super::pump::Pump;
use super::replay::Upload;
use super::upstream::InFlight;

/// The body of a node's answer. The node may send a window ahead of what the client has taken, and no more.
#[derive(Debug)]
pub(super) struct Download {
    call: Call,
    /// What came with the head.
    first: Bytes,
    /// Bytes still to come, where the node said how many.
    left: Option<u64>,
    /// The request's body, where the node answered before it had all of it.
    rest: Option<Box<(Pump, Upload)>>,
    client: Rc<Client>,
    _in_flight: InFlight,
}

impl Download {
    pub(super) fn new(
        call: Call,
        first: Bytes,
        length: Option<u64>,
        rest: Option<Box<(Pump, Upload)>>,
        client: Rc<Client>,
        in_flight: InFlight,
    ) -> Self {
        Self { call, first, left: length, rest, client, _in_flight: in_flight }
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if let Some(rest) = &mut self.rest {
            let (pump, upload) = &mut **rest;
            if pump.poll(cx, &self.call, upload, &self.client).is_ready() {
                self.rest = None;
            }
        }
        let data = match std::mem::take(&mut self.first) {
            first if !first.is_empty() => first,
            _ => match ready!(self.call.poll_piece(cx))? {
                Some(piece) => piece,
                None => return Poll::Ready(None),
            },
        };
        self.client.has_moved();
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        Poll::Ready(Some(Ok(data)))
    }

    pub(super) fn is_end(&self) -> bool {
        self.first.is_empty() && self.call.is_over()
    }

    pub(super) fn left(&self) -> Option<u64> {
        self.left
    }
}
