//! `GET /` on a node: what this is and how to talk to it.

use bytes::Bytes;
use hashring::NodeName;
use http::header::{CONTENT_TYPE, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Response};
use http_body_util::Full;

/// A short page in plain text, with the address that it was asked at.
pub(super) fn root(name: &NodeName, parts: &Parts) -> Response<Full<Bytes>> {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or(parts.uri.authority().map(Authority::as_str)).unwrap_or("HOST");
    let text = format!(
        "This is {name}, a node of Keyway: it stores values under keys.\n\
         In a cluster, ask the proxy instead: it knows which node owns a key.\n\
         \n\
         curl -X PUT --data-binary 'any bytes' 'http://{host}/kv?key=greeting'\n\
         curl -i 'http://{host}/kv?key=greeting'\n\
         curl -X DELETE 'http://{host}/kv?key=greeting'\n\
         \n\
         curl --json '{{\"value\":\"text\"}}' 'http://{host}/put?key=greeting'\n\
         curl 'http://{host}/get?key=greeting'\n\
         curl -X DELETE 'http://{host}/del?key=greeting'\n"
    );
    let mut answer = Response::new(Full::from(text));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
