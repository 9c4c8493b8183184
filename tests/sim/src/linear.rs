//! Whether the history of one key can be explained by a single register: the search of Wing and Gong with the
//! memory of Lowe. It knows nothing of versions, epochs or nodes.

use std::collections::HashSet;
use std::time::Duration;

/// What a client did to one key, and what it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Stored this (unique) value.
    Put(u64),
    /// Stored this value if there was none; whether it was stored.
    Create(u64, bool),
    /// Removed the value; whether there was one.
    Delete(bool),
    /// Read this.
    Get(Option<u64>),
}

/// One operation with its real times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// When it was asked.
    pub start: Duration,
    /// When it was answered; `None` = never: it may take effect at any time after its start, or not at all, and
    /// then what it would have answered is open.
    pub end: Option<Duration>,
    /// What it did.
    pub action: Action,
}

/// Whether some order of the operations, true to their times, explains every answer.
///
/// # Errors
/// The history could not be explained; gives the longest prefix that could.
pub fn check(operations: &[Operation]) -> Result<(), String> {
    let mut operations = operations.to_vec();
    operations.sort_by_key(|operation| operation.start);
    if operations.len() > 128 {
        return Err(format!("{} operations on one key are too many to judge", operations.len()));
    }
    let mut seen = HashSet::new();
    let mut stack = vec![(0_u128, None::<u64>)];
    let must: u128 = mask(&operations, |operation| operation.end.is_some());
    let mut best = 0_u128;
    while let Some((done, value)) = stack.pop() {
        if done & must == must {
            return Ok(());
        }
        if !seen.insert((done, value)) {
            continue;
        }
        if (done & must).count_ones() > (best & must).count_ones() {
            best = done;
        }
        // Nothing may come before an operation that ended before it started.
        let open = operations.iter().enumerate().filter(|(i, _)| done >> i & 1 == 0);
        let first_end = open.clone().filter_map(|(_, operation)| operation.end).min();
        for (i, operation) in open {
            if first_end.is_some_and(|end| operation.start > end) {
                break;
            }
            if let Some(after) = apply(operation, value) {
                stack.push((done | 1 << i, after));
            }
        }
    }
    let unexplained: Vec<String> = operations
        .iter()
        .enumerate()
        .filter(|(i, operation)| best >> i & 1 == 0 && operation.end.is_some())
        .map(|(_, operation)| format!("{operation:?}"))
        .collect();
    Err(format!("not explained:\n  {}\nof\n  {}", unexplained.join("\n  "), listing(&operations)))
}

/// The register after the operation, or `None` where its answer does not fit.
fn apply(operation: &Operation, value: Option<u64>) -> Option<Option<u64>> {
    let known = operation.end.is_some();
    match &operation.action {
        Action::Put(new) => Some(Some(*new)),
        Action::Create(new, created) => {
            let creates = value.is_none();
            (!known || creates == *created).then_some(if creates { Some(*new) } else { value })
        }
        Action::Delete(existed) => (!known || value.is_some() == *existed).then_some(None),
        Action::Get(read) => (value == *read).then_some(value),
    }
}

fn mask(operations: &[Operation], which: impl Fn(&Operation) -> bool) -> u128 {
    operations.iter().enumerate().filter(|(_, operation)| which(operation)).map(|(i, _)| 1 << i).sum()
}

fn listing(operations: &[Operation]) -> String {
    operations.iter().map(|operation| format!("{operation:?}")).collect::<Vec<_>>().join("\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: u64, end: u64, action: Action) -> Operation {
        Operation { start: Duration::from_millis(start), end: Some(Duration::from_millis(end)), action }
    }

    #[test]
    fn a_lost_write_is_found() {
        assert!(check(&[at(0, 1, Action::Put(1)), at(2, 3, Action::Get(None))]).is_err());
    }

    #[test]
    fn a_stale_read_is_found() {
        let history = [
            at(0, 1, Action::Put(1)),
            at(2, 9, Action::Put(2)),
            at(3, 4, Action::Get(Some(2))),
            at(5, 6, Action::Get(Some(1))),
        ];
        assert!(check(&history).is_err());
    }

    #[test]
    fn two_creators_are_found() {
        let history = [at(0, 5, Action::Create(1, true)), at(1, 4, Action::Create(2, true))];
        assert!(check(&history).is_err());
    }

    #[test]
    fn overlapping_operations_may_take_effect_in_any_order() {
        let history = [
            at(0, 9, Action::Put(1)),
            at(1, 8, Action::Put(2)),
            at(10, 11, Action::Get(Some(1))),
            at(12, 13, Action::Delete(true)),
            at(14, 15, Action::Delete(false)),
        ];
        assert_eq!(check(&history), Ok(()));
    }

    #[test]
    fn an_unanswered_write_may_have_happened_or_not() {
        let put = Operation { start: Duration::ZERO, end: None, action: Action::Put(1) };
        for read in [Some(1), None] {
            assert_eq!(check(&[put.clone(), at(2, 3, Action::Get(read))]), Ok(()));
        }
        let flicker = [put, at(2, 3, Action::Get(Some(1))), at(4, 5, Action::Get(None))];
        assert!(check(&flicker).is_err());
    }
}
