//! The heads of requests and answers. What follows them in a payload is the first piece of the body.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};

use super::Malformed;
use super::fields::{self, TooLarge};

/// Stands for a length that its sender does not know.
const UNKNOWN: u64 = u64::MAX;

/// Methods by code, from 1; code 0 stands for any other, whose name follows with a `u16` length.
static METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS, Method::PATCH];

/// A request's head on its way to a node: epoch (`u64`), length of the body (`u64`), method, target (`u16` length, path
/// and query), fields.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The view that it was routed by.
    pub epoch: u64,
    /// Bytes of the body, where they are known.
    pub length: Option<u64>,
    /// What to do.
    pub method: &'a Method,
    /// Path and query, as the client wrote them.
    pub target: &'a str,
    /// The client's fields; only those [that a node acts on](fields::is_for_node) are sent.
    pub fields: &'a HeaderMap,
}

impl Ask<'_> {
    /// Appends the binary form.
    ///
    /// # Errors
    /// [`TooLarge`], and then what was appended is not to be sent.
    pub fn put(&self, out: &mut BytesMut) -> Result<(), TooLarge> {
        out.put_u64_le(self.epoch);
        out.put_u64_le(self.length.unwrap_or(UNKNOWN));
        let known = METHODS.iter().zip(1..).find(|(method, _)| *method == self.method);
        out.put_u8(known.map_or(0, |(_, code)| code));
        if known.is_none() {
            put_text(out, self.method.as_str())?;
        }
        put_text(out, self.target)?;
        fields::put(out, self.fields.iter().filter(|(name, _)| fields::is_for_node(name)))
    }
}

fn put_text(out: &mut BytesMut, text: &str) -> Result<(), TooLarge> {
    out.put_u16_le(u16::try_from(text.len()).map_err(|_| TooLarge)?);
    out.put_slice(text.as_bytes());
    Ok(())
}

/// A request as a node gets it.
#[derive(Debug)]
pub struct Asked {
    /// The view that it was routed by.
    pub epoch: u64,
    /// Its head, with a `Content-Length` where it has a body of known length.
    pub head: Request<()>,
    /// The first piece of the body.
    pub body: Bytes,
}

impl Asked {
    /// Reads the binary form.
    ///
    /// # Errors
    /// [`Malformed`] where it is none.
    pub fn take(mut payload: Bytes) -> Result<Self, Malformed> {
        let cut = |_| Malformed("a request that is cut off");
        let epoch = payload.try_get_u64_le().map_err(cut)?;
        let length = payload.try_get_u64_le().map_err(cut)?;
        let method = match payload.try_get_u8().map_err(cut)? {
            0 => Method::from_bytes(&take_text(&mut payload)?)
                .map_err(|_| Malformed("a method that is none"))?,
            code => METHODS.get(usize::from(code) - 1).cloned().ok_or(Malformed("an unknown method"))?,
        };
        let target = PathAndQuery::from_maybe_shared(take_text(&mut payload)?)
            .map_err(|_| Malformed("a target that is none"))?;
        let mut fields = fields::take(&mut payload, 1)?;
        if length != UNKNOWN && length != 0 {
            fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let mut head = Request::new(());
        *head.method_mut() = method;
        *head.uri_mut() = Uri::from(target);
        // Neither `Host` nor connection fields are asked of it.
        *head.version_mut() = Version::HTTP_2;
        *head.headers_mut() = fields;
        Ok(Self { epoch, head, body: payload })
    }
}

fn take_text(payload: &mut Bytes) -> Result<Bytes, Malformed> {
    const CUT: Malformed = Malformed("a request that is cut off");
    let length = usize::from(payload.try_get_u16_le().map_err(|_| CUT)?);
    (length <= payload.len()).then(|| payload.split_to(length)).ok_or(CUT)
}

/// Appends an answer's head: status (`u16`), fields.
///
/// # Errors
/// [`TooLarge`], and then what was appended is not to be sent.
pub fn put_answer(out: &mut BytesMut, status: StatusCode, fields: &HeaderMap) -> Result<(), TooLarge> {
    out.put_u16_le(status.as_u16());
    fields::put(out, fields.iter().filter(|(name, _)| !fields::is_of_connection(name)))
}

/// Reads an answer's head; the body of what is returned is the first piece of the body.
///
/// # Errors
/// [`Malformed`] where it is none.
pub fn take_answer(mut payload: Bytes) -> Result<Response<Bytes>, Malformed> {
    let status = payload.try_get_u16_le().map_err(|_| Malformed("an answer that is cut off"))?;
    let status = StatusCode::from_u16(status).map_err(|_| Malformed("a status that is none"))?;
    if status.is_informational() {
        return Err(Malformed("an answer that is none yet"));
    }
    // Room for `Date` and what the proxy may add.
    let fields = fields::take(&mut payload, 3)?;
    let mut response = Response::new(payload);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{CONNECTION, ETAG, HOST, IF_MATCH};
    use proptest::prelude::*;

    fn there_and_back(ask: &Ask<'_>, body: &[u8]) -> Asked {
        let mut out = BytesMut::new();
        ask.put(&mut out).unwrap();
        out.extend_from_slice(body);
        Asked::take(out.freeze()).unwrap()
    }

    #[test]
    fn a_request_comes_out_with_what_a_node_acts_on() {
        let mut fields = HeaderMap::new();
        fields.append(IF_MATCH, HeaderValue::from_static("\"a\""));
        fields.append(IF_MATCH, HeaderValue::from_static("\"b\""));
        fields.append(HOST, HeaderValue::from_static("h"));
        fields.append("keyway-epoch", HeaderValue::from_static("9"));
        for method in METHODS.iter().cloned().chain([Method::from_bytes(b"BREW").unwrap()]) {
            let ask = Ask {
                epoch: 7,
                length: Some(3),
                method: &method,
                target: "/kv?key=a%20b&x",
                fields: &fields,
            };
            let asked = there_and_back(&ask, b"abc");
            assert_eq!((asked.epoch, asked.head.method(), asked.body.as_ref()), (7, &method, &b"abc"[..]));
            assert_eq!(asked.head.uri(), "/kv?key=a%20b&x");
            let lines = asked.head.headers().iter();
            let lines: Vec<_> = lines.map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
            assert_eq!(lines, [("if-match", "\"a\""), ("if-match", "\"b\""), ("content-length", "3")]);
        }
    }

    #[test]
    fn an_answer_comes_out_without_what_concerns_a_connection() {
        let mut fields = HeaderMap::new();
        fields.append(ETAG, HeaderValue::from_static("\"a\""));
        fields.append(CONNECTION, HeaderValue::from_static("close"));
        let mut out = BytesMut::new();
        put_answer(&mut out, StatusCode::OK, &fields).unwrap();
        out.extend_from_slice(b"value");
        let answer = take_answer(out.freeze()).unwrap();
        assert_eq!((answer.status(), answer.body().as_ref()), (StatusCode::OK, &b"value"[..]));
        fields.remove(CONNECTION);
        assert_eq!(answer.headers(), &fields);
    }

    #[test]
    fn an_answer_that_is_none_is_refused() {
        for status in [0_u16, 99, 100, 103, 1000] {
            let mut out = BytesMut::new();
            out.put_u16_le(status);
            out.put_u8(0);
            assert!(take_answer(out.freeze()).is_err(), "{status}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_head_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = Bytes::from(bytes);
            let _ = (Asked::take(bytes.clone()), take_answer(bytes));
        }

        #[test]
        fn a_damaged_request_is_another_request_or_refused(at in 0usize..60, to: u8) {
            let (method, fields) = (Method::PUT, HeaderMap::new());
            let ask = Ask { epoch: 7, length: None, method: &method, target: "/kv?key=a", fields: &fields };
            let mut out = BytesMut::new();
            ask.put(&mut out).unwrap();
            let at = at % out.len();
            out[at] = to;
            let _ = Asked::take(out.freeze());
        }
    }
}
