//! A node's answer on its way to the client.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;

use super::answer::BodyError;
use super::client::Client;
use super::pump::Pump;
use super::replay::Upload;
use super::upstream::InFlight;

/// The body of a node's answer. The node may send a window ahead of what the client has taken, and no more.
#[derive(Debug)]
pub(super) struct Download {
    stream: RecvStream,
    /// Bytes still to come, where the node said how many.
    left: Option<u64>,
    /// The request's body, where the node answered before it had all of it.
    rest: Option<Box<(Pump, Upload)>>,
    client: Rc<Client>,
    _in_flight: InFlight,
}

impl Download {
    pub(super) fn new(
        stream: RecvStream,
        length: Option<u64>,
        rest: Option<Box<(Pump, Upload)>>,
        client: Rc<Client>,
        in_flight: InFlight,
    ) -> Self {
        Self { stream, left: length, rest, client, _in_flight: in_flight }
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if let Some(rest) = &mut self.rest {
            let (pump, upload) = &mut **rest;
            if pump.poll(cx, upload, &self.client).is_ready() {
                self.rest = None;
            }
        }
        let Some(data) = ready!(self.stream.poll_data(cx)) else { return Poll::Ready(None) };
        let data = data?;
        self.client.has_moved();
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        // At the end of a stream the room is given back with the stream.
        if !self.stream.is_end_stream() {
            self.stream.flow_control().release_capacity(data.len())?;
        }
        Poll::Ready(Some(Ok(data)))
    }

    pub(super) fn is_end(&self) -> bool {
        self.stream.is_end_stream()
    }

    pub(super) fn left(&self) -> Option<u64> {
        self.left
    }
}
