//! `GET /admin/slices?count=N`: the ring as a picture shows it.

use hashring::Position;
use http::StatusCode;

use crate::admin::answer::{self, Answer, Fault};
use crate::admin::documents::Slices;
use crate::admin::query::{Query, bad_query};
use crate::admin::{Call, Parts};
use crate::control::Control;
use crate::view::Routing;

/// About two for each pixel of a circle that fills a desktop's screen.
const MOST: u64 = 4096;
const USUAL: u64 = 720;

/// `GET /admin/slices`.
pub(super) fn show<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    let count = Query::of(&call.uri, &["count"])?.parsed("count", str::parse)?.unwrap_or(USUAL);
    if !(1..=MOST).contains(&count) {
        return Err(bad_query(format!("`count`: from 1 to {MOST}")));
    }
    answer::json(StatusCode::OK, &document(&parts.bridge.current(), count))
}

fn document(routing: &Routing, count: u64) -> Slices {
    let ring = &routing.ring;
    let width = u64::MAX / count;
    Slices {
        epoch: routing.epoch(),
        nodes: ring.members().iter().map(|member| member.name.clone()).collect(),
        owners: (0..count).filter_map(|n| ring.owner_index(Position(n * width + width / 2))).collect(),
    }
}
