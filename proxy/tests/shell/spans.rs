//! Spans, as a collector gets them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::program::{Keyway, ask_with, on, refused_with};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Takes spans in JSON, as many as come, and answers that all is well.
struct Collector {
    endpoint: String,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&taken);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let into = Arc::clone(&into);
                thread::spawn(move || take(stream, &into));
            }
        });
        Self { endpoint, taken }
    }

    /// What came: resources with their spans.
    fn taken(&self) -> Vec<Value> {
        let taken = self.taken.lock().unwrap();
        taken.iter().flat_map(|body| body["resourceSpans"].as_array().unwrap().clone()).collect()
    }

    fn spans(&self) -> Vec<Value> {
        let each = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
        let scopes = self.taken().into_iter().flat_map(|resource| each(&resource, "scopeSpans"));
        scopes.flat_map(|scope| each(&scope, "spans")).collect()
    }
}

fn take(stream: TcpStream, into: &Mutex<Vec<Value>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let (mut length, mut line) = (0, String::new());
        while reader.read_line(&mut line).unwrap() > 2 {
            let line = std::mem::take(&mut line).to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        if line.is_empty() {
            return;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        into.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        writer.write_all(answer.as_bytes()).unwrap();
    }
}

/// The value of an attribute, whatever its type.
fn attribute(of: &Value, name: &str) -> Value {
    let attributes = of["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == name);
    found.and_then(|found| found["value"].as_object()?.values().next().cloned()).unwrap_or_default()
}

#[test]
fn a_collector_gets_a_span_of_each_request_that_its_client_traces_and_of_each_without_a_trace() {
    let (data, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let keyway = Keyway::start_with(data.path(), |command| {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint);
        command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
    });
    let ask = |method: &str, target: &str, parent: &str| {
        ask_with(&keyway.address("listen"), method, target, parent, "value")
    };
    let traced = format!("traceparent: 00-{TRACE}-b7ad6b7169203331-01\r\n");
    assert!(ask("PUT", "/kv?key=personal", &traced).contains(" 201 "));
    assert!(ask("GET", "/kv?key=personal", &traced.replace("-01\r", "-00\r")).contains(" 200 "));
    assert!(ask("DELETE", "/kv?key=personal", "").contains(" 204 "));
    assert!(ask("GET", "/kv?key=personal", "").contains(" 404 "));
    ask("GET", "/admin/ring", "");
    let (code, log) = keyway.terminate();
    assert_eq!(code, Some(0), "{log}");

    let taken = collector.taken();
    assert_eq!(attribute(&taken[0]["resource"], "service.name"), "keyway", "{taken:#?}");
    let mut spans = collector.spans();
    spans.sort_by_key(|span| span["startTimeUnixNano"].as_str().unwrap().to_owned());
    let names: Vec<_> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["PUT", "DELETE", "GET"], "not what its client does not trace, and no admin request");
    let put = &spans[0];
    assert_eq!((&put["traceId"], &put["parentSpanId"]), (&json!(TRACE), &json!("b7ad6b7169203331")));
    assert_eq!(attribute(put, "http.response.status_code").to_string().trim_matches('"'), "201");
    assert_eq!(attribute(put, "url.path"), "/kv");
    assert!(attribute(put, "keyway.node").is_string(), "{put:#}");
    let times = ["startTimeUnixNano", "endTimeUnixNano"]
        .map(|time| put[time].as_str().unwrap().parse::<u64>().unwrap());
    assert!(times[0] < times[1], "{put:#}");
    assert_ne!(spans[1]["traceId"], spans[2]["traceId"], "each is a trace of its own");
    assert_eq!(
        spans[2]["status"]["code"].as_u64().unwrap_or(0),
        0,
        "that there is no such key is no error of ours"
    );
    let all = serde_json::to_string(&taken).unwrap();
    assert!(!all.contains("personal"), "a key was told: {all}");
}

#[test]
fn a_collector_that_does_not_answer_costs_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let data = tempfile::tempdir().unwrap();
    let keyway = Keyway::start_with(data.path(), |command| {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", listener.local_addr().unwrap()));
        command.env("OTEL_BSP_SCHEDULE_DELAY", "1").env("OTEL_BSP_MAX_QUEUE_SIZE", "8");
    });
    for i in 0..50 {
        assert!(keyway.ask("PUT", &format!("/kv?key={i}"), "value").contains(" 201 "));
    }
    let (code, log) = keyway.terminate();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_collector_that_cannot_be_asked_is_refused_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let arguments = on(data.path());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = refused_with(&arguments, 1, |command| {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318");
    });
    assert!(said.contains("OTEL_EXPORTER_OTLP_ENDPOINT=https://collector:4318"), "{said}");
}
