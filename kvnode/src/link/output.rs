//! Frames to a socket: what many exchanges have to say is gathered into one write.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::frame::{HEADER, Header, Kind, Reset};
use super::{PIECE, PREFACE};

/// Pieces of at least this size are handed to the kernel where they lie; smaller ones are copied together.
const APART: usize = 4 << 10;
/// Buffers per system call.
const SLICES: usize = 16;
/// A buffer that grew larger than this in a rush is not kept.
const KEPT: usize = 256 << 10;

/// What is to be sent, in order.
#[derive(Debug, Default)]
pub struct Output {
    /// What comes first.
    apart: VecDeque<Bytes>,
    /// What comes after it.
    together: BytesMut,
    queued: u64,
    written: u64,
}

impl Output {
    /// Queues our preface.
    pub fn preface(&mut self) {
        self.together.put_slice(&PREFACE);
        self.queued += PREFACE.len() as u64;
    }

    /// Queues a frame whose payload is written by `fill`.
    pub fn frame(&mut self, header: Header, fill: impl FnOnce(&mut BytesMut)) {
        let start = self.together.len();
        self.together.put_bytes(0, HEADER);
        fill(&mut self.together);
        let length = self.together.len() - start - HEADER;
        if let Some(room) = self.together.get_mut(start..start + HEADER) {
            room.copy_from_slice(&header.encode(length));
        }
        self.queued += (HEADER + length) as u64;
    }

    /// The same with a piece of a body behind it, of at most [`PIECE`] bytes.
    pub fn frame_with(&mut self, header: Header, fill: impl FnOnce(&mut BytesMut), piece: Bytes) {
        debug_assert!(piece.len() <= PIECE);
        if piece.len() < APART {
            return self.frame(header, |out| {
                fill(out);
                out.put_slice(&piece);
            });
        }
        let start = self.together.len();
        self.frame(header, fill);
        let length = self.together.len() - start - HEADER + piece.len();
        if let Some(room) = self.together.get_mut(start..start + HEADER) {
            room.copy_from_slice(&header.encode(length));
        }
        self.queued += piece.len() as u64;
        self.apart.push_back(self.together.split().freeze());
        self.apart.push_back(piece);
    }

    /// Takes back all frames that were queued since [`queued`](Self::queued) said `to`; for frames without a piece.
    pub fn take_back(&mut self, to: u64) {
        let extra = usize::try_from(self.queued - to).unwrap_or(usize::MAX);
        self.together.truncate(self.together.len().saturating_sub(extra));
        self.queued = to;
    }

    /// Queues a piece of a body.
    pub fn data(&mut self, id: u64, ends: bool, piece: Bytes) {
        self.frame_with(Header::new(Kind::Data, id).ending(ends), |_| (), piece);
    }

    /// Queues the end of an exchange.
    pub fn reset(&mut self, id: u64, why: Reset) {
        self.frame(Header::new(Kind::Reset, id), |out| out.put_u8(why as u8));
    }

    /// Queues more room for the other side.
    pub fn window(&mut self, id: u64, more: usize) {
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        self.frame(Header::new(Kind::Window, id), |out| out.put_u32_le(more));
    }

    /// Where the end of what is queued now will stand in all that is ever written.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.queued
    }

    /// How much of it the kernel has.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        usize::try_from(self.queued - self.written).unwrap_or(usize::MAX)
    }

    /// Writes until nothing waits.
    ///
    /// # Errors
    /// What the socket says.
    pub fn poll_flush<S>(&mut self, cx: &mut Context<'_>, stream: &mut S) -> Poll<io::Result<()>>
    where
        S: AsyncWrite + Unpin,
    {
        while self.waiting() > 0 {
            let written = ready!(self.poll_write(cx, stream))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write<S>(&self, cx: &mut Context<'_>, stream: &mut S) -> Poll<io::Result<usize>>
    where
        S: AsyncWrite + Unpin,
    {
        if self.apart.is_empty() {
            return Pin::new(stream).poll_write(cx, &self.together);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let all = self.apart.iter().map(AsRef::as_ref).chain([self.together.as_ref()]);
        for (slice, bytes) in slices.iter_mut().zip(all) {
            *slice = IoSlice::new(bytes);
        }
        Pin::new(stream).poll_write_vectored(cx, &slices)
    }

    fn advance(&mut self, mut written: usize) {
        self.written += written as u64;
        while let Some(first) = self.apart.front_mut() {
            if written < first.len() {
                return first.advance(written);
            }
            written -= first.len();
            self.apart.pop_front();
        }
        self.together.advance(written);
        if self.together.is_empty() {
            if self.together.capacity() > KEPT {
                self.together = BytesMut::new();
            } else {
                // Back to the beginning of the same buffer.
                self.together.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::input::Input;
    use proptest::prelude::*;

    /// Takes a few bytes at a time, as a full socket does.
    struct Slow {
        taken: Vec<u8>,
        at_once: usize,
    }

    impl AsyncWrite for Slow {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            let length = buf.len().min(self.at_once);
            self.taken.extend_from_slice(&buf[..length]);
            Poll::Ready(Ok(length))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    proptest! {
        #[test]
        fn what_is_queued_is_what_is_read_however_the_socket_takes_it(
            pieces in prop::collection::vec((0usize..10_000, any::<bool>()), 1..12),
            at_once in 1usize..9_000,
        ) {
            let mut output = Output::default();
            for (id, (length, flush)) in (1..).zip(&pieces) {
                let header = Header::new(Kind::Answer, id).ending(true);
                output.frame_with(header, |out| out.put_u8(7), vec![8; *length].into());
                if *flush {
                    output.window(id, *length);
                }
            }
            let mut slow = Slow { taken: Vec::new(), at_once };
            let mut cx = Context::from_waker(std::task::Waker::noop());
            prop_assert!(output.poll_flush(&mut cx, &mut slow).is_ready());
            prop_assert_eq!((output.waiting(), output.written()), (0, slow.taken.len() as u64));
            let (mut input, mut from) = (Input::default(), &slow.taken[..]);
            while let Poll::Ready(Ok(())) = input.poll_read(&mut cx, &mut from) {}
            for (id, (length, flush)) in (1..).zip(&pieces) {
                let frame = input.take().unwrap().unwrap();
                prop_assert_eq!((frame.header.id, frame.payload.len()), (id, length + 1));
                prop_assert!(frame.payload.starts_with(&[7]));
                if *flush {
                    prop_assert_eq!(input.take().unwrap().unwrap().window(), Ok(*length));
                }
            }
            prop_assert_eq!(input.take(), Ok(None));
        }
    }
}
