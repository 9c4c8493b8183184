//! What a node really stores, counted record by record and judged by its persisted view.

use hashring::{Member, NodeName, Plan, Position, Ring};

use crate::core::Outlook;
use crate::fence::{Fence, Standing};
use crate::protocol::{Arrival, Census};
use crate::store::engine::{EngineError, Limit, Source, Space};
use crate::store::record::{Record, Segment, StoreKey};

/// Entries that are read at a time.
const STRIDE: Limit = Limit { entries: 4096, bytes: 8 << 20 };

/// Keys that are named as examples.
const EXAMPLES: usize = 10;

/// Counts everything in `source`; with `next`, also what would go to whom under that ring.
///
/// # Errors
/// [`EngineError`] where the engine cannot be read.
pub(crate) fn take(
    source: &dyn Source,
    me: &NodeName,
    fence: &Fence,
    outlook: Option<&Outlook>,
    next: Option<Vec<Member>>,
) -> Result<Census, EngineError> {
    let mut census = Census { epoch: fence.epoch, ..Census::default() };
    let next = next
        .zip(outlook)
        .map(|(members, outlook)| Plan::between(&outlook.ring, &Ring::new(outlook.view.points, members)));
    let mut leaving: Vec<_> =
        next.iter().flat_map(|plan| &plan.moves).filter(|one| one.from == *me).collect();
    census.leaving =
        leaving.iter().map(|one| Arrival { to: one.to.clone(), tally: Default::default() }).collect();
    let segment = Segment::whole();
    let mut after: Option<StoreKey> = None;
    loop {
        let bounds = segment.bounds(after.as_ref().map(|key| &key.0[..]));
        let entries = source.scan(Space::Records, bounds, STRIDE)?;
        let Some((last, _)) = entries.last() else { return Ok(census) };
        after = Some(StoreKey(last.clone()));
        for (key, bytes) in entries {
            let key = StoreKey(key);
            match Record::decode(&key, bytes) {
                Ok(record) => judge(&mut census, &key, &record, me, fence, outlook, &mut leaving),
                Err(_) => {
                    census.damaged += 1;
                    example(&mut census, &key);
                }
            }
        }
    }
}

fn judge(
    census: &mut Census,
    key: &StoreKey,
    record: &Record,
    me: &NodeName,
    fence: &Fence,
    outlook: Option<&Outlook>,
    leaving: &mut [&hashring::Move],
) {
    let position = key.position();
    let tally = match whose(position, me, fence, outlook) {
        Whose::Owned => &mut census.owned,
        Whose::Cleaning => &mut census.cleaning,
        Whose::Arriving => &mut census.arriving,
        Whose::Foreign => {
            example(census, key);
            &mut census.foreign
        }
    };
    record.count_into(key, tally);
    if let Some(at) = leaving.iter().position(|one| one.ranges.contains(position)) {
        record.count_into(key, &mut census.leaving[at].tally);
    }
}

enum Whose {
    Owned,
    Cleaning,
    Arriving,
    Foreign,
}

fn whose(position: Position, me: &NodeName, fence: &Fence, outlook: Option<&Outlook>) -> Whose {
    let awaited = match &fence.standing {
        Standing::Member(membership) => membership.awaited.iter().any(|ranges| ranges.contains(position)),
        _ => false,
    };
    if awaited {
        return Whose::Arriving;
    }
    if fence.owns(position) {
        return Whose::Owned;
    }
    let Some(outlook) = outlook else { return Whose::Foreign };
    if outlook.moves.iter().any(|(_, to, ranges)| to == me && ranges.contains(position)) {
        return Whose::Arriving;
    }
    let given_away = outlook.moves.iter().any(|(from, _, ranges)| from == me && ranges.contains(position));
    let swept = outlook.cleaning.iter().any(|(name, ranges)| name == me && ranges.contains(position));
    if given_away || swept { Whose::Cleaning } else { Whose::Foreign }
}

fn example(census: &mut Census, key: &StoreKey) {
    if census.examples.len() < EXAMPLES {
        census.examples.push(key.to_string());
    }
}
