//! One connection to one process of a node: HTTP/2 with prior knowledge, any number of requests in flight.

use std::cell::RefCell;
use std::task::{Context, Waker};

use bytes::Bytes;
use h2::client::{Builder, Connection, ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::Request;
use tokio::net::TcpStream;

/// What a node may send ahead of its reader, per answer. A slow client costs this much memory, and no more.
const STREAM_WINDOW: u32 = 128 << 10;
/// The same for the whole connection: so large that slow readers never hold up the others.
const CONNECTION_WINDOW: u32 = 512 << 20;
/// The largest frame the node may send: fewer frames for large values, and still only microseconds each.
const MAX_FRAME: u32 = 64 << 10;
/// The largest head of an answer.
const MAX_FIELDS: u32 = 64 << 10;

/// The connection, as requests use it. Whoever made it polls the other half.
#[derive(Debug)]
pub(super) struct Link {
    requests: RefCell<SendRequest<Bytes>>,
    /// A handle that has never queued anything; see [`Link::send`].
    spare: SendRequest<Bytes>,
}

impl Link {
    /// Speaks the preface. The second half has to be polled for anything to move, and ends with the connection.
    pub(super) async fn open(stream: TcpStream) -> Result<(Self, Connection<TcpStream, Bytes>), h2::Error> {
        let (requests, connection) = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(MAX_FRAME)
            .max_header_list_size(MAX_FIELDS)
            // Clients that go away in the middle of answers cause late frames; from our own nodes they are no
            // attack, and must not end the connection for everybody.
            .max_local_error_reset_streams(None)
            .enable_push(false)
            .handshake(stream)
            .await?;
        Ok((Self { spare: requests.clone(), requests: RefCell::new(requests) }, connection))
    }

    /// Queues a request; it never blocks. An error means that nothing was sent, and that this connection takes
    /// no more requests.
    pub(super) fn send(
        &self,
        request: Request<()>,
        ends: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        let mut requests = self.requests.borrow_mut();
        let sent = requests.send_request(request, ends)?;
        // When the node allows no more streams, h2 queues this one, and makes *this handle* wait until it is
        // open. The queue itself has no limit (ours is the number of requests in flight), so a fresh handle
        // goes on queueing.
        let mut nobody = Context::from_waker(Waker::noop());
        if requests.poll_ready(&mut nobody).is_pending() {
            *requests = self.spare.clone();
        }
        Ok(sent)
    }
}

/// Whether a request that failed with `error` was surely not processed (RFC 9113 8.7): the node refused its
/// stream, or said goodbye with a last stream before it. h2 gives a node's GOAWAY only to such streams; those
/// that the node may have processed end with an I/O error.
pub(super) fn surely_not_processed(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (refused || error.is_go_away())
}
