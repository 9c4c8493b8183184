//! Spans for OpenTelemetry: one for each request for a key whose trace is sampled, handed to a thread that sends them to
//! a collector. Settings come from the variables of the environment that OpenTelemetry specifies for all programs
//! (Environment Variable Specification; OTLP Exporter), so that there are none of ours.

use std::env;
use std::fmt;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::Entry;
use super::environment::Wish;

/// How long the last spans may take at the end. A collector may have stopped listening.
const LAST_SPANS: Duration = Duration::from_secs(2);
const SERVICE: &str = "keyway";
/// What the specification calls a service without a name.
const NAMELESS: &str = "unknown_service";

/// The thread that sends spans. Dropping it sends what waits, for a while.
pub(crate) struct Spans(SdkTracerProvider);

/// Makes one worker's spans, and never waits.
pub(crate) struct Tracer(SdkTracer);

/// Which span of a client's a request belongs to, if any.
#[derive(Debug, Clone, Default)]
pub(super) struct Parent(Option<SpanContext>);

impl Spans {
    /// Begins to send spans, if the environment asks for it.
    ///
    /// # Errors
    /// In words, where what it asks for cannot be.
    pub(crate) fn start() -> Result<Option<Self>, String> {
        let Some(wish) = Wish::of(|name| env::var(name).ok())? else { return Ok(None) };
        let exporter = SpanExporter::builder().with_http().build();
        let exporter = exporter.map_err(|error: ExporterBuildError| wish.refused(error))?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource());
        tracing::info!(endpoint = wish.endpoint, "spans are sent to a collector");
        Ok(Some(Self(provider.build())))
    }

    pub(crate) fn tracer(&self) -> Tracer {
        Tracer(self.0.tracer(SERVICE))
    }
}

impl Drop for Spans {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_SPANS) {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

/// What the environment says of this service, and its name where that says none.
fn resource() -> Resource {
    let of_environment = Resource::builder().build();
    let name = of_environment.get(&"service.name".into()).map(|name| name.to_string());
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_attribute(version);
    match name {
        Some(name) if !name.starts_with(NAMELESS) => resource,
        _ => resource.with_service_name(SERVICE),
    }
    .build()
}

impl Tracer {
    /// A span of a request that has ended. Whether it is sent is for the sampler to say: as a rule, what the client said.
    pub(super) fn span(&self, parent: &Parent, entry: &Entry, took: Duration) {
        let parent = match &parent.0 {
            Some(parent) => Context::new().with_remote_span_context(parent.clone()),
            None => Context::new(),
        };
        let builder = SpanBuilder::from_name(entry.method.to_string())
            .with_kind(SpanKind::Server)
            .with_start_time(entry.began)
            .with_attributes(attributes(entry));
        let mut span = self.0.build_with_context(builder, &parent);
        // The client's own mistakes are no errors of the server (Semantic Conventions for HTTP spans, Status).
        if entry.status == 0 || entry.status >= 500 {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(entry.began.checked_add(took).unwrap_or_else(SystemTime::now));
    }
}

/// What is said of a request, in the words of the Semantic Conventions for HTTP.
fn attributes(entry: &Entry) -> Vec<KeyValue> {
    let (path, query) = match entry.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (entry.target.as_str(), None),
    };
    let version = format!("{:?}", entry.version);
    let mut attributes = vec![
        KeyValue::new("http.request.method", entry.method.to_string()),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("url.path", path.to_owned()),
        KeyValue::new("client.address", entry.peer.ip().to_canonical().to_string()),
        KeyValue::new("network.protocol.version", version.trim_start_matches("HTTP/").to_owned()),
        KeyValue::new("http.response.body.size", i64::try_from(entry.sent).unwrap_or(i64::MAX)),
        KeyValue::new("keyway.request_id", entry.id.clone()),
    ];
    let mut say = |name: &'static str, value: Option<String>| {
        attributes.extend(value.map(|value| KeyValue::new(name, value)));
    };
    say("url.query", query.map(str::to_owned));
    say("user_agent.original", entry.agent.clone());
    say("keyway.node", entry.node.clone());
    match entry.status {
        0 => say("error.type", Some("cut".to_owned())),
        500.. => say("error.type", Some(entry.status.to_string())),
        _ => {}
    }
    if entry.status > 0 {
        attributes.push(KeyValue::new("http.response.status_code", i64::from(entry.status)));
    }
    attributes
}

impl Parent {
    /// As the head of a request tells (W3C Trace Context).
    pub(super) fn of(head: &HeaderMap) -> Self {
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Fields(head));
        let parent = context.span().span_context().clone();
        Self(parent.is_valid().then_some(parent))
    }
}

struct Fields<'a>(&'a HeaderMap);

impl Extractor for Fields<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spans").finish_non_exhaustive()
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").finish_non_exhaustive()
    }
}
