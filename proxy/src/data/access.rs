//! The access log: a line for each request, or for one in so many, once its answer has ended; a warning for each
//! request that took too long; and a span for traces. Off unless asked for, and then a request costs one look.
//!
//! Lines are handed to a thread of their own. Where that cannot keep up they are dropped and counted: a slow disk must not
//! slow down a request. No line has a key unless the settings say so.

mod entry;
mod environment;
mod output;
#[cfg_attr(not(feature = "otel"), path = "access/no_spans.rs")]
mod spans;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{HeaderName, HeaderValue, Response};

pub(super) use entry::Entry;
pub(super) use output::{Lines, Output, teller};
use spans::Parent;
pub(super) use spans::{Spans, Tracer};

/// The identity of a request, as clients and other proxies name it.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer one is no identity.
const LONGEST_ID: usize = 128;
/// At most one warning of a slow request in this time: a cluster that is slow as a whole is told once.
const WARN_EVERY: Duration = Duration::from_millis(100);

/// What is logged of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessSettings {
    /// In which form; `None` = no access log.
    pub form: Option<Form>,
    /// A file to append to; `None` = stdout.
    pub file: Option<PathBuf>,
    /// One request in so many is logged.
    pub one_in: u64,
    /// Whether lines have the query, and with it the key.
    pub keys: bool,
    /// A request whose answer took longer is told in the log, whether there is an access log or not.
    pub slow: Option<Duration>,
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A JSON object.
    Json,
    /// The combined form of web servers, which most tools for logs read.
    Combined,
}

/// One worker's part of the access log.
#[derive(Debug)]
pub(super) struct Access {
    settings: AccessSettings,
    /// Where lines go, if there is an access log.
    lines: Option<RefCell<Lines>>,
    /// Requests so far.
    seen: Cell<u64>,
    /// Begins the identities that are made here: this worker of this process.
    prefix: u64,
    /// Tells of slow requests.
    teller: Option<SyncSender<Slow>>,
    /// Makes spans, if they are asked for.
    tracer: Option<Tracer>,
    warned: Cell<Option<Instant>>,
    /// Slow requests that were not told since.
    untold: Cell<u64>,
}

/// A slow request, and how many others were not told.
#[derive(Debug)]
pub(super) struct Slow {
    entry: Box<Entry>,
    took: Duration,
    others: u64,
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self { form: None, file: None, one_in: 1, keys: false, slow: None }
    }
}

impl FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "combined" => Ok(Self::Combined),
            other => Err(format!("{other:?} is no form of an access log; write \"json\" or \"combined\"")),
        }
    }
}

impl Access {
    /// What a worker needs to log by these settings; `None` where nothing is logged.
    pub(super) fn new(
        settings: &AccessSettings,
        lines: Option<Lines>,
        teller: Option<SyncSender<Slow>>,
        tracer: Option<Tracer>,
    ) -> Option<Self> {
        (lines.is_some() || teller.is_some() || tracer.is_some()).then(|| Self {
            settings: settings.clone(),
            teller,
            tracer,
            lines: lines.map(RefCell::new),
            seen: Cell::new(0),
            prefix: getrandom::u64().unwrap_or_default(),
            warned: Cell::new(None),
            untold: Cell::new(0),
        })
    }

    /// Notes what is to be logged of a request; `None` where it is not this one's turn.
    pub(super) fn begin(&self, head: &Parts, peer: SocketAddr) -> Option<Box<Entry>> {
        let seen = self.seen.get();
        self.seen.set(seen.wrapping_add(1));
        let is_logged = self.lines.is_some() && seen.is_multiple_of(self.settings.one_in.max(1));
        (is_logged || self.settings.slow.is_some() || self.tracer.is_some()).then(|| {
            let id = id_of(head).map_or_else(
                || format!("{:016x}-{seen:x}", self.prefix),
                |id| String::from_utf8_lossy(id.as_bytes()).into_owned(),
            );
            let mut entry = Entry::new(head, peer, id, is_logged, self.settings.keys);
            if self.tracer.is_some() {
                entry.parent = Parent::of(&head.headers);
            }
            Box::new(entry)
        })
    }

    /// Logs a request whose answer has ended.
    pub(super) fn end(&self, entry: Box<Entry>) {
        let took = entry.took();
        if entry.is_logged
            && let (Some(lines), Some(form)) = (&self.lines, self.settings.form)
        {
            lines.borrow_mut().write(&entry.line(form, took));
        }
        if entry.is_for_admin() {
            return;
        }
        if let Some(tracer) = &self.tracer {
            tracer.span(&entry.parent, &entry, took);
        }
        if self.settings.slow.is_some_and(|slow| took > slow) {
            self.warn(entry, took);
        }
    }

    fn warn(&self, entry: Box<Entry>, took: Duration) {
        let now = Instant::now();
        let is_too_soon = self.warned.get().is_some_and(|last| now - last < WARN_EVERY);
        let others = self.untold.get();
        let told = |teller: &SyncSender<Slow>| teller.try_send(Slow { entry, took, others }).is_ok();
        if !is_too_soon && self.teller.as_ref().is_some_and(told) {
            self.warned.set(Some(now));
            self.untold.set(0);
        } else {
            self.untold.set(others + 1);
        }
    }
}

impl Slow {
    /// Writes the warning; it may have to wait for whoever reads it.
    fn tell(&self) {
        let Self { entry, took, others } = self;
        tracing::warn!(
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            method = %entry.method,
            target = entry.target,
            status = entry.status,
            node = entry.node,
            request_id = entry.id,
            trace_id = entry.trace,
            others,
            "a slow request"
        );
    }
}

/// The identity that a client gave its request.
pub(super) fn id_of(head: &Parts) -> Option<&HeaderValue> {
    let id = head.headers.get(REQUEST_ID)?;
    let is_plain = id.as_bytes().iter().all(|b| (b'!'..=b'~').contains(b) && *b != b'"');
    (!id.is_empty() && id.len() <= LONGEST_ID && is_plain).then_some(id)
}

/// Tells a client by which identity its request is known: the one that it gave, or the one in our log.
pub(super) fn tell_id<B>(response: &mut Response<B>, given: Option<HeaderValue>, entry: Option<&Entry>) {
    let made = || entry.and_then(|entry| HeaderValue::from_str(&entry.id).ok());
    if let Some(id) = given.or_else(made) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
}
