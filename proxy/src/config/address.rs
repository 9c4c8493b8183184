//! URLs of nodes.

use http::Uri;

/// The URL of a node in its one form: `http://host:port`.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn node_url(text: &str) -> Result<String, String> {
    let authority = kvnode::client::authority(text).map_err(|error| error.to_string())?;
    let host = authority.host();
    let port: Option<u16> = match authority.as_str().strip_prefix(host) {
        Some("") => Some(80),
        Some(port) => port.strip_prefix(':').and_then(|port| port.parse().ok()).filter(|port| *port > 0),
        None => None,
    };
    match port {
        // The parser of URLs drops a fragment without a word.
        Some(port) if !text.contains('#') => Ok(format!("http://{}:{port}", host.to_ascii_lowercase())),
        _ => Err(format!("`{text}` is no URL of a node; write for example http://10.0.0.7:5001")),
    }
}

/// The port of a node's URL.
#[must_use]
pub fn port_of(url: &str) -> Option<u16> {
    let uri: Uri = url.parse().ok()?;
    uri.authority().map(|authority| authority.port_u16().unwrap_or(80))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_one_form() {
        for (text, url) in [
            ("http://127.0.0.1:5001", "http://127.0.0.1:5001"),
            ("http://Node-4.local:5001/", "http://node-4.local:5001"),
            ("http://[::1]:80", "http://[::1]:80"),
            ("http://node", "http://node:80"),
        ] {
            assert_eq!(node_url(text).as_deref(), Ok(url), "{text}");
        }
        assert_eq!(port_of("http://[::1]:5001"), Some(5001));
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for bad in [
            "",
            "127.0.0.1:5001",
            "https://127.0.0.1:5001",
            "http://",
            "http://user@host:1",
            "http://host:1/path",
            "http://host:1?x",
            "http://host:1#x",
            "http://host:99999",
            "http://host:0",
            "http://ho st:1",
            "ftp://host",
            "/relative",
        ] {
            assert!(node_url(bad).is_err(), "{bad:?}: {:?}", node_url(bad));
        }
    }
}
