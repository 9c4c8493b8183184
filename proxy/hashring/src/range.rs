//! Arcs of the ring, and sets of them.

use serde::{Deserialize, Serialize};

use crate::position::Position;

/// How many positions the ring has.
pub const RING_SIZE: u128 = 1 << 64;

/// The arc (after, up_to]; it may wrap, and `after == up_to` is the whole ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range {
    /// The position before the first one.
    pub after: Position,
    /// The last position.
    pub up_to: Position,
}

/// A set of positions, kept as sorted, disjoint, non-adjacent intervals of `u64` that do not wrap.
///
/// Serialised as its [`Range`]s; what is read is brought into this form, so that it always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Range>", into = "Vec<Range>")]
pub struct RangeSet {
    /// Both ends included.
    segments: Vec<(u64, u64)>,
}

impl Range {
    /// Whether `position` lies on the arc.
    #[must_use]
    pub fn contains(&self, position: Position) -> bool {
        if self.after < self.up_to {
            self.after < position && position <= self.up_to
        } else {
            self.after < position || position <= self.up_to
        }
    }

    /// How many positions lie on the arc.
    #[must_use]
    pub fn size(&self) -> u128 {
        match self.up_to.0.wrapping_sub(self.after.0) {
            0 => RING_SIZE,
            size => u128::from(size),
        }
    }
}

impl RangeSet {
    /// The union of `ranges`, which may overlap.
    #[must_use]
    pub fn from_ranges(ranges: impl IntoIterator<Item = Range>) -> Self {
        let mut pieces = Vec::new();
        for range in ranges {
            let (after, up_to) = (range.after.0, range.up_to.0);
            if after < up_to {
                pieces.push((after + 1, up_to));
            } else {
                pieces.push((0, up_to));
                if let Some(first) = after.checked_add(1) {
                    pieces.push((first, u64::MAX));
                }
            }
        }
        Self::from_pieces(pieces)
    }

    /// The whole ring.
    #[must_use]
    pub fn whole() -> Self {
        Self { segments: vec![(0, u64::MAX)] }
    }

    /// The union of `sets`, which may overlap.
    #[must_use]
    pub fn union_of<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::from_pieces(sets.into_iter().flat_map(Self::segments).copied().collect())
    }

    /// Whether `position` is in the set. Takes the logarithm of [`RangeSet::len`].
    #[must_use]
    pub fn contains(&self, position: Position) -> bool {
        let at = self.segments.partition_point(|&(_, high)| high < position.0);
        self.segments.get(at).is_some_and(|&(low, _)| low <= position.0)
    }

    /// The intervals in ascending order, both ends included, none adjacent to the next.
    #[must_use]
    pub fn segments(&self) -> &[(u64, u64)] {
        &self.segments
    }

    /// The arcs of the set, none adjacent to another: one that crosses zero is one arc, but two segments.
    pub fn ranges(&self) -> impl Iterator<Item = Range> {
        let range = |low: u64, high| Range { after: Position(low.wrapping_sub(1)), up_to: Position(high) };
        let (plain, wrapping) = match self.segments.as_slice() {
            [(0, high), plain @ .., (low, u64::MAX)] => (plain, Some(range(*low, *high))),
            plain => (plain, None),
        };
        plain.iter().map(move |&(low, high)| range(low, high)).chain(wrapping)
    }

    /// How many segments there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Whether the set is the whole ring.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.segments == [(0, u64::MAX)]
    }

    /// How many positions are in the set.
    #[must_use]
    pub fn size(&self) -> u128 {
        self.segments.iter().map(|&(low, high)| u128::from(high - low) + 1).sum()
    }

    /// The part of the ring that the set is, from 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        share_of(self.size())
    }

    /// What is in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::union_of([self, other])
    }

    /// What is in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { segments: self.overlaps(other).collect() }
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.intersection(&other.complement())
    }

    /// Whether some position is in both sets.
    #[must_use]
    pub fn intersects(&self, other: &Self) -> bool {
        self.overlaps(other).next().is_some()
    }

    /// What is not in the set.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut segments = Vec::with_capacity(self.segments.len() + 1);
        let mut free = Some(0);
        for &(low, high) in &self.segments {
            match free {
                Some(from) if from < low => segments.push((from, low - 1)),
                _ => {}
            }
            free = high.checked_add(1);
        }
        segments.extend(free.map(|from| (from, u64::MAX)));
        Self { segments }
    }

    /// Takes segments that are sorted, disjoint and not adjacent.
    pub(crate) fn from_sorted(segments: Vec<(u64, u64)>) -> Self {
        debug_assert!(segments.is_sorted_by(|a, b| a.1 < b.0 && b.0 - a.1 > 1), "{segments:x?}");
        Self { segments }
    }

    /// Takes intervals in any order, which may overlap.
    fn from_pieces(mut pieces: Vec<(u64, u64)>) -> Self {
        // Stable, because that sort is linear for a few sorted runs, which is what unions are made of.
        pieces.sort();
        let mut segments: Vec<(u64, u64)> = Vec::with_capacity(pieces.len());
        for (low, high) in pieces {
            match segments.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => segments.push((low, high)),
            }
        }
        Self { segments }
    }

    /// The segments of the intersection, in order: both lists are walked once.
    fn overlaps(&self, other: &Self) -> impl Iterator<Item = (u64, u64)> {
        let (mut ours, mut theirs) = (self.segments.as_slice(), other.segments.as_slice());
        std::iter::from_fn(move || {
            while let ([mine, my_rest @ ..], [yours, your_rest @ ..]) = (ours, theirs) {
                // Whichever ends first can meet nothing further on.
                if mine.1 < yours.1 {
                    ours = my_rest;
                } else {
                    theirs = your_rest;
                }
                let (low, high) = (mine.0.max(yours.0), mine.1.min(yours.1));
                if low <= high {
                    return Some((low, high));
                }
            }
            None
        })
    }
}

impl From<Vec<Range>> for RangeSet {
    fn from(ranges: Vec<Range>) -> Self {
        Self::from_ranges(ranges)
    }
}

impl From<RangeSet> for Vec<Range> {
    fn from(set: RangeSet) -> Self {
        set.ranges().collect()
    }
}

/// `size` positions as a part of the ring. Rounded once, when the integer becomes a float, far below 1e-9.
#[expect(clippy::cast_precision_loss, reason = "a float holds 53 bits of the 65, and a share needs 30")]
pub(crate) fn share_of(size: u128) -> f64 {
    size as f64 / RING_SIZE as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arc(after: u64, up_to: u64) -> Range {
        Range { after: Position(after), up_to: Position(up_to) }
    }

    #[test]
    fn an_arc_that_ends_where_it_began_is_the_whole_ring() {
        for at in [0, 7, u64::MAX] {
            assert!(RangeSet::from_ranges([arc(at, at)]).is_whole(), "{at}");
            assert_eq!(arc(at, at).size(), RING_SIZE);
        }
    }

    #[test]
    fn an_arc_across_zero_is_two_segments_and_one_range() {
        let set = RangeSet::from_ranges([arc(u64::MAX - 3, 2)]);
        assert_eq!(set.segments(), [(0, 2), (u64::MAX - 2, u64::MAX)]);
        assert_eq!(set.ranges().collect::<Vec<_>>(), [arc(u64::MAX - 3, 2)]);
        assert_eq!(set.size(), 6);
    }

    #[test]
    fn a_set_survives_being_written_and_read() {
        for set in [
            RangeSet::default(),
            RangeSet::whole(),
            RangeSet::from_ranges([arc(5, 9), arc(u64::MAX, 0), arc(20, 30)]),
            RangeSet::from_ranges([arc(u64::MAX - 1, 3)]),
        ] {
            let written = serde_json::to_string(&set).unwrap();
            assert_eq!(serde_json::from_str::<RangeSet>(&written).unwrap(), set, "{written}");
        }
    }

    #[test]
    fn what_is_read_out_of_order_is_put_in_order() {
        let set: RangeSet =
            serde_json::from_str(r#"[{"after":8,"up_to":9},{"after":1,"up_to":4},{"after":3,"up_to":8}]"#)
                .unwrap();
        assert_eq!(set.segments(), [(2, 9)]);
    }

    #[test]
    fn half_the_ring_is_a_share_of_one_half() {
        assert!((RangeSet::from_ranges([arc(0, 1 << 63)]).share() - 0.5).abs() < f64::EPSILON);
        assert!((RangeSet::whole().share() - 1.0).abs() < f64::EPSILON);
    }
}
