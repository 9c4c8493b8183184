//! What moves, and what does not, when members change.

use std::collections::BTreeMap;

use hashring::{Plan, RangeSet};
use proptest::prelude::*;

use crate::oracle::{Naive, owned_rings, peopled_rings, rings};

/// Holds the plan against the owners on both rings, and returns it.
fn checked_plan(old: &Naive, new: &Naive) -> Result<Plan, TestCaseError> {
    let (before, after) = (old.ring(), new.ring());
    let plan = Plan::between(&before, &after);
    for position in old.edges(new) {
        let expected: Vec<(&str, &str)> = match (old.owner(position), new.owner(position)) {
            (Some(from), Some(to)) if from != to => vec![(from, to)],
            _ => vec![],
        };
        let covering = plan.moves.iter().filter(|one| one.ranges.contains(position));
        let found: Vec<(&str, &str)> = covering.map(|one| (one.from.as_str(), one.to.as_str())).collect();
        prop_assert_eq!(&found, &expected, "{}", position);
        prop_assert_eq!(plan.moved().contains(position), !expected.is_empty());
    }
    Ok(plan)
}

proptest! {
    #[test]
    fn a_plan_covers_exactly_the_positions_whose_owner_differs(old in rings(), new in rings()) {
        let plan = checked_plan(&old, &new)?;
        let pairs: Vec<_> = plan.moves.iter().map(|one| (&one.from, &one.to)).collect();
        prop_assert!(pairs.is_sorted_by(|a, b| a < b), "{:?}", pairs);
        prop_assert!(plan.moves.iter().all(|one| !one.ranges.is_empty()));
    }

    #[test]
    fn what_a_node_has_afterwards_is_what_it_had_less_what_left_and_more_what_came(
        old in owned_rings(),
        new in owned_rings(),
    ) {
        let (before, after) = (old.ring(), new.ring());
        let plan = Plan::between(&before, &after);
        for member in before.members().iter().chain(after.members()) {
            let name = &member.name;
            let left = RangeSet::union_of(plan.moves_from(name).map(|one| &one.ranges));
            let came = RangeSet::union_of(plan.moves_to(name).map(|one| &one.ranges));
            let had = before.owned_by(name.as_str());
            prop_assert_eq!(after.owned_by(name.as_str()), had.difference(&left).union(&came));
        }
        prop_assert!((plan.share() - plan.moved().share()).abs() < 1e-9);
    }

    #[test]
    fn the_way_back_is_the_same_plan_turned_round(old in rings(), new in rings()) {
        let turned: BTreeMap<_, _> = Plan::between(&new.ring(), &old.ring())
            .moves.into_iter().map(|one| ((one.to, one.from), one.ranges)).collect();
        let plan: BTreeMap<_, _> = Plan::between(&old.ring(), &new.ring())
            .moves.into_iter().map(|one| ((one.from, one.to), one.ranges)).collect();
        prop_assert_eq!(plan, turned);
    }

    #[test]
    fn adding_a_node_moves_keys_only_to_it(old in rings(), weight in 1u16..4) {
        let plan = checked_plan(&old, &old.with("newcomer", weight))?;
        prop_assert!(plan.moves.iter().all(|one| one.to.as_str() == "newcomer"));
    }

    #[test]
    fn removing_a_node_moves_only_its_keys_each_to_its_own_successor(
        old in peopled_rings(),
        which in any::<prop::sample::Index>(),
    ) {
        let leaver = which.get(&old.members).name.clone();
        let rest = old.without(leaver.as_str());
        let plan = checked_plan(&old, &rest)?;
        prop_assert!(plan.moves.iter().all(|one| one.from == leaver));
        let (before, after) = (old.ring(), rest.ring());
        for position in old.edges(&rest) {
            let successors = before.replicas(position, 2);
            if let [first, second] = successors[..] && *first == leaver {
                prop_assert_eq!(after.owner(position), Some(second));
            }
        }
    }

    #[test]
    fn a_new_weight_moves_keys_only_to_or_only_from_its_node(
        old in peopled_rings(),
        which in any::<prop::sample::Index>(),
        weight in 0u16..5,
    ) {
        let changed = which.get(&old.members).clone();
        let plan = checked_plan(&old, &old.with(changed.name.as_str(), weight))?;
        let one_way = plan.moves.iter().all(|one| {
            if weight > changed.weight { one.to == changed.name } else { one.from == changed.name }
        });
        prop_assert!(one_way, "{:?}", plan);
        prop_assert!(weight != changed.weight || plan.is_empty());
    }
}
