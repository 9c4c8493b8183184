//! What a client still has to send when its answer is known already.
//!
//! A small rest is read before the answer goes out, so that the connection can be used again. A large one is not
//! waited for: the answer tells the client to close.

use std::task::{Context, Poll};

use http::HeaderMap;
use http::header::EXPECT;

use super::client::Client;
use super::deadline::NEVER;
use super::link::Call;
use super::pump::Pump;
use super::replay::Upload;

/// The largest rest that is read.
const SMALL: u64 = 64 << 10;

/// Reads a small rest, into `pump` for as long as that takes it; returns whether the client has sent everything.
pub(super) async fn read_rest(
    client: &Client,
    fields: &HeaderMap,
    upload: &mut Upload,
    pump: Option<(&mut Pump, &Call)>,
) -> bool {
    if upload.is_taken_in() {
        return true;
    }
    // Asking for a body that the client holds back would make hyper tell it to go on.
    if fields.contains_key(EXPECT) || upload.left().is_none_or(|left| left > SMALL) {
        return false;
    }
    client.has_moved();
    let mut pump = pump;
    let read = std::future::poll_fn(|cx| match poll(cx, client, upload, &mut pump) {
        Poll::Pending if client.is_late() => Poll::Ready(false),
        read => read,
    })
    .await;
    client.allow(NEVER);
    read
}

fn poll(
    cx: &mut Context<'_>,
    client: &Client,
    upload: &mut Upload,
    pump: &mut Option<(&mut Pump, &Call)>,
) -> Poll<bool> {
    if let Some((pump, call)) = pump
        && !pump.is_done()
    {
        match pump.poll(cx, call, upload, client) {
            Poll::Pending if pump.waits_for_client() => return Poll::Pending,
            // The node wants no more of it for now. It answered; nobody else waits for this.
            Poll::Pending => return Poll::Ready(upload.is_taken_in()),
            Poll::Ready(_) => {}
        }
    }
    while !upload.is_taken_in() {
        match upload.poll_next(cx) {
            Poll::Ready(Some(Ok(_)) | None) => {}
            Poll::Ready(Some(Err(_))) => return Poll::Ready(false),
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(true)
}
