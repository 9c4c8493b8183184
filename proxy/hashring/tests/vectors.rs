//! The ring equals an independent implementation, and stays what it was.
//!
//! `vectors/ring.json` was written by `vectors/generate.py`, which says how to make it again and when.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeMap;

use hashring::{Member, NodeName, Plan, Position, Ring};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    positions: Vec<(String, String)>,
    points: Vec<(NodeName, u32, String)>,
    rings: BTreeMap<String, Described>,
    added_n11: Vec<(NodeName, NodeName, String)>,
    removed_n4: Vec<(NodeName, NodeName, String)>,
    tie: Tie,
}

#[derive(Deserialize)]
struct Described {
    points: u32,
    /// Name, weight, and how many positions it owns.
    members: Vec<(NodeName, u16, String)>,
    /// For one copy and for two.
    digests: [String; 2],
    /// Of key0, key1 and so on.
    owners: Vec<NodeName>,
    replicas: Vec<Vec<NodeName>>,
}

#[derive(Deserialize)]
struct Tie {
    position: String,
    points: [(NodeName, u32); 2],
    owner: NodeName,
    ring: Described,
}

impl Described {
    fn ring(&self) -> Ring {
        let member =
            |(name, weight, _): &(NodeName, u16, String)| Member { name: name.clone(), weight: *weight };
        Ring::try_new(self.points, self.members.iter().map(member)).unwrap()
    }

    fn check(&self) {
        let ring = self.ring();
        let sizes: Vec<String> = ring.sizes().iter().map(u128::to_string).collect();
        let expected: Vec<&String> = self.members.iter().map(|(_, _, size)| size).collect();
        assert_eq!(sizes.iter().collect::<Vec<_>>(), expected);
        assert_eq!([1, 2].map(|copies| ring.digest(copies).to_string()), self.digests);
        assert_eq!(self.owners.len(), 1000);
        for (i, owner) in self.owners.iter().enumerate() {
            assert_eq!(ring.owner(key(i)), Some(owner), "key{i}");
        }
        for (i, replicas) in self.replicas.iter().enumerate() {
            assert_eq!(ring.replicas(key(i), 3), replicas.iter().collect::<Vec<_>>(), "key{i}");
        }
    }
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/ring.json")).unwrap()
}

fn key(i: usize) -> Position {
    Position::of(format!("key{i}").as_bytes())
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn keys_of_every_length_fall_where_they_always_fell() {
    for (key, position) in vectors().positions {
        assert_eq!(Position::of(&bytes(&key)).to_string(), position, "{key}");
    }
}

#[test]
fn points_are_where_they_always_were() {
    for (name, i, position) in vectors().points {
        assert_eq!(Position::of_point(&name, i).to_string(), position, "point {i} of {name}");
    }
}

#[test]
fn a_thousand_keys_on_ten_even_nodes_have_the_owners_they_always_had() {
    vectors().rings["even"].check();
}

#[test]
fn a_thousand_keys_on_weighted_nodes_have_the_owners_they_always_had() {
    vectors().rings["weighted"].check();
}

#[test]
fn of_equal_points_the_bytewise_lower_name_wins() {
    let Tie { position, points, owner, ring } = vectors().tie;
    for (name, i) in &points {
        assert_eq!(Position::of_point(name, *i).to_string(), position);
    }
    assert_eq!(Some(&owner), points.iter().map(|(name, _)| name).min());
    let shared = Position::of_point(&points[0].0, points[0].1);
    assert_eq!(ring.ring().owner(shared), Some(&owner));
    assert_eq!(ring.ring().sorted_points().count(), 2 * 4096 - 1);
    ring.check();
}

#[test]
fn a_change_moves_as_many_positions_from_whom_to_whom_as_it_always_did() {
    let vectors = vectors();
    let even = &vectors.rings["even"];
    let members = even.ring().members().to_vec();
    let with = members.iter().cloned().chain([Member { name: "n11".parse().unwrap(), weight: 1 }]);
    let without = members.iter().filter(|member| member.name.as_str() != "n4").cloned();
    let moved = |after: Ring| -> Vec<(NodeName, NodeName, String)> {
        let moves = Plan::between(&even.ring(), &after).moves;
        moves.into_iter().map(|one| (one.from, one.to, one.ranges.size().to_string())).collect()
    };
    assert_eq!(moved(Ring::try_new(even.points, with).unwrap()), vectors.added_n11);
    assert_eq!(moved(Ring::try_new(even.points, without).unwrap()), vectors.removed_n4);
}
