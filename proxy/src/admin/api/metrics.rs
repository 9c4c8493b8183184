//! `GET /admin/metrics`: what is counted, in the text form of Prometheus (exposition format 0.0.4).
//!
//! Names carry their units; a node is a label, a key never is.

mod cluster;
mod data_path;
mod process;
mod text;

use http::StatusCode;

use crate::admin::answer::{self, Answer, Fault};
use crate::admin::query::Query;
use crate::admin::{Call, Parts};
use crate::control::Control;
use text::{Kind, Text};

/// `GET /admin/metrics`.
pub(super) fn show<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    let mut text = Text::default();
    text.family("keyway_build_info", Kind::Gauge, "The version of the proxy, as a label.")
        .value(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.family("keyway_start_time_seconds", Kind::Gauge, "When the proxy started, in seconds since 1970.")
        .value(&[], parts.history.started_at().as_secs_f64());
    process::write(&mut text);
    if let Some(metrics) = parts.metrics.get() {
        data_path::write(&mut text, &metrics.snapshot());
    }
    cluster::write(&mut text, parts);
    Ok(answer::text_of(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text.into_string()))
}
