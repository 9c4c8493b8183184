//! The numbered stream from the old owner of ranges to the new one, one message in flight at a time.
//!
//! Binary form, integers little-endian: format `1` (u8), session (u64), sequence (u64), source id (u128), source
//! boot (u128), source name (u8 length + bytes), number of frames (u32), then the frames, each a kind (u8) and
//! its fields; byte strings have a u32 length. Records travel as they are stored, checksum included.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use hashring::view::Tally;
use hashring::{Id, NodeName};

use crate::store::record::StoreKey;
use crate::version::Version;

const FORMAT: u8 = 1;

/// One numbered message of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The epoch that decided this attempt.
    pub session: u64,
    /// 1, 2, 3, ... within one session and boot; a repeated message keeps its number.
    pub sequence: u64,
    /// The old owner.
    pub from: NodeName,
    /// Its folder.
    pub source_id: Id,
    /// Its process: what one process promised, another one does not keep.
    pub source_boot: Id,
    /// What to apply, in order, as one commit.
    pub frames: Vec<Frame>,
}

/// One thing that the new owner must take in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Make ready: wipe what is here of these ranges. Stands alone, first in its session.
    Open,
    /// A client's write that the old owner has not applied yet.
    Put {
        /// Where.
        key: StoreKey,
        /// The encoded record.
        record: Bytes,
        /// Its version.
        version: Version,
    },
    /// A client's delete that the old owner has not applied yet.
    Delete {
        /// Where.
        key: StoreKey,
        /// Orders the delete among writes.
        version: Version,
    },
    /// Records as the old owner holds them, in position order.
    Page {
        /// Key and encoded record.
        entries: Vec<(StoreKey, Bytes)>,
    },
    /// Count what is here now. Last in its message.
    Mark,
    /// Nothing to apply: only the answer is wanted.
    Probe,
    /// The old owner serves nothing of these ranges any more, and no write of theirs is under way. Last ever.
    Seal,
}

/// The new owner's answer. Whatever it says was synced before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// What became of the message.
    pub verdict: Verdict,
    /// What was counted at the last mark, once the count is finished.
    pub tally: Option<Tally>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Applied, now or before, and synced.
    Applied,
    /// Not yet, for this reason: send it again.
    Busy(String),
    /// Not yet: there is no room for it. Send it again.
    Full,
    /// Never: this session is not, or no longer, what the receiver's view says.
    Stale(String),
}

/// The bytes are no message, or of another format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed move message: {0}")]
pub struct Malformed(&'static str);

impl Frame {
    /// About how many bytes the frame takes in a message.
    #[must_use]
    pub fn size(&self) -> usize {
        16 + match self {
            Self::Put { key, record, .. } => key.0.len() + record.len(),
            Self::Delete { key, .. } => key.0.len(),
            Self::Page { entries } => {
                entries.iter().map(|(key, record)| 8 + key.0.len() + record.len()).sum()
            }
            Self::Open | Self::Mark | Self::Probe | Self::Seal => 0,
        }
    }
}

impl Message {
    /// What the message is for, in a word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.frames.last() {
            Some(Frame::Open) => "open",
            Some(Frame::Put { .. } | Frame::Delete { .. }) => "write",
            Some(Frame::Page { .. }) => "page",
            Some(Frame::Mark) => "mark",
            Some(Frame::Probe) => "probe",
            Some(Frame::Seal) => "seal",
            None => "nothing",
        }
    }

    /// The binary form.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(128 + self.frames.iter().map(Frame::size).sum::<usize>());
        out.put_u8(FORMAT);
        out.put_u64_le(self.session);
        out.put_u64_le(self.sequence);
        out.put_u128_le(self.source_id.0);
        out.put_u128_le(self.source_boot.0);
        put_bytes(&mut out, self.from.as_str().as_bytes());
        put_length(&mut out, self.frames.len());
        for frame in &self.frames {
            put_frame(&mut out, frame);
        }
        out.freeze()
    }

    /// Reads the binary form; keys and records are slices of `bytes`.
    ///
    /// # Errors
    /// [`Malformed`] where the bytes are not one whole message.
    pub fn decode(mut bytes: Bytes) -> Result<Self, Malformed> {
        let input = &mut bytes;
        if input.try_get_u8().map_err(short)? != FORMAT {
            return Err(Malformed("unknown format"));
        }
        let session = input.try_get_u64_le().map_err(short)?;
        let sequence = input.try_get_u64_le().map_err(short)?;
        let source_id = Id(input.try_get_u128_le().map_err(short)?);
        let source_boot = Id(input.try_get_u128_le().map_err(short)?);
        let from = get_name(input)?;
        let count = input.try_get_u32_le().map_err(short)?;
        let frames = (0..count).map(|_| get_frame(input)).collect::<Result<_, _>>()?;
        if input.has_remaining() {
            return Err(Malformed("bytes left over"));
        }
        Ok(Self { session, sequence, from, source_id, source_boot, frames })
    }
}

impl Ack {
    /// The binary form: format, verdict (u8, text), 0 or 1 and the tally.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(64);
        out.put_u8(FORMAT);
        let (kind, text) = match &self.verdict {
            Verdict::Applied => (0, ""),
            Verdict::Busy(text) => (1, text.as_str()),
            Verdict::Stale(text) => (2, text.as_str()),
            Verdict::Full => (3, ""),
        };
        out.put_u8(kind);
        put_bytes(&mut out, text.as_bytes());
        out.put_u8(u8::from(self.tally.is_some()));
        if let Some(tally) = self.tally {
            out.put_u64_le(tally.records);
            out.put_u64_le(tally.bytes);
            out.put_u128_le(tally.digest.0);
        }
        out.freeze()
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`Malformed`] where the bytes are not one whole acknowledgement.
    pub fn decode(mut bytes: Bytes) -> Result<Self, Malformed> {
        let input = &mut bytes;
        if input.try_get_u8().map_err(short)? != FORMAT {
            return Err(Malformed("unknown format"));
        }
        let kind = input.try_get_u8().map_err(short)?;
        let text = String::from_utf8_lossy(&get_bytes(input)?).into_owned();
        let verdict = match kind {
            0 => Verdict::Applied,
            1 => Verdict::Busy(text),
            2 => Verdict::Stale(text),
            3 => Verdict::Full,
            _ => return Err(Malformed("unknown verdict")),
        };
        let tally = match input.try_get_u8().map_err(short)? {
            0 => None,
            _ => Some(Tally {
                records: input.try_get_u64_le().map_err(short)?,
                bytes: input.try_get_u64_le().map_err(short)?,
                digest: Id(input.try_get_u128_le().map_err(short)?),
            }),
        };
        Ok(Self { verdict, tally })
    }
}

fn put_frame(out: &mut BytesMut, frame: &Frame) {
    match frame {
        Frame::Open => out.put_u8(0),
        Frame::Put { key, record, version } => {
            out.put_u8(1);
            put_bytes(out, &key.0);
            out.put_u64_le(version.0);
            put_bytes(out, record);
        }
        Frame::Delete { key, version } => {
            out.put_u8(2);
            put_bytes(out, &key.0);
            out.put_u64_le(version.0);
        }
        Frame::Page { entries } => {
            out.put_u8(3);
            put_length(out, entries.len());
            for (key, record) in entries {
                put_bytes(out, &key.0);
                put_bytes(out, record);
            }
        }
        Frame::Mark => out.put_u8(4),
        Frame::Probe => out.put_u8(5),
        Frame::Seal => out.put_u8(6),
    }
}

fn get_frame(input: &mut Bytes) -> Result<Frame, Malformed> {
    Ok(match input.try_get_u8().map_err(short)? {
        0 => Frame::Open,
        1 => {
            let key = get_key(input)?;
            let version = Version(input.try_get_u64_le().map_err(short)?);
            Frame::Put { key, version, record: get_bytes(input)? }
        }
        2 => Frame::Delete { key: get_key(input)?, version: Version(input.try_get_u64_le().map_err(short)?) },
        3 => {
            let count = input.try_get_u32_le().map_err(short)?;
            let entry = |_| Ok((get_key(input)?, get_bytes(input)?));
            Frame::Page { entries: (0..count).map(entry).collect::<Result<_, _>>()? }
        }
        4 => Frame::Mark,
        5 => Frame::Probe,
        6 => Frame::Seal,
        _ => return Err(Malformed("unknown frame")),
    })
}

fn put_length(out: &mut BytesMut, length: usize) {
    // Lengths are bounded by the largest value and the size of a message, far below 4 GiB.
    out.put_u32_le(u32::try_from(length).unwrap_or(u32::MAX));
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.put_slice(bytes);
}

fn get_bytes(input: &mut Bytes) -> Result<Bytes, Malformed> {
    let length = input.try_get_u32_le().map_err(short)? as usize;
    if length > input.remaining() {
        return Err(Malformed("it ends too early"));
    }
    Ok(input.split_to(length))
}

fn get_key(input: &mut Bytes) -> Result<StoreKey, Malformed> {
    let bytes = get_bytes(input)?;
    if bytes.len() <= 8 { Err(Malformed("a key without a name")) } else { Ok(StoreKey(bytes)) }
}

fn get_name(input: &mut Bytes) -> Result<NodeName, Malformed> {
    let bytes = get_bytes(input)?;
    std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok()).ok_or(Malformed("a bad name"))
}

fn short(_: bytes::TryGetError) -> Malformed {
    Malformed("it ends too early")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Message {
        let key = StoreKey::of(b"a key");
        let record = Bytes::from_static(b"not looked into");
        Message {
            session: 7,
            sequence: 3,
            from: "n1".parse().unwrap(),
            source_id: Id(1),
            source_boot: Id(2),
            frames: vec![
                Frame::Open,
                Frame::Put { key: key.clone(), record: record.clone(), version: Version(9) },
                Frame::Delete { key: key.clone(), version: Version(10) },
                Frame::Page { entries: vec![(key, record)] },
                Frame::Mark,
                Frame::Probe,
                Frame::Seal,
            ],
        }
    }

    #[test]
    fn a_message_survives_being_sent() {
        assert_eq!(Message::decode(sample().encode()), Ok(sample()));
    }

    #[test]
    fn an_acknowledgement_survives_being_sent() {
        let tally = Tally { records: 1, bytes: 2, digest: Id(3) };
        let texts = [Verdict::Busy("wiping".into()), Verdict::Stale("gone".into())];
        for verdict in [Verdict::Applied, Verdict::Full].into_iter().chain(texts) {
            for tally in [None, Some(tally)] {
                let ack = Ack { verdict: verdict.clone(), tally };
                assert_eq!(Ack::decode(ack.encode()), Ok(ack));
            }
        }
    }

    #[test]
    fn no_cut_and_no_extra_byte_passes_as_a_message() {
        let whole = sample().encode();
        for length in 0..whole.len() {
            assert!(Message::decode(whole.slice(..length)).is_err(), "cut at {length}");
        }
        let mut longer = whole.to_vec();
        longer.push(0);
        assert!(Message::decode(longer.into()).is_err());
    }

    #[test]
    fn a_length_beyond_the_message_is_refused_without_allocating_it() {
        let frames = vec![Frame::Page { entries: Vec::new() }];
        let mut bytes = Message { frames, ..sample() }.encode().to_vec();
        let count = bytes.len() - 4;
        bytes[count..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Message::decode(bytes.into()).is_err());
    }
}
