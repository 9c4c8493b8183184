//! How much of the ring each node owns, exactly.

use hashring::{Position, RangeSet};
use proptest::prelude::*;

use crate::oracle::{Naive, rings};

/// How far each node's points are from the point before them, added up.
fn naive_size(naive: &Naive, name: &str) -> u128 {
    let all = naive.all_points();
    let arc = |point: u64| {
        let others = all.iter().filter(|other| other.0 != point);
        let before = others.map(|other| u128::from(point.wrapping_sub(other.0))).min();
        before.unwrap_or(1 << 64)
    };
    all.iter().filter(|point| point.1 == name).map(|point| arc(point.0)).sum()
}

proptest! {
    #[test]
    fn the_size_of_a_share_is_the_sum_of_its_arcs(naive in rings()) {
        let ring = naive.ring();
        for (index, member) in ring.members().iter().enumerate() {
            let expected = naive_size(&naive, member.name.as_str());
            prop_assert_eq!(ring.sizes()[index], expected);
            prop_assert_eq!(ring.owned(index).size(), expected);
            #[expect(clippy::cast_precision_loss, reason = "compared to 1e-9")]
            let share = expected as f64 / 2f64.powi(64);
            prop_assert!((ring.shares()[index] - share).abs() < 1e-9);
            prop_assert!((ring.owned(index).share() - share).abs() < 1e-9);
        }
    }

    #[test]
    fn shares_sum_to_one(naive in rings()) {
        let ring = naive.ring();
        let owned = ring.owner_index(Position(0)).is_some();
        prop_assert_eq!(ring.sizes().iter().sum::<u128>(), if owned { 1 << 64 } else { 0 });
        let sum: f64 = ring.shares().iter().sum();
        prop_assert!((sum - if owned { 1.0 } else { 0.0 }).abs() < 1e-9, "{}", sum);
    }

    #[test]
    fn every_position_is_in_the_set_of_its_owner_and_in_no_other(naive in rings()) {
        let ring = naive.ring();
        let sets: Vec<RangeSet> = (0..ring.members().len()).map(|index| ring.owned(index)).collect();
        for position in naive.edges(&naive) {
            let owner = ring.owner_index(position);
            for (index, set) in sets.iter().enumerate() {
                prop_assert_eq!(set.contains(position), owner == Some(index), "{}", position);
            }
        }
        for (i, a) in sets.iter().enumerate() {
            prop_assert!(sets[..i].iter().all(|b| !a.intersects(b)));
        }
    }
}
