//! `GET /admin/locate?key=K`: where a key is, or would be with another node or without one.

use std::sync::Arc;

use hashring::{Member, NodeName, Position, Ring};
use http::StatusCode;
use kvnode::problem::{Kind, Problem};

use crate::admin::answer::{self, Answer, Fault};
use crate::admin::documents::{self, Place};
use crate::admin::query::{Query, bad_query};
use crate::admin::{Call, Parts};
use crate::control::Control;
use crate::view::Routing;

/// Neighbouring arcs on each side that one may ask for.
const MOST_ARCS: usize = 64;

/// `GET /admin/locate`.
pub(super) fn show<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    // Read exactly as on the data path, so that the answer is true for what a client would send.
    let key = hashring::query::key(call.uri.query()).map_err(|error| bad_query(error.to_string()))?;
    let position = Position::of(&key);
    let routing = parts.bridge.current();
    let query = Query::of(&call.uri, &["key", "with", "without", "arcs"])?;
    let arcs_around = query.parsed("arcs", str::parse)?.unwrap_or(0);
    if arcs_around > MOST_ARCS {
        return Err(bad_query(format!("`arcs`: at most {MOST_ARCS}")));
    }
    let ring = ring(&routing, &query)?;
    let replicas = ring.replicas(position, usize::from(routing.view.copies));
    let Some(owner) = replicas.first() else { return Err(nobody()) };
    let place = Place {
        position: position.to_string(),
        owner: (*owner).clone(),
        url: routing.view.nodes.get(*owner).map(|node| node.url.clone()),
        replicas: replicas.into_iter().cloned().collect(),
        epoch: routing.epoch(),
        arcs: arcs(&ring, position, arcs_around),
    };
    answer::json(StatusCode::OK, &place)
}

/// The arc of `position`, and up to so many on each side, clockwise.
fn arcs(ring: &Ring, position: Position, around: usize) -> Vec<documents::Arc> {
    if around == 0 {
        return Vec::new();
    }
    // A ring may have millions of points: they are walked, not copied.
    let (mut below, mut all) = (0, 0);
    for (point, _) in ring.sorted_points() {
        below += usize::from(point < position.0);
        all += 1;
    }
    let wanted = (around * 2 + 1).min(all);
    // As the ring is round, counted around it. With the first one comes the point before it.
    let first = below + all - wanted / 2 - 1;
    let points = || ring.sorted_points().chain(ring.sorted_points()).chain(ring.sorted_points());
    let taken: Vec<(u64, u32)> = points().skip(first).take(wanted + 1).collect();
    let arc = |pair: &[(u64, u32)]| {
        let [(from, _), (to, node)] = *pair else { return None };
        let owner = ring.members().get(node as usize)?.name.clone();
        Some(documents::Arc { from: Position(from).to_string(), to: Position(to).to_string(), owner })
    };
    taken.windows(2).filter_map(arc).collect()
}

fn ring(routing: &Routing, query: &Query) -> Result<Arc<Ring>, Fault> {
    let mut members = routing.ring.members().to_vec();
    let named = |name: &NodeName| members.iter().any(|member| member.name == *name);
    match (query.parsed("with", str::parse::<NodeName>)?, query.parsed("without", str::parse::<NodeName>)?) {
        (None, None) => return Ok(Arc::clone(&routing.ring)),
        (Some(_), Some(_)) => return Err(bad_query("say either `with` or `without`")),
        (Some(name), None) if named(&name) => {
            return Err(bad_query(format!("`with`: {name} is on the ring already")));
        }
        (Some(name), None) => members.push(Member { name, weight: 1 }),
        (None, Some(name)) if !named(&name) => {
            return Err(bad_query(format!("`without`: there is no node {name} on the ring")));
        }
        (None, Some(name)) => members.retain(|member| member.name != name),
    }
    Ok(Arc::new(Ring::new(routing.view.points, members)))
}

fn nobody() -> Fault {
    Problem::new(Kind::EmptyRing).detail("No node with a weight above 0 is on that ring.").into()
}
