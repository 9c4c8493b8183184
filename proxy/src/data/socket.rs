//! A client's socket, which tells its connection what comes and goes.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::client::Client;

/// So little is copied together: cheaper than to have the kernel gather it.
const SMALL: usize = 4 << 10;

/// The socket that hyper reads from and writes to.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TokioIo<TcpStream>,
    client: Rc<Client>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, client: Rc<Client>) -> Self {
        Self { stream: TokioIo::new(stream), client }
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }
}

impl Read for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            self.client.has_read();
        }
        read
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.client.has_written(written.is_ready());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let all: usize = bufs.iter().map(|buf| buf.len()).sum();
        let written = if all <= SMALL {
            let client = Rc::clone(&self.client);
            let mut together = client.worker.scratch.borrow_mut();
            together.clear();
            bufs.iter().for_each(|buf| together.extend_from_slice(buf));
            Pin::new(&mut self.stream).poll_write(cx, &together)
        } else {
            Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
        };
        self.client.has_written(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
