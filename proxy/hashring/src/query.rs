//! The `key` parameter of a request target, read alike by the proxy and by a node.
//!
//! A query is form-encoded: `&` separates parameters, the first `=` ends a name, `+` is a space, `%XX` is a
//! byte, in names as in values. Any byte may result, zero and invalid UTF-8 too. A parameter without `=` has
//! an empty value, and nothing between two `&` is no parameter.
//!
//! The reading is strict, because the proxy routes by what it reads and the node stores by what it reads: a
//! bad escape anywhere in the query is an error, in a parameter that nobody asked for too, and so is a second
//! `key`. The first fault from the left is the one that is told.

use std::borrow::Cow;

/// The longest key, in decoded bytes.
pub const MAX_KEY: usize = 1024;

/// Why a query names no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No parameter named `key`.
    #[error("the request has no `key` parameter: add `?key=...`")]
    Missing,
    /// The key is empty.
    #[error("the `key` parameter is empty: a key has 1 to {MAX_KEY} bytes")]
    Empty,
    /// More than one parameter named `key`.
    #[error("the request has more than one `key` parameter: send exactly one")]
    Repeated,
    /// A `%` that is not followed by two hexadecimal digits.
    #[error(
        "the query has a `%` that is not followed by two hexadecimal digits: a percent sign itself is `%25`"
    )]
    BadEscape,
    /// The decoded key is longer than [`MAX_KEY`] bytes.
    #[error("the key is longer than {MAX_KEY} bytes")]
    TooLong,
}

/// The decoded key of a raw query string (what stands after `?`). Borrowed when nothing in it is encoded.
///
/// # Errors
/// See [`KeyError`].
pub fn key(query: Option<&str>) -> Result<Cow<'_, [u8]>, KeyError> {
    let mut found = None;
    for (name, value) in split(query) {
        if !is_key(name)? {
            check(value)?;
        } else if found.replace(decode(value)?).is_some() {
            return Err(KeyError::Repeated);
        }
    }
    match found {
        None => Err(KeyError::Missing),
        Some(key) if key.is_empty() => Err(KeyError::Empty),
        Some(key) if key.len() > MAX_KEY => Err(KeyError::TooLong),
        Some(key) => Ok(key),
    }
}

/// All parameters of a raw query string, decoded: name and value. One with a bad escape is
/// [`KeyError::BadEscape`] instead.
pub fn parameters(query: Option<&str>) -> impl Iterator<Item = Result<Parameter<'_>, KeyError>> {
    split(query).map(|(name, value)| Ok((decode(name)?, decode(value)?)))
}

/// The decoded name and value of a parameter.
pub type Parameter<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Names and values as they stand in the query.
fn split(query: Option<&str>) -> impl Iterator<Item = (&[u8], &[u8])> {
    let query = query.unwrap_or_default().as_bytes();
    query.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        match pair.iter().position(|&byte| byte == b'=') {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &[][..]),
        }
    })
}

fn is_key(name: &[u8]) -> Result<bool, KeyError> {
    Ok(name == b"key" || *decode(name)? == *b"key")
}

/// Decodes nothing, and fails where decoding would.
fn check(mut text: &[u8]) -> Result<(), KeyError> {
    while let Some(at) = text.iter().position(|&byte| byte == b'%') {
        (_, text) = escape(&text[at + 1..])?;
    }
    Ok(())
}

fn decode(text: &[u8]) -> Result<Cow<'_, [u8]>, KeyError> {
    let Some(plain) = text.iter().position(|byte| matches!(byte, b'%' | b'+')) else {
        return Ok(Cow::Borrowed(text));
    };
    let mut decoded = Vec::with_capacity(text.len());
    decoded.extend_from_slice(&text[..plain]);
    let mut rest = &text[plain..];
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match first {
            b'+' => (b' ', tail),
            b'%' => escape(tail)?,
            plain => (*plain, tail),
        };
        decoded.push(byte);
        rest = tail;
    }
    Ok(Cow::Owned(decoded))
}

/// The byte of an escape whose `%` has been read, and what stands after it.
fn escape(text: &[u8]) -> Result<(u8, &[u8]), KeyError> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(KeyError::BadEscape),
    };
    match text {
        [high, low, rest @ ..] => Ok(((digit(*high)? << 4) | digit(*low)?, rest)),
        _ => Err(KeyError::BadEscape),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Vec<u8>, KeyError> {
        key(Some(query)).map(Cow::into_owned)
    }

    #[test]
    fn one_key_written_in_several_ways_is_one_key() {
        for query in ["key=a+b", "key=a%20b", "key=%61%20b", "k%65y=a+b", "x=1&key=a+b&y", "&&key=a+b&"] {
            assert_eq!(read(query), Ok(b"a b".to_vec()), "{query}");
        }
    }

    #[test]
    fn any_bytes_make_a_key() {
        assert_eq!(read("key=%00%ff%FE%26%3D%2B%25"), Ok(b"\x00\xff\xfe&=+%".to_vec()));
        assert_eq!(read("key=é"), Ok("é".as_bytes().to_vec()));
        assert_eq!(read("key=a=b;c?d#/"), Ok(b"a=b;c?d#/".to_vec()));
    }

    #[test]
    fn a_key_without_escapes_is_not_copied() {
        assert!(matches!(key(Some("a=%20&key=user:1")), Ok(Cow::Borrowed(b"user:1"))));
    }

    #[test]
    fn without_a_key_there_is_nothing_to_route_by() {
        assert_eq!(key(None), Err(KeyError::Missing));
        for query in ["", "&", "Key=a", "key%20=a", "+key=a", "keys=a", "=key", "a=key"] {
            assert_eq!(read(query), Err(KeyError::Missing), "{query}");
        }
        for query in ["key", "key=", "a=1&key", "k%65y=&b"] {
            assert_eq!(read(query), Err(KeyError::Empty), "{query}");
        }
    }

    #[test]
    fn two_keys_are_refused_however_they_are_written() {
        for query in ["key=a&key=a", "key=a&%6bey=b", "key&key=a", "key=a&key"] {
            assert_eq!(read(query), Err(KeyError::Repeated), "{query}");
        }
    }

    #[test]
    fn a_bad_escape_anywhere_is_refused() {
        for query in
            ["key=%", "key=a%2", "key=%zz", "key=%+1", "key=a&x=%", "x=%g0&key=a", "%=1&key=a", "key=a&k%4"]
        {
            assert_eq!(read(query), Err(KeyError::BadEscape), "{query}");
        }
    }

    #[test]
    fn the_first_fault_from_the_left_is_told() {
        assert_eq!(read("key=a&key=b&x=%"), Err(KeyError::Repeated));
        assert_eq!(read("x=%&key=a&key=b"), Err(KeyError::BadEscape));
    }

    #[test]
    fn the_length_of_a_key_counts_decoded_bytes() {
        let longest = "%41".repeat(MAX_KEY);
        assert_eq!(read(&format!("key={longest}")), Ok(vec![b'A'; MAX_KEY]));
        assert_eq!(read(&format!("key={longest}A")), Err(KeyError::TooLong));
    }

    #[test]
    fn other_parameters_are_decoded_alike() {
        let all: Result<Vec<Parameter<'_>>, KeyError> = parameters(Some("a=1&&b+c=%2f&d")).collect();
        let expected: [(&[u8], &[u8]); 3] = [(b"a", b"1"), (b"b c", b"/"), (b"d", b"")];
        assert_eq!(all, Ok(expected.map(|(name, value)| (name.into(), value.into())).to_vec()));
        assert!(parameters(Some("a=%")).any(|one| one == Err(KeyError::BadEscape)));
    }
}
