//! `GET /admin/live` and `GET /admin/ready`: open to everyone, so they tell nothing that is worth knowing to a
//! stranger but names of nodes. Parameters are not looked at: probes and what stands before them add their own.

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::admin::Parts;
use crate::admin::answer::{self, Answer, Fault};
use crate::admin::documents::Readiness;
use crate::control::{Control, NodeState};

/// The process works.
pub(super) fn live() -> Result<Answer, Fault> {
    answer::json(StatusCode::OK, &json!({"live": true}))
}

/// All of the ring can be served.
pub(super) fn ready<C: Control>(parts: &Parts<C>) -> Result<Answer, Fault> {
    let routing = parts.bridge.current();
    let progress = parts.control.progress();
    let mut problems: Vec<String> = Vec::new();
    let owners = || routing.view.nodes.iter().filter(|(_, node)| node.weight > 0);
    if owners().next().is_none() {
        problems.push("no node owns a part of the ring yet".to_owned());
    }
    for (name, _) in owners() {
        match progress.nodes.get(name).map(|report| report.state) {
            Some(NodeState::Up) => {}
            Some(NodeState::Joining) | None => problems.push(format!("{name} has not been heard yet")),
            Some(NodeState::Down | NodeState::CrashLooping) => problems.push(format!("{name} is down")),
        }
    }
    let ready = problems.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut answer = answer::json(status, &Readiness { ready, problems })?;
    if !ready {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Ok(answer)
}
