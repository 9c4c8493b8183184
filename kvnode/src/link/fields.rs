//! Header fields: a `u8` count, then for each a code, and what the code does not say.
//!
//! Codes from 128 stand for a whole field, name and value. Codes from 1 stand for a name, and the value follows, with
//! a `u16` length. Code 0 stands for neither: a `u8` length and the name come before the value.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Malformed;
use crate::http::SANDBOX;
use crate::protocol::{EPOCH_HEADER, NODE_HEADER};

const EPOCH: HeaderName = HeaderName::from_static(EPOCH_HEADER);
const NODE: HeaderName = HeaderName::from_static(NODE_HEADER);

/// Names by code, from 1. New ones go to the end.
static NAMES: [HeaderName; 18] = [
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    ETAG,
    LAST_MODIFIED,
    NODE,
    EPOCH,
    ALLOW,
    RETRY_AFTER,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    IF_RANGE,
    RANGE,
    CACHE_CONTROL,
    ACCEPT_RANGES,
];

/// Whole fields by code, from 128: those of every answer. New ones go to the end.
static WHOLE: [(HeaderName, HeaderValue); 6] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX)),
    (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
    (CONTENT_TYPE, HeaderValue::from_static("application/json")),
];

const FIRST_WHOLE: u8 = 128;

/// Whether a node acts on this field of a client's request. No other goes over the link: what a node does not look
/// at need not be copied, and what is not there cannot be misunderstood.
#[must_use]
pub fn is_for_node(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "if-match"
            | "if-none-match"
            | "if-modified-since"
            | "if-unmodified-since"
            | "if-range"
            | "range"
            | "content-type"
            | "content-encoding"
            | "content-range"
    )
}

fn code(name: &HeaderName, value: &HeaderValue) -> u8 {
    let known = match name.as_str() {
        "cache-control" if value == "no-cache" => 128,
        "x-content-type-options" if value == "nosniff" => 129,
        "content-security-policy" if value == SANDBOX => 130,
        "accept-ranges" if value == "bytes" => 131,
        "content-type" if value == "application/octet-stream" => 132,
        "content-type" if value == "application/json" => 133,
        "content-type" => 1,
        "content-encoding" => 2,
        "content-length" => 3,
        "content-range" => 4,
        "etag" => 5,
        "last-modified" => 6,
        NODE_HEADER => 7,
        EPOCH_HEADER => 8,
        "allow" => 9,
        "retry-after" => 10,
        "if-match" => 11,
        "if-none-match" => 12,
        "if-modified-since" => 13,
        "if-unmodified-since" => 14,
        "if-range" => 15,
        "range" => 16,
        "cache-control" => 17,
        "accept-ranges" => 18,
        _ => 0,
    };
    debug_assert!(known == 0 || known >= FIRST_WHOLE || NAMES.get(usize::from(known) - 1) == Some(name));
    known
}

/// Fields that do not fit: more than 255, or a name or value that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many fields, or too long ones")]
pub struct TooLarge;

/// Appends `fields`.
///
/// # Errors
/// [`TooLarge`], and then what was appended is not to be sent.
pub fn put<'a>(
    out: &mut BytesMut,
    fields: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
) -> Result<(), TooLarge> {
    let at = out.len();
    out.put_u8(0);
    let mut count = 0_u8;
    for (name, value) in fields {
        count = count.checked_add(1).ok_or(TooLarge)?;
        let code = code(name, value);
        out.put_u8(code);
        if code >= FIRST_WHOLE {
            continue;
        }
        if code == 0 {
            let name = name.as_str();
            out.put_u8(u8::try_from(name.len()).map_err(|_| TooLarge)?);
            out.put_slice(name.as_bytes());
        }
        out.put_u16_le(u16::try_from(value.len()).map_err(|_| TooLarge)?);
        out.put_slice(value.as_bytes());
    }
    if let Some(place) = out.get_mut(at) {
        *place = count;
    }
    Ok(())
}

/// Takes fields off `from`; their values are slices of it.
///
/// # Errors
/// [`Malformed`] where there are none, or one that HTTP does not allow.
pub fn take(from: &mut Bytes, spare: usize) -> Result<HeaderMap, Malformed> {
    const CUT: Malformed = Malformed("fields that are cut off");
    let count = usize::from(from.try_get_u8().map_err(|_| CUT)?);
    let mut fields = HeaderMap::with_capacity(count + spare);
    for _ in 0..count {
        let code = from.try_get_u8().map_err(|_| CUT)?;
        let (name, value) = if code >= FIRST_WHOLE {
            let at = usize::from(code - FIRST_WHOLE);
            WHOLE.get(at).cloned().ok_or(Malformed("a field of an unknown code"))?
        } else {
            let name = match code {
                0 => {
                    let length = usize::from(from.try_get_u8().map_err(|_| CUT)?);
                    let name = slice(from, length).ok_or(CUT)?;
                    let name =
                        HeaderName::from_bytes(&name).map_err(|_| Malformed("a field name that is none"))?;
                    if is_of_connection(&name) {
                        return Err(Malformed("a field that concerns one HTTP connection"));
                    }
                    name
                }
                code => {
                    let at = usize::from(code - 1);
                    NAMES.get(at).cloned().ok_or(Malformed("a field of an unknown code"))?
                }
            };
            let length = usize::from(from.try_get_u16_le().map_err(|_| CUT)?);
            let value = slice(from, length).ok_or(CUT)?;
            let value = HeaderValue::from_maybe_shared(value);
            (name, value.map_err(|_| Malformed("a field value that is none"))?)
        };
        fields.append(name, value);
    }
    Ok(fields)
}

/// Fields that concern one HTTP connection and mean nothing here.
pub(super) fn is_of_connection(name: &HeaderName) -> bool {
    matches!(name.as_str(), "connection" | "keep-alive" | "transfer-encoding" | "upgrade" | "trailer" | "te")
}

fn slice(from: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= from.len()).then(|| from.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(fields: &HeaderMap) -> HeaderMap {
        let mut out = BytesMut::new();
        put(&mut out, fields.iter()).unwrap();
        let mut from = out.freeze();
        let read = take(&mut from, 0).unwrap();
        assert!(from.is_empty());
        read
    }

    #[test]
    fn every_code_stands_for_what_the_tables_say() {
        let mut fields = HeaderMap::new();
        for name in &NAMES {
            fields.append(name, HeaderValue::from_static("x"));
        }
        for (name, value) in &WHOLE {
            fields.append(name, value.clone());
        }
        assert_eq!(there_and_back(&fields), fields);
        let mut out = BytesMut::new();
        put(&mut out, WHOLE.iter().map(|(name, value)| (name, value))).unwrap();
        assert_eq!(out.len(), 1 + WHOLE.len(), "each of them is one byte");
    }

    #[test]
    fn what_does_not_fit_is_not_sent() {
        let long = HeaderValue::from_bytes(&vec![b'x'; 65_536]).unwrap();
        assert_eq!(put(&mut BytesMut::new(), [(&CONTENT_TYPE, &long)].into_iter()), Err(TooLarge));
        let fields = std::iter::repeat_n((&CONTENT_TYPE, &long), 256);
        assert_eq!(put(&mut BytesMut::new(), fields), Err(TooLarge));
    }

    proptest! {
        #[test]
        fn any_fields_come_out_as_they_went_in(
            lines in prop::collection::vec(("[a-z]{3,12}", "[ -~]{0,40}"), 0..20),
        ) {
            let mut fields = HeaderMap::new();
            for (name, value) in &lines {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                if !is_of_connection(&name) {
                    fields.append(name, HeaderValue::from_str(value).unwrap());
                }
            }
            prop_assert_eq!(there_and_back(&fields), fields);
        }

        #[test]
        fn any_bytes_are_fields_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = take(&mut Bytes::from(bytes), 0);
        }
    }
}
