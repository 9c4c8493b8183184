//! What a request wants, judged by its head alone.

use http::header::{HOST, MAX_FORWARDS};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method, Uri, Version};

use hashring::Position;
use hashring::query::{self, KeyError};

use super::fault::Fault;

/// Where a request goes.
#[derive(Debug)]
pub(super) enum Route {
    /// To the owner of this position.
    Node(Position),
    /// To the admin service.
    Admin,
    /// It asks for the short page at `/`.
    Page,
    /// It asks what this proxy itself can do.
    Options,
}

/// Decides where a request goes, or why nowhere.
///
/// Paths are compared as they came: a path that only *decodes* to an admin or inner path is data like any other,
/// and the node has no such path either.
pub(super) fn route(head: &Parts) -> Result<Route, Fault> {
    if head.method == Method::CONNECT {
        return Err(Fault::Connect);
    }
    let path = head.uri.path();
    if path == "*" {
        return if head.method == Method::OPTIONS { Ok(Route::Options) } else { Err(Fault::Target) };
    }
    if matches!(head.uri.scheme_str(), Some(scheme) if scheme != "http") {
        return Err(Fault::Target);
    }
    if is_admin(path) {
        return Ok(Route::Admin);
    }
    if is_under(path, "/inner") {
        return Err(Fault::Inner);
    }
    if head.method == Method::TRACE {
        return Err(Fault::Trace);
    }
    if head.method == Method::OPTIONS && head.headers.get(MAX_FORWARDS).is_some_and(|left| left == "0") {
        return Ok(Route::Options);
    }
    match query::key(head.uri.query()) {
        Ok(key) => Ok(Route::Node(Position::of(&key))),
        Err(KeyError::Missing) if path == "/" && matches!(head.method, Method::GET | Method::HEAD) => {
            Ok(Route::Page)
        }
        Err(error) => Err(Fault::Key(error)),
    }
}

/// Whether a raw path belongs to the admin plane.
fn is_admin(path: &str) -> bool {
    matches!(path, "/add-server" | "/remove-server") || is_under(path, "/admin")
}

fn is_under(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whom the request is for: the authority of an absolute target, else the `Host` field (RFC 9112 3.2). `None`
/// only for HTTP/1.0 without `Host`.
pub(super) fn authority(version: Version, uri: &Uri, fields: &HeaderMap) -> Result<Option<Authority>, Fault> {
    let mut hosts = fields.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(
            Authority::try_from(host.as_bytes())
                .ok()
                .filter(|authority| !authority.as_str().contains('@'))
                .ok_or(Fault::Host("is not a host name with an optional port"))?,
        ),
        (None, _) if version == Version::HTTP_10 => None,
        (None, _) => return Err(Fault::Host("is missing")),
        (Some(_), Some(_)) => return Err(Fault::Host("stands there more than once")),
    };
    Ok(uri.authority().cloned().or(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn route_of(method: Method, target: &str) -> Result<Route, Fault> {
        let request = Request::builder().method(method).uri(target).body(()).unwrap();
        route(&request.into_parts().0)
    }

    #[test]
    fn every_spelling_of_a_key_goes_to_the_same_place() {
        let place = Position::of(b"a b");
        for target in ["/kv?key=a+b", "/kv?x=1&key=a%20b", "/any/path?k%65y=%61%20b&y", "http://h/kv?key=a+b"]
        {
            assert!(matches!(route_of(Method::PUT, target), Ok(Route::Node(p)) if p == place), "{target}");
        }
    }

    #[test]
    fn admin_paths_are_compared_as_they_came() {
        for target in ["/add-server", "/remove-server?key=a", "/admin", "/admin/", "/admin/ring?key=a"] {
            assert!(matches!(route_of(Method::POST, target), Ok(Route::Admin)), "{target}");
        }
        for target in ["/adminx?key=a", "/add-server/?key=a", "/%61dmin?key=a", "//admin?key=a"] {
            assert!(matches!(route_of(Method::POST, target), Ok(Route::Node(_))), "{target}");
        }
    }

    #[test]
    fn inner_paths_of_nodes_are_nobodys_business() {
        for target in ["/inner", "/inner/v1/beat", "/inner/v1/move?key=a"] {
            assert!(matches!(route_of(Method::POST, target), Err(Fault::Inner)), "{target}");
        }
    }

    #[test]
    fn the_page_is_only_for_a_get_of_the_root_without_a_key() {
        assert!(matches!(route_of(Method::GET, "/"), Ok(Route::Page)));
        assert!(matches!(route_of(Method::HEAD, "/?x=1"), Ok(Route::Page)));
        assert!(matches!(route_of(Method::GET, "/?key=a"), Ok(Route::Node(_))));
        assert!(matches!(route_of(Method::PUT, "/"), Err(Fault::Key(KeyError::Missing))));
        assert!(matches!(route_of(Method::GET, "/?key="), Err(Fault::Key(KeyError::Empty))));
    }

    #[test]
    fn the_host_must_be_there_once_and_be_one() {
        let authority_of = |version, target: &str, hosts: &[&str]| {
            let mut fields = HeaderMap::new();
            for host in hosts {
                fields.append(HOST, host.parse().unwrap());
            }
            authority(version, &target.parse().unwrap(), &fields).map(|found| found.map(|a| a.to_string()))
        };
        let host = |text: &str| Some(text.to_owned());
        assert_eq!(authority_of(Version::HTTP_11, "/", &["a:1"]).unwrap(), host("a:1"));
        assert_eq!(authority_of(Version::HTTP_11, "http://b:2/", &["a:1"]).unwrap(), host("b:2"));
        assert_eq!(authority_of(Version::HTTP_10, "/", &[]).unwrap(), None);
        for hosts in [&[][..], &["a", "a"], &["a b"], &["u@a"], &[""], &["a/b"]] {
            assert!(authority_of(Version::HTTP_11, "/", hosts).is_err(), "{hosts:?}");
        }
    }
}
