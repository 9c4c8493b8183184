//! The cluster's secret, as the inner paths ask for it.

use std::fmt;

use subtle::ConstantTimeEq;

/// A secret that is never printed and is compared without telling, by the time it takes, how much of a guess
/// was right.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// The secret in `text`, without the blanks and line ends that a file has around it; none where it is empty.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.as_bytes().into()))
    }

    /// Whether `given` is this secret.
    ///
    /// All bytes are looked at whatever they are. Only the length shows in the time: our own secrets all have the
    /// same one, which is no secret. (Hashing both sides first would hide the length too, but a fast hash that is
    /// not made for secrets adds a new thing to trust, and buys nothing here.)
    #[must_use]
    pub fn is(&self, given: &[u8]) -> bool {
        self.0.ct_eq(given).into()
    }

    /// The bytes, for the header of a request of our own.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_opens() {
        let secret = Secret::new(" s3cret\n").unwrap();
        assert!(secret.is(b"s3cret"));
        for guess in [&b""[..], b"s3cre", b"s3crett", b"S3cret", b"s3cret\n"] {
            assert!(!secret.is(guess));
        }
    }

    #[test]
    fn a_secret_does_not_show_in_logs() {
        assert_eq!(format!("{:?}", Secret::new("s3cret")), "Some(Secret(..))");
        assert!(Secret::new(" \n").is_none());
    }
}
