//! What is known of a request when it is logged, and the line that it becomes.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use http::header::{REFERER, USER_AGENT};
use http::request::Parts;
use http::{HeaderName, Method, Response, Version};
use kvnode::protocol::NODE_HEADER;
use serde::Serialize;

use super::Form;
use super::spans::Parent;

/// The W3C's header for traces: version, trace, parent and flags.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A request on its way into the log.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) began: SystemTime,
    begun: Instant,
    pub(super) peer: SocketAddr,
    pub(super) version: Version,
    pub(super) method: Method,
    /// The path, and the query where keys may be logged.
    pub(super) target: String,
    referer: Option<String>,
    pub(super) agent: Option<String>,
    /// The client's identity for the request, or ours.
    pub(super) id: String,
    /// The trace that it is part of: 32 hexadecimal digits.
    pub(super) trace: Option<String>,
    /// The client's span that it is part of.
    pub(super) parent: Parent,
    /// 0 where the connection was cut before there was an answer.
    pub(super) status: u16,
    /// Which node answered.
    pub(super) node: Option<String>,
    /// Bytes of the answer's body that were handed to the connection.
    pub(super) sent: u64,
    /// It is its turn in the access log.
    pub(super) is_logged: bool,
}

/// A line in JSON; the names are part of what `docs/operate.md` promises.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    client: String,
    method: &'a str,
    target: &'a str,
    status: Option<u16>,
    bytes: u64,
    ms: f64,
    node: Option<&'a str>,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
}

impl Entry {
    pub(super) fn new(head: &Parts, peer: SocketAddr, id: String, is_logged: bool, keys: bool) -> Self {
        let text = |name: HeaderName| {
            head.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let target = match head.uri.path_and_query() {
            Some(target) if keys => target.as_str(),
            Some(target) => target.path(),
            None => "*",
        };
        Self {
            began: SystemTime::now(),
            begun: Instant::now(),
            peer,
            version: head.version,
            method: head.method.clone(),
            target: target.to_owned(),
            // Of a page of ours it has that page's key.
            referer: text(REFERER).map(|mut referer| {
                let end = referer.find('?').filter(|_| !keys).unwrap_or(referer.len());
                referer.truncate(end);
                referer
            }),
            agent: text(USER_AGENT),
            id,
            trace: text(TRACEPARENT).as_deref().and_then(trace_of).map(str::to_owned),
            parent: Parent::default(),
            status: 0,
            node: None,
            sent: 0,
            is_logged,
        }
    }

    /// Notes the answer that the client gets.
    pub(crate) fn answered<B>(&mut self, response: &Response<B>) {
        self.status = response.status().as_u16();
        let node = response.headers().get(NODE_HEADER);
        self.node = node.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
    }

    /// Counts a piece of the answer's body.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// Whether it is for the admin plane, where some requests wait on purpose.
    pub(super) fn is_for_admin(&self) -> bool {
        ["/admin", "/add-server", "/remove-server"].iter().any(|path| self.target.starts_with(path))
    }

    pub(super) fn took(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The line, with its end.
    pub(super) fn line(&self, form: Form, took: Duration) -> String {
        match form {
            Form::Json => self.json(took),
            Form::Combined => self.combined(took),
        }
    }

    fn json(&self, took: Duration) -> String {
        let line = Line {
            time: humantime::format_rfc3339_millis(self.began).to_string(),
            client: self.peer.ip().to_canonical().to_string(),
            method: self.method.as_str(),
            target: &self.target,
            status: (self.status > 0).then_some(self.status),
            bytes: self.sent,
            ms: (took.as_secs_f64() * 1e6).round() / 1e3,
            node: self.node.as_deref(),
            request_id: &self.id,
            trace_id: self.trace.as_deref(),
            referer: self.referer.as_deref(),
            user_agent: self.agent.as_deref(),
        };
        // Texts and numbers always have a JSON form.
        serde_json::to_string(&line).unwrap_or_default() + "\n"
    }

    /// Client, time, request line, status, bytes, referer and agent as web servers write them; then milliseconds, node and
    /// identity.
    fn combined(&self, took: Duration) -> String {
        let field = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), quotable);
        let status = if self.status > 0 { self.status.to_string() } else { "-".to_owned() };
        format!(
            "{} - - [{}] \"{} {} {:?}\" {status} {} \"{}\" \"{}\" {:.3} {} {}\n",
            self.peer.ip().to_canonical(),
            date(self.began),
            self.method,
            quotable(&self.target),
            self.version,
            self.sent,
            field(self.referer.as_deref()),
            field(self.agent.as_deref()),
            took.as_secs_f64() * 1e3,
            self.node.as_deref().unwrap_or("-"),
            self.id,
        )
    }
}

/// The trace of a `traceparent`, if it is one (W3C Trace Context, 3.2).
fn trace_of(field: &str) -> Option<&str> {
    let mut parts = field.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_trace = version.len() == 2
        && version != "ff"
        && trace.len() == 32
        && is_hex(version)
        && is_hex(trace)
        && trace.bytes().any(|b| b != b'0');
    is_trace.then_some(trace)
}

/// `21/Nov/2026:16:55:03 +0000`
fn date(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    format!("{}/{}/{}:{} +0000", part(8, 10), month.unwrap_or(&"-"), part(0, 4), part(11, 19))
}

/// Text between quotes: what could end them, or the line, is escaped as web servers do.
fn quotable(text: &str) -> String {
    let mut quotable = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => quotable.extend(['\\', c]),
            // Writing to a string cannot fail.
            c if c.is_control() => drop(write!(quotable, "\\x{:02x}", u32::from(c))),
            c => quotable.push(c),
        }
    }
    quotable
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::Request;
    use serde_json::Value;

    use super::*;

    fn entry(keys: bool) -> Entry {
        let request = Request::put("/kv?key=secret%20key")
            .header("user-agent", "an \"agent\"\tx".as_bytes())
            .header("referer", "http://h/kv?key=secret")
            .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            .body(());
        let head = request.unwrap().into_parts().0;
        let mut entry =
            Entry::new(&head, "[::ffff:10.0.0.7]:4000".parse().unwrap(), "abc".into(), true, keys);
        entry.began = UNIX_EPOCH + Duration::from_millis(1_795_280_103_250);
        entry.answered(&Response::builder().status(201).header("keyway-node", "n2").body(()).unwrap());
        entry.sent(17);
        entry
    }

    #[test]
    fn a_line_has_a_key_only_where_that_was_asked_for() {
        for form in [Form::Json, Form::Combined] {
            for keys in [true, false] {
                let line = entry(keys).line(form, Duration::ZERO);
                assert_eq!(line.contains("secret"), keys, "{line}");
                assert!(line.ends_with('\n') && line.lines().count() == 1, "{line}");
            }
        }
    }

    #[test]
    fn a_line_in_json_says_who_asked_what_and_what_became_of_it() {
        let line: Value = serde_json::from_str(&entry(false).json(Duration::from_micros(1234))).unwrap();
        let expected = serde_json::json!({
            "time": "2026-11-21T16:55:03.250Z", "client": "10.0.0.7", "method": "PUT", "target": "/kv", "status": 201,
            "bytes": 17, "ms": 1.234, "node": "n2", "request_id": "abc",
            "trace_id": "0af7651916cd43dd8448eb211c80319c", "referer": "http://h/kv", "user_agent": "an \"agent\"\tx",
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn a_combined_line_is_what_tools_for_web_servers_read() {
        let line = entry(false).combined(Duration::from_micros(1234));
        assert_eq!(
            line,
            "10.0.0.7 - - [21/Nov/2026:16:55:03 +0000] \"PUT /kv HTTP/1.1\" 201 17 \"http://h/kv\" \
             \"an \\\"agent\\\"\\x09x\" 1.234 n2 abc\n"
        );
    }

    #[test]
    fn what_is_no_traceparent_is_not_logged_as_a_trace() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(trace_of(&format!("00-{trace}-b7ad6b7169203331-01")), Some(trace));
        let none = "0".repeat(32);
        for bad in
            [format!("ff-{trace}-1-01"), format!("00-{none}-1-01"), "00-short".to_owned(), String::new()]
        {
            assert_eq!(trace_of(&bad), None, "{bad}");
        }
    }
}
