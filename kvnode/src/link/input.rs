//! Frames from a socket.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::frame::Frame;
use super::{Malformed, PREFACE};

/// Room for one read: hundreds of small frames.
const READ: usize = 64 << 10;

/// What was read and not yet looked at.
#[derive(Debug, Default)]
pub struct Input {
    buffer: BytesMut,
}

impl Input {
    /// Reads once.
    ///
    /// # Errors
    /// What the socket says; [`io::ErrorKind::UnexpectedEof`] at the end.
    pub fn poll_read<S>(&mut self, cx: &mut Context<'_>, stream: &mut S) -> Poll<io::Result<()>>
    where
        S: AsyncRead + Unpin,
    {
        // With little room left a read would be small, however much is waiting.
        if self.buffer.capacity() - self.buffer.len() < READ / 4 {
            self.buffer.reserve(READ);
        }
        // Nothing is lost with this future: it either has read, or has not.
        pin!(stream.read_buf(&mut self.buffer)).poll(cx).map(|read| match read? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        })
    }

    /// The next frame, where all of it is here.
    ///
    /// # Errors
    /// [`Malformed`] where what came is no frame.
    pub fn take(&mut self) -> Result<Option<Frame>, Malformed> {
        Frame::take(&mut self.buffer)
    }

    /// Waits for the other side's preface.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] where it speaks something else, or another version; else what the socket says.
    pub async fn preface<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        self.at_least(PREFACE.len(), stream).await?;
        let theirs = self.buffer.split_to(PREFACE.len());
        let (name, version) = PREFACE.split_at(PREFACE.len() - 1);
        match (theirs.strip_prefix(name), version) {
            (Some(theirs), ours) if theirs == ours => Ok(()),
            (Some(theirs), ours) => Err(invalid(format!(
                "it speaks version {} of the link, we speak version {}: run the same version of Keyway everywhere",
                theirs.first().unwrap_or(&0),
                ours.first().unwrap_or(&0)
            ))),
            (None, _) => Err(invalid("it does not speak Keyway's link: is it a kvnode?".to_owned())),
        }
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] where it is none; else what the socket says.
    pub async fn frame<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<Frame> {
        loop {
            match self.take() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => self.at_least(self.buffer.len() + 1, stream).await?,
                Err(malformed) => return Err(malformed.into()),
            }
        }
    }

    async fn at_least<S: AsyncRead + Unpin>(&mut self, bytes: usize, stream: &mut S) -> io::Result<()> {
        while self.buffer.len() < bytes {
            std::future::poll_fn(|cx| self.poll_read(cx, stream)).await?;
        }
        Ok(())
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl From<Malformed> for io::Error {
    fn from(malformed: Malformed) -> Self {
        Self::new(io::ErrorKind::InvalidData, malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(bytes: &[u8]) -> String {
        let mut from = bytes;
        Input::default()
            .preface(&mut from)
            .await
            .map_or_else(|error| error.to_string(), |()| "ours".to_owned())
    }

    #[tokio::test]
    async fn another_protocol_or_version_is_called_so() {
        assert_eq!(told(&PREFACE).await, "ours");
        assert!(told(b"KEYWAY\x00\x07").await.contains("version 7 of the link, we speak version 1"));
        assert!(told(b"HTTP/1.1 400 Bad Request\r\n").await.contains("is it a kvnode?"));
        assert!(told(b"KEY").await.contains("end of file"));
    }
}
