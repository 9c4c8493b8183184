//! Sets of arcs behave as sets: held against the arcs they were made of, position by position.

use hashring::{Position, Range, RangeSet};
use proptest::prelude::*;

/// Positions around zero and around the middle, so that arcs touch, overlap and wrap.
fn positions() -> impl Strategy<Value = u64> {
    (0u64..20).prop_map(|n| if n < 10 { n.wrapping_sub(5) } else { (1 << 63) + n })
}

fn arcs() -> impl Strategy<Value = Vec<Range>> {
    let arc = (positions(), positions())
        .prop_map(|(after, up_to)| Range { after: Position(after), up_to: Position(up_to) });
    prop::collection::vec(arc, 0..6)
}

/// By going round: the first position is the one after `after`, and there are so many.
fn on_arc(arc: &Range, position: u64) -> bool {
    let steps = position.wrapping_sub(arc.after.0.wrapping_add(1));
    u128::from(steps) < arc.size()
}

fn on_any(arcs: &[Range], position: u64) -> bool {
    arcs.iter().any(|arc| on_arc(arc, position))
}

/// Ascending: what lies between one probe and the next is in the same arcs as the first of the two.
fn probes() -> Vec<u64> {
    let around = |n: u64| (n.wrapping_sub(8)..=u64::MAX).chain(0..8).chain((1 << 63)..(1 << 63) + 24);
    let mut all: Vec<u64> = around(0).collect();
    all.sort_unstable();
    all
}

fn naive_size(inside: impl Fn(u64) -> bool) -> u128 {
    let probes = probes();
    let ends = probes.iter().skip(1).map(|&next| u128::from(next)).chain([1 << 64]);
    probes.iter().zip(ends).filter(|&(&at, _)| inside(at)).map(|(&at, end)| end - u128::from(at)).sum()
}

fn check(set: &RangeSet, inside: impl Fn(u64) -> bool) -> Result<(), TestCaseError> {
    for at in probes() {
        prop_assert_eq!(set.contains(Position(at)), inside(at), "{:x} in {:x?}", at, set);
    }
    let segments = set.segments();
    prop_assert!(segments.iter().all(|&(low, high)| low <= high));
    prop_assert!(segments.is_sorted_by(|a, b| a.1 < b.0 && b.0 - a.1 > 1), "{:x?}", set);
    prop_assert_eq!(set.size(), naive_size(&inside));
    prop_assert_eq!(set.len(), segments.len());
    prop_assert_eq!(set.is_empty(), probes().into_iter().all(|at| !inside(at)));
    prop_assert_eq!(set.is_whole(), probes().into_iter().all(inside));
    Ok(())
}

proptest! {
    #[test]
    fn a_range_contains_what_lies_on_its_arc(arcs in arcs()) {
        for (arc, at) in arcs.iter().flat_map(|arc| probes().into_iter().map(move |at| (arc, at))) {
            prop_assert_eq!(arc.contains(Position(at)), on_arc(arc, at), "{:x} on {:?}", at, arc);
        }
    }

    #[test]
    fn a_set_contains_what_lies_on_any_of_its_arcs(arcs in arcs()) {
        check(&RangeSet::from_ranges(arcs.clone()), |at| on_any(&arcs, at))?;
    }

    #[test]
    fn sets_combine_position_by_position(a in arcs(), b in arcs()) {
        let (left, right) = (RangeSet::from_ranges(a.clone()), RangeSet::from_ranges(b.clone()));
        check(&left.union(&right), |at| on_any(&a, at) || on_any(&b, at))?;
        check(&left.intersection(&right), |at| on_any(&a, at) && on_any(&b, at))?;
        check(&left.difference(&right), |at| on_any(&a, at) && !on_any(&b, at))?;
        check(&left.complement(), |at| !on_any(&a, at))?;
        let shared = probes().into_iter().any(|at| on_any(&a, at) && on_any(&b, at));
        prop_assert_eq!(left.intersects(&right), shared);
    }

    #[test]
    fn equal_sets_have_one_form_and_survive_as_arcs(arcs in arcs()) {
        let set = RangeSet::from_ranges(arcs.clone());
        let back: Vec<Range> = set.ranges().collect();
        prop_assert_eq!(&RangeSet::from_ranges(back.iter().copied().rev()), &set);
        prop_assert_eq!(back.iter().map(Range::size).sum::<u128>(), set.size());
        let wraps = set.contains(Position(0)) && set.contains(Position(u64::MAX)) && !set.is_whole();
        prop_assert_eq!(back.len(), set.len() - usize::from(wraps));
    }
}
