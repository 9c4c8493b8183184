//! `GET /admin/locate?key=K`: where a key is, or would be with another node or without one.

use std::sync::Arc;

use hashring::{Member, NodeName, Position, Ring, query};
use http::StatusCode;
use kvnode::problem::{Kind, Problem};

use crate::admin::answer::{self, Answer, Fault};
use crate::admin::documents::Place;
use crate::admin::query::{Query, bad_query};
use crate::admin::{Call, Parts};
use crate::control::Control;
use crate::view::Routing;

/// `GET /admin/locate`.
pub(super) fn show<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    // Read exactly as on the data path, so that the answer is true for what a client would send.
    let key = query::key(call.uri.query()).map_err(|error| bad_query(error.to_string()))?;
    let position = Position::of(&key);
    let routing = parts.bridge.current();
    let ring = ring(&routing, call)?;
    let replicas = ring.replicas(position, usize::from(routing.view.copies));
    let Some(owner) = replicas.first() else { return Err(nobody()) };
    let place = Place {
        position: position.to_string(),
        owner: (*owner).clone(),
        url: routing.view.nodes.get(*owner).map(|node| node.url.clone()),
        replicas: replicas.into_iter().cloned().collect(),
        epoch: routing.epoch(),
    };
    answer::json(StatusCode::OK, &place)
}

fn ring(routing: &Routing, call: &Call) -> Result<Arc<Ring>, Fault> {
    let query = Query::of(&call.uri, &["key", "with", "without"])?;
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
