//! Everything that this proxy answers instead of a node, and the one table that turns it into HTTP.

use bytes::Bytes;
use hashring::NodeName;
use hashring::query::KeyError;
use http::Response;
use http::header::{ALLOW, HeaderName, HeaderValue};
use http_body_util::Full;
use kvnode::http::harden;
use kvnode::problem::{Kind, Problem};

use super::answer::Body;
use super::upstream::DialError;

/// Methods that a node may know.
pub(super) const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE, OPTIONS");

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Why a request gets no answer from a node.
#[derive(Debug)]
pub(super) enum Fault {
    /// `CONNECT`.
    Connect,
    /// `TRACE`: an echo would show fields that a page must not read.
    Trace,
    /// The request target is of a form that makes no sense here.
    Target,
    /// The `Host` field, and what is wrong with it.
    Host(&'static str),
    /// No key to route by.
    Key(KeyError),
    /// A path between nodes.
    Inner,
    /// Admin paths are served elsewhere, or nowhere.
    NoAdmin,
    /// The admin service went away over this request.
    AdminGone,
    /// The request's target or fields do not fit onto a link.
    LargeHead,
    /// The ring is empty.
    NoOwner,
    /// The probes say that the owner is down.
    Down(NodeName),
    /// The owner has not said hello since it started.
    NotSeated(NodeName),
    /// The owner cannot be reached.
    Unreachable(NodeName, DialError),
    /// Too much is in flight to the owner.
    Busy(NodeName),
    /// The owner says again and again that it is not the owner.
    Unsettled(NodeName),
    /// The owner's connection closes, or it refuses the request unread: surely not applied.
    NotTaken(NodeName),
    /// The request was sent, then the connection was lost.
    Lost {
        /// Who had it.
        node: NodeName,
        /// The method has no effect, so not knowing is harmless.
        safe: bool,
    },
    /// The request was sent, and no answer came in time.
    Late {
        /// Who has it.
        node: NodeName,
        /// See [`Fault::Lost`].
        safe: bool,
    },
    /// Too many clients are connected.
    Crowded,
    /// The client stopped sending in the middle of the body.
    SlowBody,
    /// The client's body is cut off or wrongly framed.
    BadBody,
}

/// A problem, and the error type of RFC 9209 that goes with it.
type Told = (Problem, &'static str);

impl Fault {
    /// The answer.
    pub(super) fn response(&self) -> Response<Body> {
        self.whole().map(Body::own)
    }

    /// The answer, all of it in memory.
    pub(super) fn whole(&self) -> Response<Full<Bytes>> {
        let (mut problem, error) = self.told();
        let mut proxy_status = format!("keyway; error={error}");
        if let Some(node) = self.node() {
            problem = problem.member("node", node.as_str());
            proxy_status.push_str(&format!("; next-hop=\"{node}\""));
        }
        let mut response = problem.response();
        let fields = response.headers_mut();
        if let Ok(value) = HeaderValue::try_from(proxy_status) {
            fields.insert(PROXY_STATUS, value);
        }
        if matches!(self, Self::Connect | Self::Trace) {
            fields.insert(ALLOW, METHODS);
        }
        harden(fields);
        response
    }

    /// Whether nothing more is taken from the client's connection: its framing is broken, or a message that is
    /// wrong in one way may be meant to be read in two.
    pub(super) fn ends_connection(&self) -> bool {
        matches!(self, Self::SlowBody | Self::BadBody | Self::Host(_) | Self::Target | Self::Connect)
    }

    /// The node it is about.
    fn node(&self) -> Option<&NodeName> {
        match self {
            Self::Down(node)
            | Self::NotSeated(node)
            | Self::Unreachable(node, _)
            | Self::Busy(node)
            | Self::Unsettled(node)
            | Self::NotTaken(node)
            | Self::Lost { node, .. }
            | Self::Late { node, .. } => Some(node),
            _ => None,
        }
    }

    fn told(&self) -> Told {
        match self {
            Self::Connect
            | Self::Trace
            | Self::Target
            | Self::Host(_)
            | Self::Key(_)
            | Self::LargeHead
            | Self::SlowBody
            | Self::BadBody => self.told_of_client(),
            Self::Inner | Self::NoAdmin | Self::AdminGone | Self::Crowded => self.told_of_proxy(),
            _ => self.told_of_node(),
        }
    }

    /// The client did something wrong.
    fn told_of_client(&self) -> Told {
        const INCOMPLETE: &str = "Nothing was changed: the value was not complete.";
        let denied = "http_request_denied";
        let (kind, detail) = match self {
            Self::Connect => {
                let detail = "CONNECT is for forward proxies; ask for /kv?key=... here.";
                return (Problem::new(Kind::NoTunnels).detail(detail), denied);
            }
            Self::Trace => {
                let detail = "An echo could show fields that are not meant to be read.";
                return (Problem::new(Kind::NoTrace).detail(detail), denied);
            }
            Self::Key(error) => return (Problem::from(*error), "http_request_error"),
            Self::Target => {
                let detail = "Ask for a path and a key, such as /kv?key=hello, with the scheme http.";
                (Kind::BadTarget, detail.to_owned())
            }
            Self::Host(trouble) => {
                (Kind::BadHost, format!("The Host field {trouble}; an HTTP/1.1 request has exactly one."))
            }
            Self::LargeHead => {
                let detail = "The target and each field may have 65,535 bytes.";
                (Kind::LargeHead, detail.to_owned())
            }
            Self::SlowBody => (Kind::SlowBody, INCOMPLETE.to_owned()),
            _ => (Kind::BadBody, INCOMPLETE.to_owned()),
        };
        (Problem::new(kind).detail(detail), "http_request_error")
    }

    /// This proxy has nothing for the client.
    fn told_of_proxy(&self) -> Told {
        let (kind, error, detail) = match self {
            Self::Inner => (
                Kind::InnerPath,
                "http_request_denied",
                "Paths under /inner are for the nodes and the proxy; they are never forwarded.",
            ),
            Self::NoAdmin => (
                Kind::NoAdminHere,
                "http_request_denied",
                "The configuration key admin.listen says where it is.",
            ),
            Self::AdminGone => (
                Kind::Internal,
                "proxy_internal_error",
                "The log of the proxy says why. Whether something was changed is unknown: look at /admin/changes.",
            ),
            _ => (
                Kind::TooManyConnections,
                "connection_limit_reached",
                "Use fewer connections and keep them open, or raise limits.connections.",
            ),
        };
        (Problem::new(kind).detail(detail), error)
    }

    /// The owner cannot answer, or did not.
    fn told_of_node(&self) -> Told {
        const OTHERS: &str = "Other keys are not affected; this one is served again once its owner is.";
        let unavailable = "destination_unavailable";
        let (kind, error, detail) = match self {
            Self::Down(node) => {
                (Kind::OwnerDown, unavailable, format!("Node {node} does not answer. {OTHERS}"))
            }
            Self::NotSeated(node) => (
                Kind::OwnerDown,
                unavailable,
                format!("Node {node} has not said hello since it started. {OTHERS}"),
            ),
            Self::Unreachable(node, cause) => {
                (Kind::OwnerDown, cause.token(), format!("Node {node} cannot be reached: {cause}. {OTHERS}"))
            }
            Self::Busy(node) => (
                Kind::Overloaded,
                "connection_limit_reached",
                format!(
                    "Node {node} has as many requests to answer as this proxy allows. Nothing was changed."
                ),
            ),
            Self::Unsettled(node) => (
                Kind::RingChanging,
                unavailable,
                format!(
                    "Node {node} does not serve this key, and no newer view says who does. Nothing was changed."
                ),
            ),
            Self::NotTaken(node) => (
                Kind::NotTaken,
                unavailable,
                format!(
                    "Node {node} closes its connections, or refuses requests unread, as when it stops. Nothing \
                     was changed."
                ),
            ),
            Self::Lost { node, safe } => {
                (Kind::ConnectionLost, "connection_terminated", unknown(node, *safe))
            }
            Self::Late { node, safe } => (Kind::NoAnswer, "http_response_timeout", unknown(node, *safe)),
            _ => (
                Kind::NoOwner,
                unavailable,
                "The ring is empty: add a node with POST /add-server.".to_owned(),
            ),
        };
        (Problem::new(kind).detail(detail), error)
    }
}

fn unknown(node: &NodeName, safe: bool) -> String {
    if safe {
        format!("Node {node} has the request. Ask again; reading changes nothing.")
    } else {
        format!(
            "Node {node} has the request. Whether it was applied is unknown, so it was not sent again: read the \
             key, or repeat the request with If-Match or If-None-Match."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> NodeName {
        "n3".parse().unwrap()
    }

    #[test]
    fn an_unreachable_owner_is_named_and_worth_another_try() {
        let response = Fault::Unreachable(name(), DialError::Refused).response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.headers()[PROXY_STATUS], "keyway; error=connection_refused; next-hop=\"n3\"");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.headers()["content-security-policy"], "default-src 'none'; sandbox");
    }

    #[test]
    fn an_unknown_outcome_is_called_unknown_where_it_matters() {
        for safe in [false, true] {
            for fault in [Fault::Lost { node: name(), safe }, Fault::Late { node: name(), safe }] {
                assert_eq!(fault.told().0.to_json().contains("unknown"), !safe);
                assert!(fault.response().headers().get("retry-after").is_none());
            }
        }
    }
}
