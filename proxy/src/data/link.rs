//! One link to one process of a node: any number of requests in flight, answered in any order (`docs/link.md`).
//!
//! [`Link`] queues requests and [`Call`] is what becomes of one. [`Driver`] is the connection itself, in a task of its
//! own: it writes what all have queued at once, and hands out what comes.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use kvnode::link::Malformed;
use kvnode::link::frame::{Header, Kind};
use kvnode::link::head::Ask;
use kvnode::link::hello::{Hello, Welcome};
use kvnode::link::input::Input;
use kvnode::link::output::Output;
use tokio::net::TcpStream;

mod call;
mod shared;

pub(super) use call::Call;
use shared::Shared;

/// What a node may send ahead of its reader, per answer. A slow client costs this much memory, and no more.
pub(super) const WINDOW: usize = 128 << 10;

/// The connection, as requests use it. It closes when this and all calls are gone.
#[derive(Debug)]
pub(super) struct Link {
    shared: Rc<RefCell<Shared>>,
}

/// The connection, as its own task sees it. It has to be polled for anything to move.
#[derive(Debug)]
pub(super) struct Driver {
    stream: TcpStream,
    input: Input,
    shared: Rc<RefCell<Shared>>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// The node has not looked at the request, and never will: it said so, or has not even got all of it.
    #[error("the request was not looked at")]
    NotProcessed,
    /// The node may have looked at it.
    #[error("the link broke, or the node gave the answer up")]
    Lost,
}

/// Why a request was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotSent {
    /// The node takes no more requests over this link.
    Closing,
    /// As many are in flight as the node takes.
    Full,
    /// Its target or fields do not fit into a frame.
    TooLarge,
}

impl Link {
    /// Says hello. The second half has to be polled for anything to move, and ends with the connection.
    pub(super) async fn open(mut stream: TcpStream, secret: Bytes, to: String) -> io::Result<(Self, Driver)> {
        let (mut input, mut output) = (Input::default(), Output::default());
        output.preface();
        let hello = Hello { window: WINDOW, secret, to };
        output.frame(Header::new(Kind::Hello, 0), |out| hello.put(out));
        poll_fn(|cx| output.poll_flush(cx, &mut stream)).await?;
        input.preface(&mut stream).await?;
        let frame = input.frame(&mut stream).await?;
        let welcome = match frame.header.kind {
            Kind::Welcome => Welcome::take(frame.payload)?,
            Kind::Refused => {
                let why = String::from_utf8_lossy(&frame.payload).into_owned();
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
            }
            _ => return Err(Malformed("no welcome").into()),
        };
        let shared = Rc::new(RefCell::new(Shared::new(output, welcome)));
        Ok((Self { shared: Rc::clone(&shared) }, Driver { stream, input, shared }))
    }

    /// Queues a request, with its whole body or none of it yet. It never waits.
    pub(super) fn send<'a>(
        &self,
        ask: &Ask<'_>,
        unkept: bool,
        whole: Option<impl Iterator<Item = &'a Bytes>>,
    ) -> Result<Call, NotSent> {
        let (key, id) = self.shared.borrow_mut().begin(ask, unkept, whole)?;
        Ok(Call::new(Rc::clone(&self.shared), key, id))
    }

    /// Whether it takes more requests.
    pub(super) fn is_open(&self) -> bool {
        self.shared.borrow().is_open()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.borrow_mut().close();
    }
}

impl Future for Driver {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let Self { stream, input, shared } = &mut *self;
            {
                let mut shared = shared.borrow_mut();
                // First of all, because some may have come with the welcome.
                while let Some(frame) = input.take()? {
                    shared.take(frame)?;
                }
                if shared.poll_flush(cx, stream)? {
                    return Poll::Ready(Ok(()));
                }
            }
            if input.poll_read(cx, stream)?.is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.borrow_mut().end();
    }
}
