//! Who owns a position, and who would be next.

use hashring::{NodeName, Position};
use proptest::prelude::*;

use crate::oracle::{Naive, rings};

proptest! {
    #[test]
    fn the_owner_is_the_node_of_the_nearest_point_clockwise(naive in rings(), at in any::<u64>()) {
        let ring = naive.ring();
        for position in naive.edges(&naive).into_iter().chain([Position(at)]) {
            let owner = ring.owner(position).map(NodeName::as_str);
            prop_assert_eq!(owner, naive.owner(position), "{}", position);
            let by_index = ring.owner_index(position).map(|index| ring.members()[index].name.as_str());
            prop_assert_eq!(owner, by_index);
        }
    }

    #[test]
    fn the_order_of_nodes_never_matters((naive, other) in rings().prop_flat_map(|naive| {
        let shuffled = Just(naive.members.clone()).prop_shuffle();
        let points = naive.points;
        (Just(naive), shuffled.prop_map(move |members| Naive { points, members }))
    })) {
        let (a, b) = (naive.ring(), other.ring());
        prop_assert_eq!(a.digest(1), b.digest(1));
        prop_assert_eq!(a.members(), b.members());
        prop_assert!(a.sorted_points().eq(b.sorted_points()));
    }

    #[test]
    fn a_node_of_weight_zero_changes_no_owner(naive in rings()) {
        let (with, without) = (naive.with("drained", 0), &naive);
        prop_assert_eq!(with.ring().owned_by("drained").len(), 0);
        let (with, without) = (with.ring(), without.ring());
        for position in naive.edges(&naive) {
            prop_assert_eq!(with.owner(position), without.owner(position));
        }
    }

    /// The next replica is who owns the position once the ones before it have left.
    #[test]
    fn replicas_are_the_owners_in_the_order_in_which_nodes_would_leave(naive in rings(), at in any::<u64>()) {
        let ring = naive.ring();
        let position = Position(at);
        let mut expected = Vec::new();
        let mut rest = naive.clone();
        while let Some(owner) = rest.owner(position).map(str::to_owned) {
            rest = rest.without(&owner);
            expected.push(owner);
        }
        for k in 0..7 {
            let replicas: Vec<&str> = ring.replicas(position, k).iter().map(|name| name.as_str()).collect();
            prop_assert_eq!(&replicas, &expected[..k.min(expected.len())]);
        }
    }
}
