//! Which fields of a request go on to the node, and what is added to them (RFC 9110 7.6).
//!
//! In the other direction there is nothing to do: an HTTP/2 answer with a connection field is malformed, and h2
//! turns it into an error.

use std::net::{IpAddr, SocketAddr};

use http::header::{CONNECTION, FORWARDED, HeaderMap, HeaderName, HeaderValue, VIA};
use http::uri::Authority;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How many fields are added to a request, here and for the node's fence.
const ADDED: usize = 8;

/// What a field counts beside its name and value, when a head is measured (RFC 9113 6.5.2).
const PER_FIELD: usize = 32;

/// What is added to a head after it was measured: method, scheme, and the fields for the node's fence.
const RESERVE: usize = 512;

/// The name by which this proxy is known in `Via`.
#[derive(Debug)]
pub(super) struct Pseudonym {
    name: String,
    via: HeaderValue,
}

/// Whom a client asked: made once per connection and host, because most clients never change it.
#[derive(Debug)]
pub(super) struct Origin {
    /// As a `Host` field.
    pub(super) host: HeaderValue,
    /// The same, for the request to the node.
    pub(super) authority: Authority,
    forwarded: HeaderValue,
}

/// Why a head cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It has passed through this proxy before.
    Loop,
    /// With what is added to it, it is larger than heads may be.
    TooLarge,
}

impl Pseudonym {
    /// The name for `Via`; what cannot stand there is left out.
    pub(super) fn new(name: &str) -> Self {
        let name: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')).collect();
        let via = HeaderValue::try_from(format!("1.1 {name}"))
            .unwrap_or_else(|_| HeaderValue::from_static("1.1 keyway"));
        Self { name, via }
    }

    /// Whether a `Via` field lists this proxy.
    fn is_in(&self, via: &HeaderValue) -> bool {
        via.to_str().is_ok_and(|via| {
            via.split(',').any(|hop| hop.split_whitespace().nth(1).is_some_and(|by| by == self.name))
        })
    }
}

impl Origin {
    /// What is said about requests of `peer` for `authority`.
    pub(super) fn new(authority: Authority, peer: SocketAddr) -> Self {
        // An authority has no character that a field value may not have.
        let host = HeaderValue::try_from(authority.as_str()).unwrap_or(HeaderValue::from_static(""));
        let node = match peer.ip().to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("\"[{address}]\""),
        };
        let text = format!("for={node};host=\"{authority}\";proto=http");
        let forwarded = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("proto=http"));
        Self { host, authority, forwarded }
    }
}

/// The value of `X-Forwarded-For` for a client.
pub(super) fn address_of(peer: SocketAddr) -> HeaderValue {
    HeaderValue::try_from(peer.ip().to_canonical().to_string())
        .unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// Copies the fields that go on, and adds who forwarded what for whom.
///
/// What a client says in `Via`, `Forwarded` or `X-Forwarded-*` is kept, and ours is a further line behind it:
/// only the last line is known to be true.
///
/// `room` is what is left of the largest head for fields. A node has the same limit, and after enough heads that
/// exceed it, it would give up the whole link, with everybody's requests.
pub(super) fn for_node(
    fields: &HeaderMap,
    pseudonym: &Pseudonym,
    address: &HeaderValue,
    origin: Option<&Origin>,
    room: usize,
) -> Result<HeaderMap, Unfit> {
    let named = named_by_connection(fields);
    let mut copy = HeaderMap::with_capacity(fields.len() + ADDED);
    for (name, value) in fields {
        if stays_here(name) || named.contains(name) {
            continue;
        }
        if *name == VIA && pseudonym.is_in(value) {
            return Err(Unfit::Loop);
        }
        copy.append(name.clone(), value.clone());
    }
    copy.append(VIA, pseudonym.via.clone());
    copy.append(X_FORWARDED_FOR, address.clone());
    copy.append(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    if let Some(origin) = origin {
        copy.append(X_FORWARDED_HOST, origin.host.clone());
        copy.append(FORWARDED, origin.forwarded.clone());
    }
    let size: usize = copy.iter().map(|(name, value)| name.as_str().len() + value.len() + PER_FIELD).sum();
    if size + RESERVE > room { Err(Unfit::TooLarge) } else { Ok(copy) }
}

/// Fields that concern this connection only, or that this proxy has dealt with, or that only it may say.
fn stays_here(name: &HeaderName) -> bool {
    let name = name.as_str();
    match name {
        "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "transfer-encoding"
        | "upgrade" | "http2-settings" => true,
        // The host goes on as `:authority`; `100 Continue` is answered here.
        "host" | "expect" => true,
        _ => name.starts_with("keyway-"),
    }
}

/// The fields that `Connection` names, without those that framing, routing and access depend on.
fn named_by_connection(fields: &HeaderMap) -> Vec<HeaderName> {
    let mut named = Vec::new();
    for value in fields.get_all(CONNECTION) {
        if value == "keep-alive" || value == "close" {
            continue;
        }
        for token in value.as_bytes().split(|&byte| byte == b',') {
            match HeaderName::from_bytes(token.trim_ascii()) {
                Ok(name) if !is_protected(&name) => named.push(name),
                _ => {}
            }
        }
    }
    named
}

fn is_protected(name: &HeaderName) -> bool {
    matches!(name.as_str(), "host" | "content-length" | "transfer-encoding" | "authorization" | "via")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(fields: &[(&'static str, &'static str)]) -> Result<HeaderMap, Unfit> {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let peer = "[2001:db8::1]:4711".parse().unwrap();
        let origin = Origin::new(Authority::from_static("h:5000"), peer);
        for_node(&map, &Pseudonym::new("keyway-1"), &address_of(peer), Some(&origin), 4096)
    }

    fn lines(map: &HeaderMap, name: &str) -> Vec<String> {
        map.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn fields_of_the_connection_stay_here() {
        let fields = forward(&[
            ("connection", "close, X-Secret , if-match"),
            ("connection", "host, content-length, authorization"),
            ("x-secret", "1"),
            ("if-match", "\"1\""),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("trailer", "expires"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABk"),
            ("expect", "100-continue"),
            ("keyway-epoch", "9"),
            ("keyway-secret", "guess"),
            ("content-length", "3"),
            ("authorization", "Bearer x"),
            ("x-kept", "1"),
        ])
        .unwrap();
        let mut names: Vec<_> = fields.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let expected = [
            "authorization",
            "content-length",
            "forwarded",
            "via",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-kept",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn lines_of_one_name_keep_their_order() {
        let fields = forward(&[("accept", "a"), ("x-other", "1"), ("accept", "b")]).unwrap();
        assert_eq!(lines(&fields, "accept"), ["a", "b"]);
    }

    #[test]
    fn ours_stands_behind_what_the_client_claims() {
        let fields = forward(&[
            ("via", "1.0 fred, 1.1 p.example"),
            ("x-forwarded-for", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
        ])
        .unwrap();
        assert_eq!(lines(&fields, "via"), ["1.0 fred, 1.1 p.example", "1.1 keyway-1"]);
        assert_eq!(lines(&fields, "x-forwarded-for"), ["10.0.0.1", "2001:db8::1"]);
        let ours = "for=\"[2001:db8::1]\";host=\"h:5000\";proto=http";
        assert_eq!(lines(&fields, "forwarded"), ["for=10.0.0.1", ours]);
    }

    #[test]
    fn a_request_that_was_here_before_is_a_loop() {
        assert_eq!(forward(&[("via", "1.1 x, 1.1 keyway-1 (again)")]).unwrap_err(), Unfit::Loop);
        assert!(forward(&[("via", "1.1 keyway-12, 1.1 x-keyway-1")]).is_ok());
    }

    #[test]
    fn a_head_that_would_be_too_large_for_the_node_does_not_go_on() {
        let large: &'static str = "x".repeat(3000).leak();
        assert!(forward(&[("x-a", large)]).is_ok());
        assert_eq!(forward(&[("x-a", large), ("x-b", large)]).unwrap_err(), Unfit::TooLarge);
        let many: Vec<_> = (0..60).map(|_| ("x-a", "1")).collect();
        assert!(forward(&many).is_ok());
        let many: Vec<_> = (0..100).map(|_| ("x-a", "1")).collect();
        assert_eq!(forward(&many).unwrap_err(), Unfit::TooLarge);
    }
}
