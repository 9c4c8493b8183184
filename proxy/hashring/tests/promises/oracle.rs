//! The ring again, from the words of the design and with no regard for speed: every question looks at every
//! point. It shares no code with the crate but the name type.

use hashring::{Member, Position, Ring};
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

/// Members, and the points per unit of weight.
#[derive(Debug, Clone)]
pub(crate) struct Naive {
    pub(crate) points: u32,
    pub(crate) members: Vec<Member>,
}

impl Naive {
    pub(crate) fn ring(&self) -> Ring {
        Ring::try_new(self.points, self.members.clone()).unwrap()
    }

    pub(crate) fn all_points(&self) -> Vec<(u64, &str)> {
        let mut all = Vec::new();
        for member in &self.members {
            for i in 0..self.points * u32::from(member.weight) {
                let text = [member.name.as_str().as_bytes(), b"\0", &i.to_le_bytes()].concat();
                all.push((xxh3_64(&text), member.name.as_str()));
            }
        }
        all
    }

    /// The node of the nearest point clockwise; of equal points the bytewise lower name.
    pub(crate) fn owner(&self, position: Position) -> Option<&str> {
        let nearest = |&(point, name): &(u64, &str)| (point.wrapping_sub(position.0), name.to_owned());
        self.all_points().into_iter().min_by_key(nearest).map(|(_, name)| name)
    }

    /// Without the node of this name.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut rest = self.clone();
        rest.members.retain(|member| member.name.as_str() != name);
        rest
    }

    /// With `weight` for the node of this name, which may be new.
    pub(crate) fn with(&self, name: &str, weight: u16) -> Self {
        let mut more = self.without(name);
        more.members.push(Member { name: name.parse().unwrap(), weight });
        more
    }

    /// Every point of both rings, its neighbours, and the ends of the ring: where an owner may change.
    pub(crate) fn edges(&self, other: &Self) -> Vec<Position> {
        let points = self.all_points().into_iter().chain(other.all_points());
        let near = |(point, _): (u64, &str)| [point.wrapping_sub(1), point, point.wrapping_add(1)];
        points.flat_map(near).chain([0, u64::MAX]).map(Position).collect()
    }
}

/// Small rings: up to five nodes of seven, weights 0 to 3, up to six points per unit of weight.
pub(crate) fn rings() -> impl Strategy<Value = Naive> {
    let names =
        prop::sample::subsequence(vec!["0", "a.b", "n1", "n10", "n2", "x-9", "z_"], 0..=5).prop_shuffle();
    (names, prop::collection::vec(0u16..4, 5), 1u32..=6).prop_map(|(names, weights, points)| {
        let member = |(name, weight): (&str, u16)| Member { name: name.parse().unwrap(), weight };
        Naive { points, members: names.into_iter().zip(weights).map(member).collect() }
    })
}

/// The same, with a member at least.
pub(crate) fn peopled_rings() -> impl Strategy<Value = Naive> {
    rings().prop_map(|ring| if ring.members.is_empty() { ring.with("n1", 1) } else { ring })
}

/// The same, and every position has an owner.
pub(crate) fn owned_rings() -> impl Strategy<Value = Naive> {
    peopled_rings().prop_map(|mut ring| {
        let first = &mut ring.members[0];
        first.weight = first.weight.max(1);
        ring
    })
}
