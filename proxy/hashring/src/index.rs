//! The points of a ring, laid out so that a lookup reads a cell or two, however many nodes there are.
//!
//! Positions are hashes, so they are spread evenly: a position's top bits already tell about where its owner
//! stands in a sorted list. The list is therefore kept with gaps. A point stands in the cell that is its
//! share of the way along the list (its *home*), or in the next free one after it, and points stay in
//! ascending order. Each gap holds a copy of the point that follows it, so a lookup starts at the home of
//! the position and takes the first cell that is not below it: the first or the second one, mostly.
//!
//! Past the last point stand cells of [`u64::MAX`] that belong to the node of the first point, as the ring is
//! round. Read from front to back, the cells are thus the whole ring as intervals: no reader has to wrap.

/// Home cells for every two points. With 3, a lookup reads two cells on average and a point takes 15 bytes.
/// With 4, a lookup was 3 ns shorter on a ring of 10 nodes and no shorter on one of 1000, and everything that
/// walks the ring took half as long again: the smaller ring leaves more of the cache to others.
const HOMES_PER_TWO_POINTS: usize = 3;

/// Sorted points with gaps, and the node of each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    /// Not descending; the last one is `u64::MAX`. Apart from `nodes`, so that a search reads points only.
    cells: Vec<u64>,
    /// The node of each cell.
    nodes: Vec<u16>,
    /// How many cells are the home of some position.
    homes: u64,
    /// How many distinct points there are.
    points: usize,
}

impl Index {
    /// Takes points with their nodes, in any order. Of equal points the lowest node keeps it.
    pub(crate) fn new(mut points: Vec<(u64, u16)>) -> Self {
        points.sort_unstable_by_key(|&(point, _)| point);
        points.dedup_by(|next, kept| {
            let equal = next.0 == kept.0;
            if equal {
                kept.1 = kept.1.min(next.1);
            }
            equal
        });
        let Some(&(_, first)) = points.first() else { return Self::default() };

        let homes = points.len() * HOMES_PER_TWO_POINTS / 2 + 1;
        // The cell after the last home, and room for points that find theirs taken.
        let room = homes + 64;
        let mut index = Self {
            cells: Vec::with_capacity(room),
            nodes: Vec::with_capacity(room),
            homes: homes as u64,
            points: points.len(),
        };
        for (point, node) in points {
            let cell = index.home(point).max(index.cells.len());
            index.fill_up_to(cell, point, node);
        }
        index.fill_up_to(homes.max(index.cells.len()), u64::MAX, first);
        index
    }

    /// The node of the first point at or after `position`, around the ring; `None` without points.
    #[inline]
    pub(crate) fn owner(&self, position: u64) -> Option<usize> {
        let cell = self.cell(position)?;
        self.nodes.get(cell).map(|&node| usize::from(node))
    }

    /// The nodes of the points from `position` on, once around the ring; nodes repeat.
    pub(crate) fn nodes_from(&self, position: u64) -> impl Iterator<Item = usize> {
        let (before, from) = self.nodes.split_at(self.cell(position).unwrap_or(0));
        from.iter().chain(before).map(|&node| usize::from(node))
    }

    /// The ring as consecutive intervals: the last position of each, and its node. The first interval begins
    /// at 0 and the last one ends at `u64::MAX`; neighbours may be of one node. Empty without points.
    pub(crate) fn intervals(&self) -> impl Iterator<Item = (u64, u16)> {
        let mut last = None;
        let all = self.cells.iter().copied().zip(self.nodes.iter().copied());
        // Of equal cells the first is the point (or a copy of it); the rest are copies.
        all.filter(move |&(up_to, _)| last.replace(up_to) != Some(up_to))
    }

    /// The distinct points in ascending order, each with its node.
    pub(crate) fn points(&self) -> impl Iterator<Item = (u64, u16)> {
        self.intervals().take(self.points)
    }

    /// How many distinct points there are.
    pub(crate) fn len(&self) -> usize {
        self.points
    }

    #[inline]
    fn cell(&self, position: u64) -> Option<usize> {
        let home = self.home(position);
        let steps = self.cells.get(home..)?.iter().position(|&cell| cell >= position)?;
        Some(home + steps)
    }

    /// Grows with the position, and is below `homes`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "below `homes`, which came from a usize")]
    fn home(&self, position: u64) -> usize {
        ((u128::from(position) * u128::from(self.homes)) >> 64) as usize
    }

    fn fill_up_to(&mut self, cell: usize, point: u64, node: u16) {
        self.cells.resize(cell + 1, point);
        self.nodes.resize(cell + 1, node);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Few positions, so that points collide, crowd and touch both ends of the ring.
    pub(crate) fn few_positions() -> impl Strategy<Value = u64> {
        (0u64..24).prop_map(|n| match n {
            0..8 => n,
            8..16 => (1 << 63) + n,
            _ => u64::MAX - (n - 16),
        })
    }

    pub(crate) fn few_points() -> impl Strategy<Value = Vec<(u64, u16)>> {
        prop::collection::vec((few_positions(), 0u16..4), 0..24)
    }

    /// Written from the words of the design: looks at every point, knows no order and no cells.
    pub(crate) fn naive_owner(points: &[(u64, u16)], position: u64) -> Option<u16> {
        let clockwise = |point: u64| point.wrapping_sub(position);
        points.iter().min_by_key(|&&(point, node)| (clockwise(point), node)).map(|&(_, node)| node)
    }

    /// The places where an owner can change, and their neighbours.
    pub(crate) fn edges(points: &[(u64, u16)]) -> Vec<u64> {
        let near = |&(point, _): &(u64, u16)| [point.wrapping_sub(1), point, point.wrapping_add(1)];
        points.iter().flat_map(near).chain([0, 1 << 62, u64::MAX]).collect()
    }

    proptest! {
        #[test]
        fn the_owner_is_the_one_that_a_look_at_every_point_finds(points in few_points()) {
            let index = Index::new(points.clone());
            for position in edges(&points) {
                let owner = index.owner(position);
                prop_assert_eq!(owner, naive_owner(&points, position).map(usize::from), "{:x}", position);
            }
        }

        #[test]
        fn the_distinct_points_stand_in_order(points in few_points()) {
            let index = Index::new(points.clone());
            let mut expected: Vec<(u64, u16)> = points.iter().map(|&(point, _)| point)
                .filter_map(|point| Some((point, naive_owner(&points, point)?)))
                .collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(index.len(), expected.len());
            prop_assert_eq!(index.points().collect::<Vec<_>>(), expected);
        }

        #[test]
        fn intervals_cover_the_ring_once_each_with_its_owner(points in few_points()) {
            let index = Index::new(points.clone());
            let intervals: Vec<(u64, u16)> = index.intervals().collect();
            prop_assert_eq!(intervals.last().map(|last| last.0), (!points.is_empty()).then_some(u64::MAX));
            prop_assert!(intervals.is_sorted_by(|a, b| a.0 < b.0));
            let mut low = 0;
            for (up_to, node) in intervals {
                prop_assert_eq!(naive_owner(&points, low), Some(node));
                prop_assert_eq!(naive_owner(&points, up_to), Some(node));
                low = up_to.wrapping_add(1);
            }
        }

        #[test]
        fn nodes_are_listed_clockwise_once_around(points in few_points(), position in few_positions()) {
            let index = Index::new(points.clone());
            let mut clockwise = points.clone();
            clockwise.sort_by_key(|&(point, node)| (point.wrapping_sub(position), node));
            clockwise.dedup_by_key(|&mut (point, _)| point);
            let mut expected: Vec<usize> = clockwise.iter().map(|&(_, node)| usize::from(node)).collect();
            let mut listed: Vec<usize> = index.nodes_from(position).collect();
            // A gap repeats the node after it, and one turn may end where it began.
            expected.extend(expected.first().copied());
            expected.dedup();
            listed.extend(listed.first().copied());
            listed.dedup();
            prop_assert_eq!(listed, expected);
        }
    }

    #[test]
    fn on_hashed_points_a_lookup_reads_two_cells_on_average() {
        let points = (0..40_960u32).map(|i| (xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes()), 0)).collect();
        let index = Index::new(points);
        let positions =
            (0..10_000u32).map(|i| xxhash_rust::xxh3::xxh3_64(&[&i.to_le_bytes()[..], b"?"].concat()));
        let read: usize = positions.map(|p| index.cell(p).unwrap() - index.home(p) + 1).sum();
        assert!(read < 20_000, "{read} cells for 10,000 lookups");
    }
}
