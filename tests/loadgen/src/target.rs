//! Where requests go.

use std::net::{SocketAddr, ToSocketAddrs};

/// A server, and what stands before every path.
#[derive(Debug, Clone)]
pub struct Target {
    /// As it was written.
    pub url: String,
    /// What the `Host` field says.
    pub authority: String,
    /// Where to connect. Looked up once: a load is for one server.
    pub address: SocketAddr,
    /// The path of the URL, without a slash at its end.
    pub prefix: String,
}

impl Target {
    /// Of `http://host:port`, with a path or without.
    ///
    /// # Errors
    /// Where it is no such URL, or its host is not known.
    pub fn new(url: &str) -> Result<Self, String> {
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| format!("{url:?} does not begin with http:// (https is not spoken here)"))?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let place = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let mut found = place.to_socket_addrs().map_err(|error| format!("{place}: {error}"))?;
        let address = found.next().ok_or_else(|| format!("{place}: no such host"))?;
        let prefix = path.trim_end_matches('/').to_owned();
        Ok(Self { url: url.to_owned(), authority: authority.to_owned(), address, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_an_address_and_a_prefix() {
        let target = Target::new("http://127.0.0.1:5000/a/").unwrap();
        assert_eq!((target.address.to_string().as_str(), &*target.prefix), ("127.0.0.1:5000", "/a"));
        assert_eq!(Target::new("http://[::1]").unwrap().address.to_string(), "[::1]:80");
        for wrong in ["127.0.0.1:5000", "https://127.0.0.1", "http://", "http://127.0.0.1:x/"] {
            assert!(Target::new(wrong).is_err(), "{wrong}");
        }
    }
}
