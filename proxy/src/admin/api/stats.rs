//! `GET /admin/stats`: the ring and the changes as a page for people, and `stats.json` with the same facts.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use hashring::NodeName;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

use super::{changes, ring};
use crate::admin::answer::{self, Answer, Fault};
use crate::admin::documents::{Change, Node, Report, Samples, Stats, Traffic, word};
use crate::admin::history::{self, History};
use crate::admin::query::Query;
use crate::admin::{Call, Parts};
use crate::control::{Control, NodeReport};
use crate::metrics::NodeSnapshot;

/// `GET /admin` leads to the page.
pub(super) fn redirect(call: &Call) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    let mut answer = answer::text_of(StatusCode::SEE_OTHER, "text/plain", String::new());
    answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/admin/stats"));
    Ok(answer)
}

/// `GET /admin/stats.json`.
pub(super) fn document<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    let after = Query::of(&call.uri, &["after"])?.parsed("after", str::parse)?.unwrap_or(0);
    answer::json(StatusCode::OK, &gather(parts, after))
}

/// `GET /admin/stats`.
pub(super) fn page<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    Ok(answer::text_of(StatusCode::OK, "text/html; charset=utf-8", render(&gather(parts, u64::MAX))))
}

/// What both forms show; of the samples those with a number above `after`.
fn gather<C: Control>(parts: &Parts<C>, after: u64) -> Stats {
    let progress = parts.control.progress();
    let counted = parts.metrics.get().map(|metrics| metrics.snapshot()).unwrap_or_default();
    let nodes = progress.nodes.iter().map(|(name, report)| {
        let counted = counted.nodes.get(name).cloned().unwrap_or_default();
        self::report(name, report, &counted, &parts.history)
    });
    Stats {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        uptime_seconds: parts.history.uptime().as_secs(),
        ring: ring::document(&parts.bridge.current(), &progress),
        traffic: Traffic {
            speed: parts.history.speed(),
            in_flight: counted.in_flight,
            connections: counted.connections,
            requests: counted.requests(),
            errors: counted.errors(),
            unknown_outcomes: counted.unknown_outcomes,
            resends: counted.resends,
        },
        nodes: nodes.collect(),
        changes: changes::all(&parts.control.view(), &progress).changes,
        history: Samples { every_ms: in_ms(history::EVERY), samples: parts.history.samples(after) },
    }
}

fn report(name: &NodeName, report: &NodeReport, counted: &NodeSnapshot, history: &History) -> Report {
    Report {
        name: name.clone(),
        last_heard_ms: report.last_heard.map(in_ms),
        records: report.records,
        bytes: report.bytes,
        vitals: report.vitals.clone(),
        speed: history.speed_of(name),
        in_flight: counted.in_flight,
        requests: counted.requests(),
        errors: counted.errors(),
        requests_history: history.requests_of(name),
    }
}

fn in_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn render(stats: &Stats) -> String {
    let ring = &stats.ring;
    let nodes: String = ring.nodes.iter().map(|node| node_row(node, stats.report(&node.name))).collect();
    let changes: String = stats.changes.iter().map(change_row).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Keyway</title>\
         <meta name=\"viewport\" content=\"width=device-width\"></head><body>\n<h1>Keyway</h1>\n\
         <p>Epoch {}, ring {}, {} points per weight.</p>\n\
         <table><caption>Nodes</caption><tr><th>Name<th>State<th>Weight<th>Share<th>Records<th>Bytes<th>URL</tr>\n\
         {nodes}</table>\n\
         <table><caption>Changes</caption><tr><th>Id<th>What<th>Node<th>State<th>Keys<th>Remarks</tr>\n\
         {changes}</table>\n</body></html>\n",
        ring.epoch, ring.digest, ring.points
    )
}

fn node_row(node: &Node, report: Option<&Report>) -> String {
    let count = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
    row(&[
        node.name.to_string(),
        word(&node.state),
        node.weight.to_string(),
        format!("{:.2} %", node.share * 100.0),
        count(report.and_then(|report| report.records)),
        count(report.and_then(|report| report.bytes)),
        node.url.clone(),
    ])
}

fn change_row(change: &Change) -> String {
    let total = change.keys.total.map_or(String::new(), |total| format!(" of {total}"));
    let remarks = change.blocked.as_ref().or(change.reason.as_ref());
    row(&[
        change.id.to_string(),
        word(&change.kind),
        change.node.to_string(),
        word(&change.state),
        format!("{}{total}", change.keys.done),
        remarks.cloned().unwrap_or_default(),
    ])
}

fn row(cells: &[String]) -> String {
    let mut row = "<tr>".to_owned();
    for cell in cells {
        // Writing to a string cannot fail.
        let _ = write!(row, "<td>{}", escape(cell));
    }
    row + "</tr>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
