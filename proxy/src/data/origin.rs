//! Whom a client's requests are for.

use http::HeaderValue;
use http::uri::Authority;

/// Whom a client asked: made once per connection and host, because most clients never change it.
#[derive(Debug)]
pub(super) struct Origin {
    /// As a `Host` field.
    pub(super) host: HeaderValue,
    /// The same, as it is shown on the page.
    pub(super) authority: Authority,
}

impl Origin {
    pub(super) fn new(authority: Authority) -> Self {
        // An authority has no character that a field value may not have.
        let host = HeaderValue::try_from(authority.as_str()).unwrap_or(HeaderValue::from_static(""));
        Self { host, authority }
    }
}
