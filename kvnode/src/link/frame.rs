//! Frames: a header of 16 bytes, then the payload. Integers are little-endian.
//!
//! | bytes | |
//! |---|---|
//! | 0..4 | length of the payload |
//! | 4 | kind |
//! | 5 | flags |
//! | 6..8 | zero |
//! | 8..16 | the exchange that it belongs to; 0 = the connection |

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{MAX_PAYLOAD, Malformed};

/// Bytes of a frame's header.
pub const HEADER: usize = 16;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To the node, first: a [`Hello`](super::hello::Hello).
    Hello = 1,
    /// To the proxy, first: a [`Welcome`](super::hello::Welcome).
    Welcome = 2,
    /// To the proxy instead, and last: the node takes no requests from it. UTF-8 text that says why.
    Refused = 3,
    /// To the node: a request, with the first piece of its body.
    Request = 4,
    /// To the proxy: an answer, with the first piece of its body.
    Answer = 5,
    /// A further piece of a body.
    Data = 6,
    /// A `u32`: so many more bytes of a body may be sent.
    Window = 7,
    /// To the node: the answer is not wanted any more. To the proxy: there will be none, or no more of it; one byte,
    /// a [`Reset`], says why.
    Reset = 8,
    /// To the proxy: requests with a larger id than this `u64` are not looked at; the others will be answered.
    GoAway = 9,
}

/// Why an exchange ends without its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// Nobody wants it any more.
    Cancelled = 1,
    /// The node did not look at the request, and never will.
    Refused = 2,
    /// The answer broke off, or could not be made.
    Failed = 3,
}

/// The parts of a frame's header, without its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What it is for.
    pub kind: Kind,
    /// Of a request, an answer or data: the body ends with this frame.
    pub ends: bool,
    /// Of a request: its sender keeps no copy of the body, and cannot send it again.
    pub unkept: bool,
    /// The exchange; 0 = the connection.
    pub id: u64,
}

/// A frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its header.
    pub header: Header,
    /// The rest.
    pub payload: Bytes,
}

const ENDS: u8 = 1;
const UNKEPT: u8 = 2;

impl Header {
    /// A header without flags.
    #[must_use]
    pub fn new(kind: Kind, id: u64) -> Self {
        Self { kind, ends: false, unkept: false, id }
    }

    /// The same, of a frame with which a body ends or does not.
    #[must_use]
    pub fn ending(self, ends: bool) -> Self {
        Self { ends, ..self }
    }

    /// The binary form, with the length of the payload.
    #[must_use]
    pub fn encode(&self, length: usize) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut out = &mut bytes[..];
        // Payloads are made in pieces of far less than 4 GiB.
        out.put_u32_le(u32::try_from(length).unwrap_or(u32::MAX));
        out.put_u8(self.kind as u8);
        out.put_u8(if self.ends { ENDS } else { 0 } | if self.unkept { UNKEPT } else { 0 });
        out.put_u16_le(0);
        out.put_u64_le(self.id);
        bytes
    }

    /// Reads the binary form; the second is the length of the payload.
    ///
    /// # Errors
    /// [`Malformed`] where it is none of a version that we speak.
    pub fn decode(bytes: [u8; HEADER]) -> Result<(Self, usize), Malformed> {
        let mut from = &bytes[..];
        let length = from.get_u32_le() as usize;
        let kind = Kind::of(from.get_u8()).ok_or(Malformed("unknown kind"))?;
        let flags = from.get_u8();
        if flags & !(ENDS | UNKEPT) != 0 || from.get_u16_le() != 0 {
            return Err(Malformed("unknown flags"));
        }
        if length > MAX_PAYLOAD {
            return Err(Malformed("too long"));
        }
        let (ends, unkept) = (flags & ENDS != 0, flags & UNKEPT != 0);
        Ok((Self { kind, ends, unkept, id: from.get_u64_le() }, length))
    }
}

impl Frame {
    /// Takes the first frame off `buffer`; `None` where it is not whole yet.
    ///
    /// # Errors
    /// [`Malformed`] where the bytes are no frame.
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Self>, Malformed> {
        let Some(bytes) = buffer.first_chunk::<HEADER>() else { return Ok(None) };
        let (header, length) = Header::decode(*bytes)?;
        if buffer.len() < HEADER + length {
            // Room for all of it at once, instead of growing read by read.
            buffer.reserve(HEADER + length - buffer.len());
            return Ok(None);
        }
        buffer.advance(HEADER);
        // A slice would keep the whole read buffer in memory for as long as anyone keeps a few bytes of it.
        let payload = if length < SHARED {
            let copy = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
            buffer.advance(length);
            copy
        } else {
            buffer.split_to(length).freeze()
        };
        Ok(Some(Self { header, payload }))
    }

    /// The number in a [`Kind::Window`].
    ///
    /// # Errors
    /// [`Malformed`] where there is none.
    pub fn window(&self) -> Result<usize, Malformed> {
        let bytes = self.payload.as_ref().try_into().map_err(|_| Malformed("a window of another size"))?;
        Ok(u32::from_le_bytes(bytes) as usize)
    }

    /// The id in a [`Kind::GoAway`].
    ///
    /// # Errors
    /// [`Malformed`] where there is none.
    pub fn last(&self) -> Result<u64, Malformed> {
        let bytes = self.payload.as_ref().try_into().map_err(|_| Malformed("a goodbye of another size"))?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Whether a [`Kind::Reset`] says that the request was not looked at.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.payload.first() == Some(&(Reset::Refused as u8))
    }
}

/// Payloads of at least this size share the buffer that they were read into; smaller ones are copied out of it.
const SHARED: usize = 8 << 10;

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        const ALL: [Kind; 9] = [
            Kind::Hello,
            Kind::Welcome,
            Kind::Refused,
            Kind::Request,
            Kind::Answer,
            Kind::Data,
            Kind::Window,
            Kind::Reset,
            Kind::GoAway,
        ];
        ALL.get(usize::from(byte).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_kind_is_read_as_what_it_was_written_as() {
        for byte in 0..=u8::MAX {
            assert_eq!(
                Kind::of(byte).map(|kind| kind as u8),
                Some(byte).filter(|byte| (1..=9).contains(byte))
            );
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_anything_is_read() {
        let header = Header::new(Kind::Data, 1);
        assert!(Header::decode(header.encode(MAX_PAYLOAD)).is_ok());
        assert_eq!(Header::decode(header.encode(MAX_PAYLOAD + 1)), Err(Malformed("too long")));
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_the_bytes_arrive(
            frames in prop::collection::vec((1u8..=9, any::<(bool, bool, u64)>(), 0usize..20_000), 0..8),
            cut in 1usize..5_000,
        ) {
            let frames: Vec<_> = frames.into_iter().map(|(kind, (ends, unkept, id), length)| Frame {
                header: Header { kind: Kind::of(kind).unwrap(), ends, unkept, id },
                payload: vec![kind; length].into(),
            }).collect();
            let mut wire = Vec::new();
            for frame in &frames {
                wire.extend_from_slice(&frame.header.encode(frame.payload.len()));
                wire.extend_from_slice(&frame.payload);
            }
            let (mut buffer, mut read) = (BytesMut::new(), Vec::new());
            for piece in wire.chunks(cut) {
                buffer.extend_from_slice(piece);
                while let Some(frame) = Frame::take(&mut buffer).unwrap() {
                    read.push(frame);
                }
            }
            prop_assert_eq!(read, frames);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn any_bytes_are_frames_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(frame)) = Frame::take(&mut buffer) {
                let _ = (frame.window(), frame.last(), frame.is_refusal());
            }
        }
    }
}
