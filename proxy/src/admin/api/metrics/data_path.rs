//! What the data path counts.

use super::text::{Kind, Text};
use crate::metrics::{CLASSES, MethodKind, Snapshot};

const CLASS_WORDS: [&str; CLASSES] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

pub(super) fn write(text: &mut Text, sum: &Snapshot) {
    requests(text, sum);
    nodes(text, sum);
    for (name, kind, help, value) in [
        ("keyway_own_answers_total", Kind::Counter, "Answers that the proxy made itself.", sum.own_answers),
        ("keyway_admin_requests_total", Kind::Counter, "Requests to the admin plane.", sum.admin_requests),
        ("keyway_resends_total", Kind::Counter, "Requests sent to a node once more.", sum.resends),
        (
            "keyway_unknown_outcomes_total",
            Kind::Counter,
            "Requests that may have been applied although they got no answer.",
            sum.unknown_outcomes,
        ),
        ("keyway_overloads_total", Kind::Counter, "Requests refused: too much was in flight.", sum.overloads),
        ("keyway_requests_in_flight", Kind::Gauge, "Requests being answered.", sum.in_flight),
        ("keyway_connections", Kind::Gauge, "Open client connections.", sum.connections),
        ("keyway_connections_total", Kind::Counter, "Client connections taken in.", sum.accepted),
        (
            "keyway_connections_refused_total",
            Kind::Counter,
            "Client connections turned away.",
            sum.turned_away,
        ),
        ("keyway_dials_total", Kind::Counter, "Connections made to nodes.", sum.dials),
        ("keyway_dials_failed_total", Kind::Counter, "Connections to nodes that failed.", sum.failed_dials),
        (
            "keyway_access_log_dropped_total",
            Kind::Counter,
            "Lines of the access log that could not be written in time.",
            sum.dropped_lines,
        ),
    ] {
        text.family(name, kind, help).value(&[], value);
    }
}

fn requests(text: &mut Text, sum: &Snapshot) {
    let methods = || MethodKind::ALL.iter().map(|method| method.word());
    let help = "Answers to data requests by method and class of status.";
    let mut family = text.family("keyway_requests_total", Kind::Counter, help);
    for (method, classes) in methods().zip(sum.answers) {
        for (class, count) in CLASS_WORDS.iter().zip(classes) {
            family.value(&[("method", method), ("class", class)], count);
        }
    }
    let help = "From the head of a request with a key to the end of its answer.";
    let mut family = text.family("keyway_request_duration_seconds", Kind::Histogram, help);
    for (method, latency) in methods().zip(&sum.latency) {
        family.histogram(&[("method", method)], latency);
    }
}

fn nodes(text: &mut Text, sum: &Snapshot) {
    let help = "Answers of a node to data requests by class of status.";
    let mut family = text.family("keyway_node_requests_total", Kind::Counter, help);
    for (name, node) in &sum.nodes {
        for (class, count) in CLASS_WORDS.iter().zip(node.answers) {
            family.value(&[("node", name.as_str()), ("class", class)], count);
        }
    }
    let help = "Attempts at a node that ended without an answer.";
    let mut family = text.family("keyway_node_failures_total", Kind::Counter, help);
    for (name, node) in &sum.nodes {
        family.value(&[("node", name.as_str())], node.failures);
    }
    let help = "Requests that are under way to a node.";
    let mut family = text.family("keyway_node_requests_in_flight", Kind::Gauge, help);
    for (name, node) in &sum.nodes {
        family.value(&[("node", name.as_str())], node.in_flight);
    }
    let help = "From handing a request to a node's link to the head of its answer.";
    let mut family = text.family("keyway_node_request_duration_seconds", Kind::Histogram, help);
    for (name, node) in &sum.nodes {
        family.histogram(&[("node", name.as_str())], &node.latency);
    }
}
