//! Who may use the admin plane.
//!
//! With a token set, whoever shows it, from anywhere. Without one, only programs on this machine: the peer is a
//! loopback address, nothing says that the request was forwarded for somebody else, and it was sent to a
//! loopback name. A web page that somebody on this machine looks at also sends from there, so what a browser
//! sends is looked at more closely:
//!
//! - a foreign `Origin` is refused;
//! - a `Host` that is no loopback name is refused: a page may point its own name at 127.0.0.1;
//! - a changing request must be of the same site, and must have what a page of another site cannot add without
//!   being asked first: the content type `application/json`, or the header `Keyway-Admin`.
//!
//! A plain `curl -X POST http://127.0.0.1:5000/add-server` has none of a browser's header fields and is let in.

use std::net::{IpAddr, SocketAddr};

use http::header::{AUTHORIZATION, CONTENT_TYPE, FORWARDED, HOST, ORIGIN, VIA, WWW_AUTHENTICATE};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use kvnode::problem::{Kind, Problem};

use super::answer::Fault;
use crate::config::secret::Secret;

/// What a page of another site cannot send without the browser asking us first.
const MARK: HeaderName = HeaderName::from_static("keyway-admin");
const SEC_FETCH: [&str; 4] = ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user"];
/// What proxies add. Any of them means that the peer's address says nothing about who asks.
const FORWARDERS: [HeaderName; 6] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// The rule that holds.
#[derive(Debug, Clone)]
pub enum Access {
    /// Whoever shows this token.
    Token(Secret),
    /// Programs on this machine.
    Loopback,
}

impl Access {
    /// With a token, the token; without one, this machine.
    #[must_use]
    pub fn new(token: Option<Secret>) -> Self {
        token.map_or(Self::Loopback, Self::Token)
    }

    /// The line that is logged at start. `listen` is where the admin plane listens.
    #[must_use]
    pub fn describe(&self, listen: SocketAddr) -> String {
        match self {
            Self::Token(_) => format!("admin on {listen}: whoever shows the token, from anywhere"),
            Self::Loopback => format!(
                "admin on {listen}: only programs on this machine (no KEYWAY_ADMIN_TOKEN is set; behind another proxy \
                 on this machine a token is a must, or everyone who reaches that proxy may administer)"
            ),
        }
    }

    /// Whether this request may go on.
    pub(super) fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: IpAddr,
    ) -> Result<(), Fault> {
        match self {
            Self::Token(token) => check_token(token, headers),
            Self::Loopback => {
                from_here(uri, headers, peer)?;
                not_another_page(method, headers)
            }
        }
    }
}

fn check_token(token: &Secret, headers: &HeaderMap) -> Result<(), Fault> {
    let mut offered = headers.get_all(AUTHORIZATION).iter();
    let shown = offered.next().and_then(|value| bearer(value.as_bytes()));
    if offered.next().is_none() && shown.is_some_and(|shown| token.is(shown)) {
        return Ok(());
    }
    let challenge = HeaderValue::from_static("Bearer realm=\"keyway\"");
    Err(Problem::new(Kind::TokenNeeded)
        .detail(
            "Send the header \"Authorization: Bearer TOKEN\" with the token that the proxy was started with.",
        )
        .header(WWW_AUTHENTICATE, challenge)
        .into())
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn from_here(uri: &Uri, headers: &HeaderMap, peer: IpAddr) -> Result<(), Fault> {
    if !peer.to_canonical().is_loopback() {
        return Err(refuse(&format!("it comes from {peer}")));
    }
    if let Some(name) = FORWARDERS.iter().find(|name| headers.contains_key(*name)) {
        return Err(refuse(&format!("the header {name} says that it was forwarded for somebody else")));
    }
    let mut hosts = headers.get_all(HOST).iter().map(HeaderValue::as_bytes);
    let host = hosts.next();
    let names = uri.authority().map(|authority| authority.as_str().as_bytes()).into_iter().chain(host);
    // HTTP/2 and absolute-form requests may carry the name in the target instead.
    if hosts.next().is_some() || names.clone().next().is_none() || !names.into_iter().all(is_loopback_name) {
        return Err(refuse("its Host is not localhost, 127.0.0.1 or [::1]"));
    }
    Ok(())
}

fn is_loopback_name(name: &[u8]) -> bool {
    let Ok(authority) = Authority::try_from(name) else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let named = host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    named && !authority.as_str().contains('@')
}

/// The `Host` has been found to be a loopback name already.
fn not_another_page(method: &Method, headers: &HeaderMap) -> Result<(), Fault> {
    let own = headers.get(HOST).map(|host| [b"http://", host.as_bytes()].concat());
    let foreign = |origin: &HeaderValue| own.as_deref() != Some(origin.as_bytes());
    if headers.get_all(ORIGIN).iter().any(foreign) {
        return Err(refuse("its Origin is another web page"));
    }
    let browser = headers.contains_key(ORIGIN) || SEC_FETCH.iter().any(|name| headers.contains_key(*name));
    if method.is_safe() || !browser {
        return Ok(());
    }
    let site = headers.get(SEC_FETCH[0]).map(HeaderValue::as_bytes);
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return Err(refuse("a browser sent it for another web page"));
    }
    let json = headers.get(CONTENT_TYPE).is_some_and(|kind| super::body::is_json(kind.as_bytes()));
    if json || headers.contains_key(MARK) {
        return Ok(());
    }
    Err(refuse(
        "a browser sent it without \"Content-Type: application/json\" or \"Keyway-Admin: 1\", as any web page could",
    ))
}

fn refuse(why: &str) -> Fault {
    Problem::new(Kind::AdminRefused)
        .detail(format!(
            "This request is refused because {why}. Without a token only programs on the proxy's own machine may \
             administer. Start the proxy with KEYWAY_ADMIN_TOKEN (or KEYWAY_ADMIN_TOKEN_FILE) to allow it from \
             elsewhere, and send \"Authorization: Bearer TOKEN\"."
        ))
        .into()
}

#[cfg(test)]
mod tests;
