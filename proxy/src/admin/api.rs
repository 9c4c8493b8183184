//! Which path is which subject; one file for each of them.

mod changes;
mod join;
mod locate;
mod metrics;
mod orders;
pub(super) mod page;
mod probes;
mod ring;
mod slices;
mod stats;
mod verify;

use http::Method;

use super::answer::{self, Answer, Fault};
use super::{Call, Parts};
use crate::control::Control;

/// Finds the subject by path and method, and lets it answer.
pub(super) async fn route<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    let segments: Vec<&str> = call.uri.path().split('/').skip(1).collect();
    // What may be read may be asked for its header alone; the server leaves the body out.
    let method = if call.method == Method::HEAD { &Method::GET } else { &call.method };
    match (method.as_str(), segments.as_slice()) {
        ("POST", ["add-server"]) => orders::add_server(parts, call).await,
        ("POST", ["remove-server"]) => orders::remove_server(parts, call).await,
        ("PATCH", ["admin", "nodes", name]) => orders::reweight(parts, call, name).await,
        ("GET", ["admin", "changes"]) => changes::list(parts, call),
        ("GET", ["admin", "changes", id]) => changes::show(parts, call, id),
        ("PATCH", ["admin", "changes", id]) => changes::adjust(parts, call, id).await,
        ("DELETE", ["admin", "changes", id]) => changes::cancel(parts, call, id).await,
        ("GET", ["admin", "ring"]) => ring::show(parts, call),
        ("GET", ["admin", "locate"]) => locate::show(parts, call),
        ("GET", ["admin", "slices"]) => slices::show(parts, call),
        ("POST", ["admin", "verify"]) => verify::run(parts, call).await,
        ("POST", ["admin", "join"]) => join::take(parts, call).await,
        ("POST", ["admin", "leave"]) => join::leave(parts, call).await,
        ("GET", ["admin", "live"]) => probes::live(),
        ("GET", ["admin", "ready"]) => probes::ready(parts),
        ("GET", ["admin", "metrics"]) => metrics::show(parts, call),
        ("GET", ["admin"]) => stats::redirect(call),
        ("GET", ["admin", "stats"]) => page::show(call),
        ("GET", ["admin", "page", name]) => page::file(call, name),
        ("GET", ["admin", "stats.json"]) => stats::document(parts, call),
        (_, segments) => Err(match allowed(segments) {
            Some(allowed) => answer::method_not_allowed(allowed),
            None => answer::unknown_path(call.uri.path()),
        }),
    }
}

/// The methods of a known path.
fn allowed(segments: &[&str]) -> Option<&'static str> {
    match segments {
        ["add-server" | "remove-server"] | ["admin", "verify" | "join" | "leave"] => Some("POST"),
        ["admin", "nodes", _] => Some("PATCH"),
        ["admin", "changes", _] => Some("GET, HEAD, PATCH, DELETE"),
        ["admin"] => Some("GET, HEAD"),
        [
            "admin",
            "changes" | "ring" | "locate" | "slices" | "live" | "ready" | "metrics" | "stats" | "stats.json",
        ] => Some("GET, HEAD"),
        ["admin", "page", name] if page::has(name) => Some("GET, HEAD"),
        _ => None,
    }
}
