//! `GET /admin/metrics`: the counters in the text form of Prometheus. Every name stands here, with its unit.

use std::fmt::Write;

use http::StatusCode;

use crate::admin::answer::{self, Answer, Fault};
use crate::admin::query::Query;
use crate::admin::{Call, Parts};
use crate::control::{Control, NodeState};
use crate::metrics::Snapshot;

/// `GET /admin/metrics`.
pub(super) fn show<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    let mut text = String::new();
    if let Some(metrics) = parts.metrics.get() {
        data_path(&mut text, &metrics.snapshot());
    }
    cluster(&mut text, parts);
    Ok(answer::text_of(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text))
}

fn data_path(text: &mut String, sum: &Snapshot) {
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| format!("class=\"{class}\""));
    let answers: Vec<(&str, u64)> = classes.iter().map(String::as_str).zip(sum.answers).collect();
    metric(text, "keyway_answers_total", "counter", "Answers to data requests by class of status.", &answers);
    for (name, kind, help, value) in [
        ("keyway_own_answers_total", "counter", "Answers that the proxy made itself.", sum.own_answers),
        ("keyway_resends_total", "counter", "Requests sent to a node once more.", sum.resends),
        ("keyway_unknown_outcomes_total", "counter", "Requests of unknown outcome.", sum.unknown_outcomes),
        ("keyway_overloads_total", "counter", "Requests refused for overload.", sum.overloads),
        ("keyway_requests_in_flight", "gauge", "Requests being answered.", sum.in_flight),
        ("keyway_connections", "gauge", "Open client connections.", sum.connections),
        ("keyway_connections_total", "counter", "Client connections taken in.", sum.accepted),
        ("keyway_connections_refused_total", "counter", "Client connections turned away.", sum.turned_away),
        ("keyway_dials_total", "counter", "Connections made to nodes.", sum.dials),
        ("keyway_dials_failed_total", "counter", "Connections to nodes that failed.", sum.failed_dials),
    ] {
        metric(text, name, kind, help, &[("", value)]);
    }
}

fn cluster<C: Control>(text: &mut String, parts: &Parts<C>) {
    let routing = parts.bridge.current();
    metric(text, "keyway_epoch", "gauge", "The number of the last decision.", &[("", routing.epoch())]);
    let progress = parts.control.progress();
    let labels: Vec<String> = progress.nodes.keys().map(|name| format!("node=\"{name}\"")).collect();
    let each = |of: fn(&crate::control::NodeReport) -> Option<u64>| -> Vec<(&str, u64)> {
        let values = labels.iter().zip(progress.nodes.values());
        values.filter_map(|(label, node)| Some((label.as_str(), of(node)?))).collect()
    };
    let up = each(|node| Some(u64::from(node.state == NodeState::Up)));
    metric(text, "keyway_node_up", "gauge", "Whether the node answers and serves.", &up);
    metric(text, "keyway_node_records", "gauge", "Records that the node stores.", &each(|node| node.records));
    metric(
        text,
        "keyway_node_bytes",
        "gauge",
        "Bytes of keys and values of the node.",
        &each(|node| node.bytes),
    );
}

/// Adds one metric with its values by label. Names of nodes need no escapes.
fn metric(text: &mut String, name: &str, kind: &str, help: &str, values: &[(&str, u64)]) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (label, value) in values {
        let label = if label.is_empty() { String::new() } else { format!("{{{label}}}") };
        let _ = writeln!(text, "{name}{label} {value}");
    }
}
