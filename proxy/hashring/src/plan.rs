//! What moves between two rings.

use serde::{Deserialize, Serialize};

use crate::index::Index;
use crate::name::NodeName;
use crate::range::RangeSet;
use crate::ring::Ring;

/// The ranges that go from one node to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The owner under the old ring.
    pub from: NodeName,
    /// The owner under the new ring.
    pub to: NodeName,
    /// What goes.
    pub ranges: RangeSet,
}

/// All moves of a change, sorted by (from, to); each pair once, and no position in two moves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The moves.
    pub moves: Vec<Move>,
}

impl Plan {
    /// What has to move so that `new` can serve instead of `old`. Empty where either ring has no points.
    #[must_use]
    pub fn between(old: &Ring, new: &Ring) -> Self {
        let stays: Vec<Option<usize>> =
            old.members().iter().map(|member| new.index_of(member.name.as_str())).collect();
        let mut pieces = pieces(old.index(), new.index(), |from, to| {
            stays.get(usize::from(from)).copied().flatten() == Some(usize::from(to))
        });
        // Members stand in name order, so the order of the indexes is the order of the names.
        pieces.sort_unstable_by_key(|piece| (piece.from, piece.to, piece.low));
        let name = |ring: &Ring, node: u16| Some(ring.members().get(usize::from(node))?.name.clone());
        let moves = pieces
            .chunk_by(|a, b| (a.from, a.to) == (b.from, b.to))
            .filter_map(|same| {
                let pair = same.first()?;
                Some(Move {
                    from: name(old, pair.from)?,
                    to: name(new, pair.to)?,
                    ranges: RangeSet::from_sorted(same.iter().map(|one| (one.low, one.high)).collect()),
                })
            })
            .collect();
        Self { moves }
    }

    /// Whether nothing moves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.moves.is_empty()
    }

    /// The moves whose old owner is `node`.
    pub fn moves_from(&self, node: &NodeName) -> impl Iterator<Item = &Move> {
        self.moves.iter().filter(move |one| one.from == *node)
    }

    /// The moves whose new owner is `node`.
    pub fn moves_to(&self, node: &NodeName) -> impl Iterator<Item = &Move> {
        self.moves.iter().filter(move |one| one.to == *node)
    }

    /// Everything that moves.
    #[must_use]
    pub fn moved(&self) -> RangeSet {
        RangeSet::union_of(self.moves.iter().map(|one| &one.ranges))
    }

    /// The part of the ring that moves, from 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        crate::range::share_of(self.moves.iter().map(|one| one.ranges.size()).sum())
    }
}

/// Consecutive positions (both ends included) that go from one node to one other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    from: u16,
    to: u16,
    low: u64,
    high: u64,
}

/// Walks both rings once, side by side, and collects where the owner differs. Ascending, none mergeable.
fn pieces(old: &Index, new: &Index, same: impl Fn(u16, u16) -> bool) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut olds, mut news) = (old.intervals().peekable(), new.intervals().peekable());
    let mut low = 0;
    while let (Some(&(old_end, from)), Some(&(new_end, to))) = (olds.peek(), news.peek()) {
        let high = old_end.min(new_end);
        if !same(from, to) {
            match pieces.last_mut() {
                Some(last) if (last.from, last.to) == (from, to) && last.high + 1 == low => last.high = high,
                _ => pieces.push(Piece { from, to, low, high }),
            }
        }
        // Both lists end at the last position, so they end together, and `low` wraps only then.
        olds.next_if(|&(end, _)| end == high);
        news.next_if(|&(end, _)| end == high);
        low = high.wrapping_add(1);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::tests::{edges, few_points, naive_owner};

    proptest! {
        #[test]
        fn exactly_the_positions_whose_owner_differs_are_in_a_piece(a in few_points(), b in few_points()) {
            let pieces = pieces(&Index::new(a.clone()), &Index::new(b.clone()), |from, to| from == to);
            for position in edges(&a).into_iter().chain(edges(&b)) {
                let expected = match (naive_owner(&a, position), naive_owner(&b, position)) {
                    (Some(from), Some(to)) if from != to => vec![(from, to)],
                    _ => vec![],
                };
                let found: Vec<(u16, u16)> = pieces.iter()
                    .filter(|piece| (piece.low..=piece.high).contains(&position))
                    .map(|piece| (piece.from, piece.to))
                    .collect();
                prop_assert_eq!(found, expected, "{:x}", position);
            }
        }

        #[test]
        fn pieces_ascend_and_none_could_be_one_with_the_next(a in few_points(), b in few_points()) {
            let pieces = pieces(&Index::new(a), &Index::new(b), |from, to| from == to);
            for pair in pieces.windows(2) {
                prop_assert!(pair[0].low <= pair[0].high && pair[0].high < pair[1].low);
                let touching = pair[0].high + 1 == pair[1].low;
                prop_assert!(!touching || (pair[0].from, pair[0].to) != (pair[1].from, pair[1].to));
            }
        }
    }
}
