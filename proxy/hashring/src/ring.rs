//! Which node owns a position.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::id::Id;
use crate::index::Index;
use crate::name::NodeName;
use crate::position::{PointHasher, Position};
use crate::range::{RangeSet, share_of};

/// Points per unit of weight, unless the cluster was created with another number.
pub const DEFAULT_POINTS: u32 = 4096;

/// The largest weight of a node.
pub const MAX_WEIGHT: u16 = 256;

/// The most members of a ring, those of weight 0 included.
pub const MAX_MEMBERS: usize = 1 << 16;

/// The most points of all members together: 65,536 units of weight at [`DEFAULT_POINTS`]. Such a ring takes
/// 4 GiB, and twice that while it is built.
pub const MAX_RING_POINTS: u64 = 1 << 28;

/// The format of [`Ring::digest`]: another way to place points or to write the digest gets another number.
const DIGEST_FORMAT: u8 = 1;

/// A node and its weight, as the ring sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The node's name.
    pub name: NodeName,
    /// 0..=256; 0 owns nothing.
    pub weight: u16,
}

/// Why members make no ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// `points` is 0.
    #[error("a ring needs at least 1 point per unit of weight, not 0 (the default is {DEFAULT_POINTS})")]
    NoPoints,
    /// Two members have one name.
    #[error("two members are named {0}: give each node a name of its own")]
    RepeatedName(NodeName),
    /// A weight above [`MAX_WEIGHT`].
    #[error("the weight of {0} is {1}: weights go from 0 to {MAX_WEIGHT}, and only their ratios count")]
    TooHeavy(NodeName, u16),
    /// More than [`MAX_MEMBERS`] members.
    #[error("a ring has at most {MAX_MEMBERS} members, not {0}")]
    TooManyMembers(usize),
    /// More than [`MAX_RING_POINTS`] points in all.
    #[error(
        "a ring has at most {MAX_RING_POINTS} points, and these weights ask for {0}: lower them all alike, only \
         their ratios count"
    )]
    TooManyPoints(u64),
}

/// The points of every node, ready for lookups.
///
/// A clone copies all points; share a ring by `Arc`.
#[derive(Clone)]
pub struct Ring {
    points: u32,
    members: Vec<Member>,
    index: Index,
}

impl Ring {
    /// Builds the ring of `members`, in any order; `points` per unit of weight.
    ///
    /// # Errors
    /// See [`RingError`].
    pub fn try_new(points: u32, members: impl IntoIterator<Item = Member>) -> Result<Self, RingError> {
        let mut members: Vec<Member> = members.into_iter().collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        let total = checked_total(points, &members)?;
        let mut placed = Vec::with_capacity(total);
        // Names ascend, so of equal points the lowest node is the bytewise lowest name.
        for (node, member) in (0u16..=u16::MAX).zip(&members) {
            let mut hasher = PointHasher::of(&member.name);
            placed.extend((0..points * u32::from(member.weight)).map(|i| (hasher.hash(i), node)));
        }
        Ok(Self { points, members, index: Index::new(placed) })
    }

    /// Like [`Ring::try_new`], for members that were checked before, such as those of a persisted view.
    ///
    /// Of members that `try_new` refuses it makes a ring without members, which owns nothing: a mistake then
    /// stops every request instead of sending some to the wrong node. What decides about members must ask
    /// `try_new`.
    #[must_use]
    pub fn new(points: u32, members: impl IntoIterator<Item = Member>) -> Self {
        let refused = Self { points, members: Vec::new(), index: Index::default() };
        Self::try_new(points, members).unwrap_or(refused)
    }

    /// The index in [`Ring::members`] of the owner of `position`; `None` on a ring without points.
    #[inline]
    #[must_use]
    pub fn owner_index(&self, position: Position) -> Option<usize> {
        self.index.owner(position.0)
    }

    /// The owner of `position`; `None` on a ring without points.
    #[inline]
    #[must_use]
    pub fn owner(&self, position: Position) -> Option<&NodeName> {
        self.owner_index(position).and_then(|index| self.name(index))
    }

    /// The first `k` distinct nodes clockwise from `position`, owner first; fewer when fewer have points.
    #[must_use]
    pub fn replicas(&self, position: Position, k: usize) -> Vec<&NodeName> {
        let with_points = self.members.iter().filter(|member| member.weight > 0).count();
        let mut seen = vec![false; self.members.len()];
        // Stops at the last distinct node, not only after a whole turn.
        self.index
            .nodes_from(position.0)
            .filter(|&node| seen.get_mut(node).is_some_and(|seen| !std::mem::replace(seen, true)))
            .take(k.min(with_points))
            .filter_map(|node| self.name(node))
            .collect()
    }

    /// The share of the ring that each member owns, in the order of [`Ring::members`]. They sum to 1, unless
    /// the ring has no points.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        self.sizes().into_iter().map(share_of).collect()
    }

    /// How many positions each member owns, exactly, in the order of [`Ring::members`].
    #[must_use]
    pub fn sizes(&self) -> Vec<u128> {
        let mut sizes = vec![0; self.members.len()];
        let mut from = 0;
        for (up_to, node) in self.index.intervals() {
            let end = u128::from(up_to) + 1;
            if let Some(size) = sizes.get_mut(usize::from(node)) {
                *size += end - from;
            }
            from = end;
        }
        sizes
    }

    /// What the member at `index` in [`Ring::members`] owns.
    #[must_use]
    pub fn owned(&self, index: usize) -> RangeSet {
        let mut segments: Vec<(u64, u64)> = Vec::new();
        let mut low = 0;
        for (up_to, node) in self.index.intervals() {
            if usize::from(node) == index {
                match segments.last_mut() {
                    Some(last) if last.1.wrapping_add(1) == low => last.1 = up_to,
                    _ => segments.push((low, up_to)),
                }
            }
            low = up_to.wrapping_add(1);
        }
        RangeSet::from_sorted(segments)
    }

    /// What the node of this name owns: nothing when it is not on the ring.
    #[must_use]
    pub fn owned_by(&self, name: &str) -> RangeSet {
        self.index_of(name).map(|index| self.owned(index)).unwrap_or_default()
    }

    /// The members in name order.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The index in [`Ring::members`] of the node of this name.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.members.binary_search_by(|member| member.name.as_str().cmp(name)).ok()
    }

    /// Points per unit of weight.
    #[must_use]
    pub fn points(&self) -> u32 {
        self.points
    }

    /// The distinct points in ascending order, each with the index of its node in [`Ring::members`].
    pub fn sorted_points(&self) -> impl Iterator<Item = (u64, u32)> {
        self.index.points().map(|(point, node)| (point, u32::from(node)))
    }

    /// What two proxies compare to prove that they route alike: XXH3-128 over a format byte, the points per
    /// unit of weight (u32 LE), `copies` (u8), then per member in name order its name, a zero byte, and its
    /// weight (u16 LE).
    #[must_use]
    pub fn digest(&self, copies: u8) -> Id {
        let mut hash = Xxh3::new();
        hash.update(&[DIGEST_FORMAT]);
        hash.update(&self.points.to_le_bytes());
        hash.update(&[copies]);
        for member in &self.members {
            hash.update(member.name.as_str().as_bytes());
            hash.update(&[0]);
            hash.update(&member.weight.to_le_bytes());
        }
        Id(hash.digest128())
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    fn name(&self, index: usize) -> Option<&NodeName> {
        self.members.get(index).map(|member| &member.name)
    }
}

/// A ring has thousands of points per node: its debug form tells only how many.
impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("points", &self.points)
            .field("members", &self.members)
            .field("points_in_all", &self.index.len())
            .finish()
    }
}

/// How many points `members`, in name order, have together.
fn checked_total(points: u32, members: &[Member]) -> Result<usize, RingError> {
    if points == 0 {
        return Err(RingError::NoPoints);
    }
    if members.len() > MAX_MEMBERS {
        return Err(RingError::TooManyMembers(members.len()));
    }
    if let Some(pair) = members.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(RingError::RepeatedName(pair[0].name.clone()));
    }
    if let Some(heavy) = members.iter().find(|member| member.weight > MAX_WEIGHT) {
        return Err(RingError::TooHeavy(heavy.name.clone(), heavy.weight));
    }
    let weights: u64 = members.iter().map(|member| u64::from(member.weight)).sum();
    let total = weights * u64::from(points);
    match usize::try_from(total) {
        Ok(fits) if total <= MAX_RING_POINTS => Ok(fits),
        _ => Err(RingError::TooManyPoints(total)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::range::RING_SIZE;

    fn members(list: &[(&str, u16)]) -> Vec<Member> {
        list.iter().map(|&(name, weight)| Member { name: name.parse().unwrap(), weight }).collect()
    }

    #[test]
    fn members_that_make_no_ring_are_refused_in_words() {
        let refusal = |points, list: &[(&str, u16)]| Ring::try_new(points, members(list)).unwrap_err();
        assert_eq!(refusal(0, &[("n1", 1)]), RingError::NoPoints);
        assert_eq!(
            refusal(8, &[("n1", 1), ("n2", 1), ("n1", 2)]),
            RingError::RepeatedName("n1".parse().unwrap())
        );
        assert_eq!(refusal(8, &[("n1", 257)]), RingError::TooHeavy("n1".parse().unwrap(), 257));
        assert_eq!(refusal(1 << 20, &[("n1", 256), ("n2", 1)]), RingError::TooManyPoints(257 << 20));
        assert_eq!(refusal(u32::MAX, &[("n1", 1)]), RingError::TooManyPoints(u64::from(u32::MAX)));
        assert!(refusal(8, &[("n1", 300)]).to_string().contains("the weight of n1 is 300"));
    }

    #[test]
    fn more_members_than_a_node_index_can_count_are_refused() {
        let many = (0..=MAX_MEMBERS).map(|i| Member { name: format!("n{i}").parse().unwrap(), weight: 0 });
        assert_eq!(Ring::try_new(8, many).unwrap_err(), RingError::TooManyMembers(MAX_MEMBERS + 1));
    }

    #[test]
    fn refused_members_given_as_checked_ones_own_nothing() {
        let ring = Ring::new(8, members(&[("n1", 1), ("n1", 1)]));
        assert_eq!(ring.owner(Position(0)), None);
        assert_eq!(ring.members(), []);
    }

    #[test]
    fn a_ring_without_points_owns_nothing() {
        for list in [&[][..], &[("n1", 0), ("n2", 0)]] {
            let ring = Ring::try_new(8, members(list)).unwrap();
            assert_eq!(ring.owner_index(Position(0)), None);
            assert_eq!(ring.owner(Position(u64::MAX)), None);
            assert_eq!(ring.replicas(Position(7), 3), Vec::<&NodeName>::new());
            assert_eq!(ring.shares(), vec![0.0; list.len()]);
            assert!(ring.owned_by("n1").is_empty());
            assert_eq!(ring.sorted_points().count(), 0);
        }
    }

    #[test]
    fn a_lone_node_owns_the_whole_ring() {
        let ring = Ring::try_new(1, members(&[("n1", 1), ("n2", 0)])).unwrap();
        assert_eq!(ring.shares(), [1.0, 0.0]);
        assert_eq!(ring.sizes(), [RING_SIZE, 0]);
        assert!(ring.owned_by("n1").is_whole());
        assert!(ring.owned_by("n2").is_empty());
        assert!(ring.owned_by("n3").is_empty());
        assert_eq!(ring.replicas(Position(0), 3), [&ring.members()[0].name]);
    }

    #[test]
    fn a_digest_tells_weights_names_points_and_copies_apart() {
        let digest = |points, copies, list: &[(&str, u16)]| {
            Ring::try_new(points, members(list)).unwrap().digest(copies)
        };
        let one = digest(8, 1, &[("n1", 1), ("n2", 1)]);
        assert_eq!(one, digest(8, 1, &[("n2", 1), ("n1", 1)]));
        for other in [
            digest(16, 1, &[("n1", 1), ("n2", 1)]),
            digest(8, 2, &[("n1", 1), ("n2", 1)]),
            digest(8, 1, &[("n1", 1), ("n2", 2)]),
            digest(8, 1, &[("n1", 1), ("n3", 1)]),
            digest(8, 1, &[("n1", 1), ("n2", 1), ("n3", 0)]),
        ] {
            assert_ne!(one, other);
        }
    }
}
