//! Everything that this proxy answers instead of a node, and the one table that turns it into HTTP.

use hashring::NodeName;
use hashring::query::KeyError;
use http::header::{ALLOW, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Response, StatusCode};
use kvnode::problem::Problem;

use super::answer::Body;
use super::headers::Unfit;
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
    /// The request's head cannot go on.
    Unfit(Unfit),
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
    /// The client stopped sending in the middle of the body.
    SlowBody,
    /// The client's body is cut off or wrongly framed.
    BadBody,
}

/// What is told to the client; see [`Fault::facts`].
struct Facts {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    /// The error type of RFC 9209.
    error: &'static str,
    detail: String,
}

impl Fault {
    /// The answer.
    pub(super) fn response(&self) -> Response<Body> {
        let facts = self.facts();
        let mut problem = Problem::new(facts.status, facts.slug, facts.title).detail(facts.detail);
        let mut proxy_status = format!("keyway; error={}", facts.error);
        if let Some(node) = self.node() {
            problem = problem.member("node", node.as_str());
            proxy_status.push_str(&format!("; next-hop=\"{node}\""));
        }
        if facts.status == StatusCode::SERVICE_UNAVAILABLE {
            problem = problem.retry_after(1);
        }
        let mut response = problem.response().map(Body::own);
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
            | Self::Lost { node, .. }
            | Self::Late { node, .. } => Some(node),
            _ => None,
        }
    }

    fn facts(&self) -> Facts {
        match self {
            Self::Connect
            | Self::Trace
            | Self::Target
            | Self::Host(_)
            | Self::Key(_)
            | Self::Unfit(Unfit::TooLarge)
            | Self::SlowBody
            | Self::BadBody => self.client_facts(),
            Self::Inner | Self::NoAdmin | Self::AdminGone | Self::Unfit(Unfit::Loop) => self.proxy_facts(),
            _ => self.node_facts(),
        }
    }

    /// The client did something wrong.
    fn client_facts(&self) -> Facts {
        let bad = StatusCode::BAD_REQUEST;
        let (status, slug, title, detail) = match self {
            Self::Connect => (
                StatusCode::NOT_IMPLEMENTED,
                "no-tunnels",
                "This is no tunnel",
                "CONNECT is for forward proxies; ask for /kv?key=... here.".to_owned(),
            ),
            Self::Trace => (
                StatusCode::METHOD_NOT_ALLOWED,
                "no-trace",
                "TRACE is not answered",
                "An echo could show fields that are not meant to be read.".to_owned(),
            ),
            Self::Target => (
                bad,
                "bad-target",
                "The request target makes no sense here",
                "Ask for a path and a key, such as /kv?key=hello, with the scheme http.".to_owned(),
            ),
            Self::Host(trouble) => (
                bad,
                "bad-host",
                "The Host field is wrong",
                format!("The Host field {trouble}; an HTTP/1.1 request has exactly one."),
            ),
            Self::Key(error) => {
                (bad, key_slug(*error), "The request names no key to route by", key_detail(*error))
            }
            Self::Unfit(_) => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "large-head",
                "The request's fields are too large",
                "With what a proxy adds they would be larger than a node takes; the limit is limits.head."
                    .to_owned(),
            ),
            Self::SlowBody => (
                StatusCode::REQUEST_TIMEOUT,
                "slow-body",
                "The request's body did not come in time",
                "Nothing was changed: the value was not complete.".to_owned(),
            ),
            _ => (
                bad,
                "bad-body",
                "The request's body is cut off or wrongly framed",
                "Nothing was changed: the value was not complete.".to_owned(),
            ),
        };
        let error = match self {
            Self::Connect | Self::Trace => "http_request_denied",
            _ => "http_request_error",
        };
        Facts { status, slug, title, error, detail }
    }

    /// This proxy has nothing for the client.
    fn proxy_facts(&self) -> Facts {
        let (status, slug, title, error, detail) = match self {
            Self::Inner => (
                StatusCode::NOT_FOUND,
                "inner-path",
                "There is nothing for clients here",
                "http_request_denied",
                "Paths under /inner are for the nodes and the proxy; they are never forwarded.",
            ),
            Self::NoAdmin => (
                StatusCode::NOT_FOUND,
                "no-admin-here",
                "The admin plane is not on this port",
                "http_request_denied",
                "The configuration key admin.listen says where it is.",
            ),
            Self::AdminGone => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "admin-failed",
                "The admin service failed over this request",
                "proxy_internal_error",
                "The log of the proxy says why. Whether something was changed is unknown: look at /admin/changes.",
            ),
            _ => (
                StatusCode::LOOP_DETECTED,
                "loop",
                "The request came back to this proxy",
                "proxy_loop_detected",
                "A node's URL, or another proxy, leads here: look at the Via fields and at /admin/ring.",
            ),
        };
        Facts { status, slug, title, error, detail: detail.to_owned() }
    }

    /// The owner cannot answer, or did not.
    fn node_facts(&self) -> Facts {
        const OTHERS: &str = "Other keys are not affected; this one is served again once its owner is.";
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let (status, slug, title, error, detail) = match self {
            Self::Down(node) => (
                unavailable,
                "owner-down",
                "The owner of this key is down",
                "destination_unavailable",
                format!("Node {node} does not answer. {OTHERS}"),
            ),
            Self::NotSeated(node) => (
                unavailable,
                "owner-down",
                "The owner of this key is down",
                "destination_unavailable",
                format!("Node {node} has not said hello since it started. {OTHERS}"),
            ),
            Self::Unreachable(node, cause) => (
                unavailable,
                "owner-down",
                "The owner of this key is down",
                cause.token(),
                format!("Node {node} cannot be reached: {cause}. {OTHERS}"),
            ),
            Self::Busy(node) => (
                unavailable,
                "overloaded",
                "Too many requests are in flight",
                "connection_limit_reached",
                format!(
                    "Node {node} has as many requests to answer as this proxy allows. Nothing was changed."
                ),
            ),
            Self::Unsettled(node) => (
                unavailable,
                "ring-changing",
                "The owner of this key is changing",
                "destination_unavailable",
                format!(
                    "Node {node} does not serve this key, and no newer view says who does. Nothing was changed."
                ),
            ),
            Self::Lost { node, safe } => (
                StatusCode::BAD_GATEWAY,
                "connection-lost",
                "The connection to the owner was lost before it answered",
                "connection_terminated",
                unknown(node, *safe),
            ),
            Self::Late { node, safe } => (
                StatusCode::GATEWAY_TIMEOUT,
                "no-answer",
                "The owner of this key did not answer in time",
                "http_response_timeout",
                unknown(node, *safe),
            ),
            _ => (
                unavailable,
                "no-owner",
                "No node owns this key",
                "destination_unavailable",
                "The ring is empty: add a node with POST /add-server.".to_owned(),
            ),
        };
        Facts { status, slug, title, error, detail }
    }
}

/// What no stored page, and no page of ours, may do in a browser.
pub(super) fn harden(fields: &mut HeaderMap) {
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(
        http::header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
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

fn key_slug(error: KeyError) -> &'static str {
    match error {
        KeyError::Missing => "key-missing",
        KeyError::Empty => "key-empty",
        KeyError::Repeated => "key-repeated",
        KeyError::BadEscape => "key-bad-escape",
        KeyError::TooLong => "key-too-long",
    }
}

fn key_detail(error: KeyError) -> String {
    let advice = match error {
        KeyError::Missing | KeyError::Empty => "Name one, such as /kv?key=hello.",
        KeyError::Repeated => "Which one is meant cannot be known; name one.",
        KeyError::BadEscape => "Write a literal percent sign as %25.",
        KeyError::TooLong => "The limit counts decoded bytes.",
    };
    let mut detail = error.to_string();
    if let Some(first) = detail.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    format!("{detail}. {advice}")
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
                assert_eq!(fault.facts().detail.contains("unknown"), !safe);
                assert!(fault.response().headers().get("retry-after").is_none());
            }
        }
    }

    #[test]
    fn a_key_error_is_a_sentence_with_advice() {
        let detail = Fault::Key(KeyError::BadEscape).facts().detail;
        assert!(detail.starts_with("The query has"), "{detail}");
        assert!(detail.ends_with("%25."), "{detail}");
    }
}
