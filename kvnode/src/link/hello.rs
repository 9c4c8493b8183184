//! How a link begins: who asks whom, and how much either may send ahead.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Malformed;

/// What the proxy says first: a `u32` window, then the secret and the address, each with a `u16` length.
#[derive(Clone, PartialEq, Eq)]
pub struct Hello {
    /// Bytes of each answer's body that may come before the proxy gives more room.
    pub window: usize,
    /// The cluster's secret.
    pub secret: Bytes,
    /// Whom the requests of this connection are for: `<cluster>/<node id>/<boot>`.
    pub to: String,
}

/// What the node says to that: two `u32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// Bytes of each request's body that may come before the node gives more room.
    pub window: usize,
    /// Requests that it takes at once; it refuses more.
    pub exchanges: usize,
}

impl Hello {
    /// Appends the binary form.
    pub fn put(&self, out: &mut BytesMut) {
        out.put_u32_le(u32::try_from(self.window).unwrap_or(u32::MAX));
        for text in [self.secret.as_ref(), self.to.as_bytes()] {
            // Both are far shorter: a secret fits into a header field, an address is made of three numbers.
            let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
            out.put_u16_le(length);
            out.put_slice(text.get(..usize::from(length)).unwrap_or_default());
        }
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`Malformed`] where it is none.
    pub fn take(mut payload: Bytes) -> Result<Self, Malformed> {
        let malformed = |_| Malformed("no hello");
        let window = payload.try_get_u32_le().map_err(malformed)? as usize;
        let mut text = || {
            let length = usize::from(payload.try_get_u16_le().map_err(malformed)?);
            (length <= payload.len()).then(|| payload.split_to(length)).ok_or(Malformed("no hello"))
        };
        let (secret, to) = (text()?, text()?);
        let to = String::from_utf8(to.to_vec()).map_err(|_| Malformed("an address that is no text"))?;
        Ok(Self { window, secret, to })
    }
}

impl std::fmt::Debug for Hello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the secret.
        f.debug_struct("Hello").field("window", &self.window).field("to", &self.to).finish_non_exhaustive()
    }
}

impl Welcome {
    /// Appends the binary form.
    pub fn put(&self, out: &mut BytesMut) {
        for number in [self.window, self.exchanges] {
            out.put_u32_le(u32::try_from(number).unwrap_or(u32::MAX));
        }
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`Malformed`] where it is none.
    pub fn take(mut payload: Bytes) -> Result<Self, Malformed> {
        let mut number = || payload.try_get_u32_le().map_err(|_| Malformed("no welcome"));
        Ok(Self { window: number()? as usize, exchanges: number()? as usize })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_come_out_as_they_went_in_and_cut_off_they_are_refused() {
        let hello = Hello { window: 9, secret: "s3cret".into(), to: "c/n/b".to_owned() };
        let welcome = Welcome { window: 7, exchanges: 8 };
        let (mut first, mut second) = (BytesMut::new(), BytesMut::new());
        hello.put(&mut first);
        welcome.put(&mut second);
        let (first, second) = (first.freeze(), second.freeze());
        for cut in 0..first.len() {
            assert!(Hello::take(first.slice(..cut)).is_err());
        }
        for cut in 0..second.len() {
            assert!(Welcome::take(second.slice(..cut)).is_err());
        }
        assert_eq!((Hello::take(first), Welcome::take(second)), (Ok(hello), Ok(welcome)));
    }

    #[test]
    fn the_secret_does_not_show_in_logs() {
        let hello = Hello { window: 1, secret: "s3cret".into(), to: String::new() };
        assert!(!format!("{hello:?}").contains("s3cret"));
    }
}
