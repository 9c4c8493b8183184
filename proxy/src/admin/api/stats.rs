//! `GET /admin/stats`: the ring and the changes as a page for people, and `stats.json` with the same facts.

use std::fmt::Write;
use std::time::Duration;

use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

use super::{changes, ring};
use crate::admin::answer::{self, Answer, Fault};
use crate::admin::documents::{Change, Node, Report, Stats, word};
use crate::admin::query::Query;
use crate::admin::{Call, Parts};
use crate::control::Control;

/// `GET /admin` leads to the page.
pub(super) fn redirect(call: &Call) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    let mut answer = answer::text_of(StatusCode::SEE_OTHER, "text/plain", String::new());
    answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/admin/stats"));
    Ok(answer)
}

/// `GET /admin/stats.json`.
pub(super) fn document<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    answer::json(StatusCode::OK, &gather(parts))
}

/// `GET /admin/stats`.
pub(super) fn page<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    Ok(answer::text_of(StatusCode::OK, "text/html; charset=utf-8", render(&gather(parts))))
}

/// What both forms show.
fn gather<C: Control>(parts: &Parts<C>) -> Stats {
    let progress = parts.control.progress();
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let nodes = progress.nodes.iter().map(|(name, report)| Report {
        name: name.clone(),
        last_heard_ms: report.last_heard.map(ms),
        records: report.records,
        bytes: report.bytes,
    });
    Stats {
        ring: ring::document(&parts.bridge.current(), &progress),
        nodes: nodes.collect(),
        changes: changes::all(&parts.control.view(), &progress).changes,
    }
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
