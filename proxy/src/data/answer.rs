//! What goes back to a client: a node's body as it streams in, the admin's, or one of our own.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::uri::Authority;
use http::{Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use kvnode::http::harden;

use super::admin::AdminBody;
use super::client::Exchange;
use super::download::Download;
use super::fault::METHODS;

/// An error in the middle of a body: the connection is cut, which is how the client learns of it.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer. The exchange ends when it is dropped.
#[derive(Debug)]
pub(super) struct Body {
    kind: Kind,
    exchange: Option<Exchange>,
}

#[derive(Debug)]
enum Kind {
    Own(Full<Bytes>),
    Node(Download),
    Admin(AdminBody),
}

impl Body {
    pub(super) fn own(body: Full<Bytes>) -> Self {
        Self { kind: Kind::Own(body), exchange: None }
    }

    pub(super) fn node(body: Download) -> Self {
        Self { kind: Kind::Node(body), exchange: None }
    }

    pub(super) fn admin(body: AdminBody) -> Self {
        Self { kind: Kind::Admin(body), exchange: None }
    }

    /// Ties the end of the exchange to the end of this body.
    pub(super) fn ending(mut self, exchange: Exchange) -> Self {
        self.exchange = Some(exchange);
        self
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let polled = match &mut this.kind {
            Kind::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Kind::Node(body) => body.poll_data(cx).map_ok(Frame::data),
            Kind::Admin(body) => Pin::new(body).poll_frame(cx),
        };
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(entry) = this.exchange.as_mut().and_then(Exchange::entry)
        {
            entry.sent(frame.data_ref().map_or(0, Bytes::len));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Own(body) => body.is_end_stream(),
            Kind::Node(body) => body.is_end(),
            Kind::Admin(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Own(body) => body.size_hint(),
            Kind::Node(body) => body.left().map_or_else(SizeHint::default, SizeHint::with_exact),
            Kind::Admin(body) => body.size_hint(),
        }
    }
}

/// The short page at `/`.
pub(super) fn page(authority: Option<&Authority>, as_html: bool) -> Response<Body> {
    // The host is repeated only where it holds nothing that means something to a browser or a shell.
    let host = authority
        .map(Authority::as_str)
        .filter(|host| host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':')))
        .unwrap_or("127.0.0.1:5000");
    let lines = format!(
        "curl -T hello.txt 'http://{host}/kv?key=hello'\n\
         curl 'http://{host}/kv?key=hello'\n\
         curl -X DELETE 'http://{host}/kv?key=hello'\n\
         curl -X POST http://{host}/add-server\n"
    );
    let about = "Keyway routes each request by its key to the node that owns it, and moves the data when the \
                 ring changes.";
    let (text, media_type) = if as_html {
        let text = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Keyway</title><h1>Keyway</h1>\
             <p>{about}</p><pre>{lines}</pre><p><a href=\"/admin/stats\">Stats</a></p></html>\n"
        );
        (text, "text/html; charset=utf-8")
    } else {
        (format!("{about}\n\n{lines}\nStats: http://{host}/admin/stats\n"), "text/plain; charset=utf-8")
    };
    let mut response = Response::new(Body::own(Full::from(text)));
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    harden(fields);
    response
}

/// What this proxy itself can do: for `OPTIONS *`, and where `Max-Forwards` ends here.
pub(super) fn options() -> Response<Body> {
    let mut response = Response::new(Body::own(Full::default()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let fields = response.headers_mut();
    fields.insert(ALLOW, METHODS);
    harden(fields);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_strange_host_is_not_repeated_on_the_page() {
        for (host, repeated) in [("example.org:81", true), ("a'b", false)] {
            let page = page(Some(&host.parse().unwrap()), true);
            let text = page.into_body().collect().await.unwrap().to_bytes();
            let text = String::from_utf8(text.to_vec()).unwrap();
            assert_eq!(text.contains(host), repeated, "{text}");
        }
    }
}
