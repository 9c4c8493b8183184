//! The stored form of a record, and the key that it lies under.
//!
//! Format 1; integers are little-endian:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 1 | format number |
//! | 1 | 1 | bit 0: has a content type, bit 1: has a content encoding |
//! | 2 | 4, 4, 4 | length of the content type, of the content encoding, of the value |
//! | 14 | 8 | version |
//! | 22 | 8 | modified, milliseconds since 1970 |
//! | 30 | 8 | expiry, milliseconds since 1970; 0 = none |
//! | 38 | .. | content type, content encoding, value |
//! | end - 8 | 8 | XXH3-64 of all bytes before it and then the whole store key |
//!
//! The key is part of the checksum so that a record which turns up under another key is seen as damaged.

use std::fmt;
use std::ops::Bound;

use bytes::{Buf, Bytes};
use hashring::view::Tally;
use hashring::{Id, Position};
use xxhash_rust::xxh3::Xxh3;

use crate::version::Version;

/// The format that is written; the only one so far.
const FORMAT: u8 = 1;
/// Bytes before the content type.
const HEAD: usize = 38;
/// Bytes of the checksum at the end.
const SUM: usize = 8;
/// Bytes of a position before the key.
const POSITION: usize = 8;
const HAS_TYPE: u8 = 1;
const HAS_ENCODING: u8 = 2;

/// One key's value and what is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Orders this record among all that the key ever had.
    pub version: Version,
    /// When it was written, by the writing node's clock: milliseconds since 1970, informational.
    pub modified_ms: u64,
    /// Reserved; 0 = none.
    pub expiry_ms: u64,
    /// As the client sent it.
    pub content_type: Option<Bytes>,
    /// As the client sent it.
    pub content_encoding: Option<Bytes>,
    /// The value.
    pub value: Bytes,
}

/// A stored record cannot be trusted. Nothing of it is given out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("key {key}: {what}")]
pub struct Damaged {
    /// The key, percent-encoded and shortened.
    pub key: String,
    /// What is wrong.
    pub what: Damage,
}

/// What is wrong with a stored record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Written by another version of the program, or its first byte is damaged.
    #[error(
        "its record is in format {0}, this kvnode knows format {FORMAT} only: \
         start the version that wrote it, or put the value again"
    )]
    UnknownFormat(u8),
    /// The lengths in it do not add up to the bytes that are there.
    #[error("its record has {bytes} bytes, which is not what its lengths say: put the value again")]
    Length {
        /// Bytes that are there.
        bytes: usize,
    },
    /// A byte of it, or of its key, is not what was written.
    #[error(
        "its record fails its checksum: the disk gave back something else than was written. Put the value again"
    )]
    Checksum,
}

impl Record {
    /// The stored form, for this key and no other.
    #[must_use]
    pub fn encode(&self, key: &StoreKey) -> Bytes {
        let content_type = self.content_type.as_deref().unwrap_or_default();
        let encoding = self.content_encoding.as_deref().unwrap_or_default();
        let fields = content_type.len() + encoding.len() + self.value.len();
        let mut out = Vec::with_capacity(HEAD + fields + SUM);
        out.push(FORMAT);
        out.push(self.flags());
        for field in [content_type, encoding, &self.value] {
            // No engine takes 4 GiB; should one ever, decoding reports the length rather than a wrong value.
            out.extend_from_slice(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
        for number in [self.version.0, self.modified_ms, self.expiry_ms] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for field in [content_type, encoding, &self.value] {
            out.extend_from_slice(field);
        }
        let sum = checksum(&out, key);
        out.extend_from_slice(&sum.to_le_bytes());
        out.into()
    }

    /// Reads back what [`encode`](Self::encode) wrote for this key. The value is a slice of `stored`, not a copy.
    ///
    /// # Errors
    /// [`Damaged`] for any other bytes, and for a record that was written for another key.
    pub fn decode(key: &StoreKey, stored: Bytes) -> Result<Self, Damaged> {
        parse(key, stored).map_err(|what| Damaged { key: key.to_string(), what })
    }

    /// XXH3-128 over the key and everything of the record that moves with it: version, modified, expiry, content
    /// type, content encoding, value; each variable part after its length. Independent of the stored format.
    ///
    /// Sums of digests (modulo 2^128) compare two sets of records without ordering them.
    #[must_use]
    pub fn digest(&self, key: &StoreKey) -> u128 {
        let mut hash = Xxh3::new();
        for number in [self.version.0, self.modified_ms, self.expiry_ms, u64::from(self.flags())] {
            hash.update(&number.to_le_bytes());
        }
        let content_type = self.content_type.as_deref().unwrap_or_default();
        let encoding = self.content_encoding.as_deref().unwrap_or_default();
        for part in [key.key(), content_type, encoding, &self.value] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.digest128()
    }

    /// Bytes of the key and the value: what tallies count.
    #[must_use]
    pub fn size(&self, key: &StoreKey) -> u64 {
        (key.key().len() + self.value.len()) as u64
    }

    /// Counts this record into `tally`. The order in which records are counted does not matter.
    pub fn count_into(&self, key: &StoreKey, tally: &mut Tally) {
        tally.records += 1;
        tally.bytes += self.size(key);
        tally.digest = Id(tally.digest.0.wrapping_add(self.digest(key)));
    }

    /// Takes this record out of a `tally` that it was counted into.
    pub fn count_out_of(&self, key: &StoreKey, tally: &mut Tally) {
        tally.records = tally.records.saturating_sub(1);
        tally.bytes = tally.bytes.saturating_sub(self.size(key));
        tally.digest = Id(tally.digest.0.wrapping_sub(self.digest(key)));
    }

    fn flags(&self) -> u8 {
        let has_type = if self.content_type.is_some() { HAS_TYPE } else { 0 };
        let has_encoding = if self.content_encoding.is_some() { HAS_ENCODING } else { 0 };
        has_type | has_encoding
    }
}

fn checksum(body: &[u8], key: &StoreKey) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(body);
    hash.update(&key.0);
    hash.digest()
}

fn parse(key: &StoreKey, mut stored: Bytes) -> Result<Record, Damage> {
    let wrong_length = Damage::Length { bytes: stored.len() };
    match stored.first() {
        Some(&FORMAT) => {}
        Some(&other) => return Err(Damage::UnknownFormat(other)),
        None => return Err(wrong_length),
    }
    let (body, sum) = stored.split_last_chunk::<SUM>().ok_or(wrong_length)?;
    let mut head = body.get(1..HEAD).ok_or(wrong_length)?;
    let flags = head.get_u8();
    let [type_length, encoding_length, value_length] = [(); 3].map(|()| u64::from(head.get_u32_le()));
    if type_length + encoding_length + value_length != (body.len() - HEAD) as u64 {
        return Err(wrong_length);
    }
    if checksum(body, key) != u64::from_le_bytes(*sum) {
        return Err(Damage::Checksum);
    }
    let [version, modified_ms, expiry_ms] = [(); 3].map(|()| head.get_u64_le());
    // They add up to what is there, so they fit.
    let length = |length| usize::try_from(length).map_err(|_| wrong_length);
    stored.advance(HEAD);
    let content_type = stored.split_to(length(type_length)?);
    let content_encoding = stored.split_to(length(encoding_length)?);
    stored.truncate(length(value_length)?);
    Ok(Record {
        version: Version(version),
        modified_ms,
        expiry_ms,
        content_type: (flags & HAS_TYPE != 0).then_some(content_type),
        content_encoding: (flags & HAS_ENCODING != 0).then_some(content_encoding),
        value: stored,
    })
}

/// Position (8 bytes, big-endian), then the key: a range of the ring is a range of the engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreKey(pub Bytes);

impl StoreKey {
    /// Where the record of this decoded key lies.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(POSITION + key.len());
        bytes.extend_from_slice(&Position::of(key).0.to_be_bytes());
        bytes.extend_from_slice(key);
        Self(bytes.into())
    }

    /// The position that it is filed under.
    #[must_use]
    pub fn position(&self) -> Position {
        let mut bytes = [0; POSITION];
        for (to, from) in bytes.iter_mut().zip(self.0.iter()) {
            *to = *from;
        }
        Position(u64::from_be_bytes(bytes))
    }

    /// The decoded key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.0.get(POSITION..).unwrap_or_default()
    }

    /// Whether the key is filed under its own position: false only for a damaged one.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        !self.key().is_empty() && Position::of(self.key()) == self.position()
    }
}

/// The key, percent-encoded; of a long one the beginning and its length.
impl fmt::Display for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 48;
        for &byte in self.key().iter().take(SHOWN) {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        if self.key().len() > SHOWN {
            write!(f, "... ({} bytes)", self.key().len())?;
        }
        Ok(())
    }
}

/// The engine's keys of all positions from `low` to `high`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    low: [u8; POSITION],
    /// The first position behind it; none when it reaches the last one of the ring.
    end: Option<[u8; POSITION]>,
}

impl Segment {
    /// All keys at positions from `low` to `high`, both included, as in `RangeSet::segments`.
    #[must_use]
    pub fn new(low: u64, high: u64) -> Self {
        Self { low: low.to_be_bytes(), end: high.checked_add(1).map(u64::to_be_bytes) }
    }

    /// The whole ring.
    #[must_use]
    pub fn whole() -> Self {
        Self::new(0, u64::MAX)
    }

    /// Bounds for [`Source::scan`](super::engine::Source::scan): all of it, or what comes behind the key `after`
    /// that an earlier page of this segment ended with.
    #[must_use]
    pub fn bounds<'a>(&'a self, after: Option<&'a [u8]>) -> (Bound<&'a [u8]>, Bound<&'a [u8]>) {
        let end = self.end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(end.as_slice()));
        (after.map_or(Bound::Included(self.low.as_slice()), Bound::Excluded), end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
        prop::collection::vec(any::<u8>(), 0..most).prop_map(Bytes::from)
    }

    fn edgy() -> impl Strategy<Value = u64> {
        prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)]
    }

    fn record() -> impl Strategy<Value = Record> {
        let fields = (prop::option::of(bytes(40)), prop::option::of(bytes(10)), bytes(600));
        (any::<(u64, u64, u64)>(), fields).prop_map(|((version, modified_ms, expiry_ms), fields)| Record {
            version: Version(version),
            modified_ms,
            expiry_ms,
            content_type: fields.0,
            content_encoding: fields.1,
            value: fields.2,
        })
    }

    fn sample() -> Record {
        Record {
            version: Version(0x0102_0304_0506_0708),
            modified_ms: 1_700_000_000_000,
            expiry_ms: 0,
            content_type: Some(Bytes::from_static(b"text/plain")),
            content_encoding: None,
            value: Bytes::from_static(b"hello"),
        }
    }

    proptest! {
        #[test]
        fn a_record_survives_being_stored(record in record(), key in bytes(40)) {
            let key = StoreKey::of(&key);
            prop_assert_eq!(Record::decode(&key, record.encode(&key)), Ok(record));
        }

        #[test]
        fn arbitrary_bytes_are_refused_without_a_panic(mut stored in prop::collection::vec(any::<u8>(), 0..200), known: bool) {
            if known && let Some(first) = stored.first_mut() {
                *first = FORMAT;
            }
            prop_assert!(Record::decode(&StoreKey::of(b"k"), stored.into()).is_err());
        }

        #[test]
        fn a_flipped_bit_is_always_seen(record in record(), at: prop::sample::Index, bit in 0..8) {
            let key = StoreKey::of(b"some key");
            let mut stored = record.encode(&key).to_vec();
            let at = at.index(stored.len());
            stored[at] ^= 1_u8 << bit;
            prop_assert!(Record::decode(&key, stored.into()).is_err());
        }

        #[test]
        fn a_cut_or_longer_record_is_always_seen(record in record(), at: prop::sample::Index, more in bytes(20)) {
            let key = StoreKey::of(b"some key");
            let stored = record.encode(&key);
            prop_assert!(Record::decode(&key, stored.slice(..at.index(stored.len()))).is_err());
            prop_assume!(!more.is_empty());
            prop_assert!(Record::decode(&key, [stored, more].concat().into()).is_err());
        }

        #[test]
        fn the_digest_changes_with_whatever_moves(one in record(), other in record()) {
            let key = StoreKey::of(b"k");
            prop_assert_eq!(one == other, one.digest(&key) == other.digest(&key));
            prop_assert_ne!(one.digest(&key), one.digest(&StoreKey::of(b"k2")));
        }

        #[test]
        fn a_segment_holds_exactly_its_positions(low in edgy(), high in edgy(), position: u64, key in bytes(20)) {
            let (low, high) = (low.min(high), low.max(high));
            for position in [position, low, high, low.wrapping_sub(1), high.wrapping_add(1)] {
                let mut stored = position.to_be_bytes().to_vec();
                stored.extend_from_slice(&key);
                let segment = Segment::new(low, high);
                let inside = std::ops::RangeBounds::<[u8]>::contains(&segment.bounds(None), stored.as_slice());
                prop_assert_eq!(inside, (low..=high).contains(&position), "{}", position);
            }
        }
    }

    #[test]
    fn the_stored_bytes_never_change() {
        let key = StoreKey::of(b"key0");
        let hex: String = sample().encode(&key).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "01010a000000000000000500000008070605040302010068e5cf8b0100000000000000000000\
             746578742f706c61696e68656c6c6f4bee550f4b02b6f2"
        );
    }

    #[test]
    fn a_record_under_another_key_is_damaged() {
        let stored = sample().encode(&StoreKey::of(b"mine"));
        let error = Record::decode(&StoreKey::of(b"yours"), stored).unwrap_err();
        assert_eq!(error.what, Damage::Checksum);
    }

    #[test]
    fn an_unknown_format_says_so_and_names_the_key() {
        let key = StoreKey::of("gr\u{fc}n & blau".as_bytes());
        let mut stored = sample().encode(&key).to_vec();
        stored[0] = 9;
        let said = Record::decode(&key, stored.into()).unwrap_err().to_string();
        assert!(said.starts_with("key gr%C3%BCn%20%26%20blau: its record is in format 9"), "{said}");
    }

    #[test]
    fn the_value_is_not_copied() {
        let key = StoreKey::of(b"k");
        let stored = sample().encode(&key);
        let value = Record::decode(&key, stored.clone()).unwrap().value;
        assert!(stored.as_ptr_range().contains(&value.as_ptr()));
    }

    #[test]
    fn a_long_key_is_shortened_in_messages() {
        let shown = StoreKey::of(&[b'a'; 1024]).to_string();
        assert_eq!(shown, format!("{}... (1024 bytes)", "a".repeat(48)));
    }

    #[test]
    fn a_store_key_knows_its_parts() {
        let key = StoreKey::of(b"key0");
        assert_eq!((key.position(), key.key()), (Position::of(b"key0"), b"key0".as_slice()));
        assert!(key.is_in_place());
        for damaged in [&b""[..], b"1234", b"12345678", b"12345678key0"] {
            assert!(!StoreKey(Bytes::copy_from_slice(damaged)).is_in_place());
        }
    }

    #[test]
    fn counting_in_and_out_leaves_nothing() {
        let mut tally = Tally::default();
        let keys = [StoreKey::of(b"a"), StoreKey::of(b"bb")];
        keys.iter().for_each(|key| sample().count_into(key, &mut tally));
        assert_eq!((tally.records, tally.bytes), (2, 3 + 10));
        keys.iter().rev().for_each(|key| sample().count_out_of(key, &mut tally));
        assert_eq!(tally, Tally::default());
    }
}
