//! `GET /admin/ring`: who owns how much, and how everybody is.

use http::StatusCode;

use crate::admin::answer::{self, Answer, Fault};
use crate::admin::documents::{Node, Ring};
use crate::admin::query::Query;
use crate::admin::{Call, Parts};
use crate::control::{Control, NodeState, Progress};
use crate::view::Routing;

/// `GET /admin/ring`.
pub(super) fn show<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    answer::json(StatusCode::OK, &document(&parts.bridge.current(), &parts.control.progress()))
}

/// What this proxy routes by.
pub(super) fn document(routing: &Routing, progress: &Progress) -> Ring {
    let view = &routing.view;
    // The members of a view and of its ring are both in name order.
    let nodes = view.nodes.iter().zip(routing.ring.shares()).map(|((name, node), share)| {
        let report = progress.nodes.get(name);
        Node {
            name: name.clone(),
            id: node.id,
            url: node.url.clone(),
            weight: node.weight,
            share,
            state: report.map_or(NodeState::Joining, |report| report.state),
            trouble: report.and_then(|report| report.trouble.clone()),
            own: node.own,
        }
    });
    Ring {
        cluster: view.cluster,
        epoch: view.epoch,
        digest: routing.ring.digest(view.copies),
        points: view.points,
        copies: view.copies,
        nodes: nodes.collect(),
    }
}
