//! A socket for HTTP/1 answers: a small one goes out by the cheapest system call there is.

use std::cell::RefCell;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// So little is copied together: cheaper than to have the kernel gather it.
const SMALL: usize = 4 << 10;

thread_local! {
    /// Where it is copied to. What is not sent at once is given again, so nothing stays here.
    static TOGETHER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A connection for hyper.
#[derive(Debug)]
pub struct Socket(TokioIo<TcpStream>);

impl Socket {
    /// For this connection.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        Self(TokioIo::new(stream))
    }

    /// The connection again.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        self.0.into_inner()
    }
}

impl Read for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let stream = Pin::new(&mut self.0);
        match bufs {
            [one] => stream.poll_write(cx, one),
            several if several.iter().map(|buf| buf.len()).sum::<usize>() <= SMALL => TOGETHER
                .with_borrow_mut(|all| {
                    all.clear();
                    several.iter().for_each(|buf| all.extend_from_slice(buf));
                    stream.poll_write(cx, all)
                }),
            several => stream.poll_write_vectored(cx, several),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
