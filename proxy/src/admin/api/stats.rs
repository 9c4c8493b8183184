//! `GET /admin/stats.json`: the ring, the nodes, the traffic and the changes, for programs and for the page.

use std::time::SystemTime;

use hashring::NodeName;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

use super::{changes, ring};
use crate::admin::answer::{self, Answer, Fault};
use crate::admin::documents::{Report, Samples, Stats, Traffic};
use crate::admin::history::{self, History, in_ms};
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
    answer::compact(StatusCode::OK, &gather(parts, after))
}

/// What it shows; of the samples those with a number above `after`.
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
