//! Which keys clients' writes have brought to a new owner, so that it need not look for the others.

use std::collections::HashSet;

use hashring::Position;

/// More than this are not remembered: it would take more memory than looking costs time.
const MOST: usize = 1 << 20;

/// Keys that were forwarded in one session. The ranges were wiped when it began and each key comes in one page at most,
/// so that a key of a page that is not among them is new here.
#[derive(Debug)]
pub(super) struct Arrivals {
    session: u64,
    /// Where they lie; `None` once they were too many.
    forwarded: Option<HashSet<Position>>,
}

impl Arrivals {
    /// Of a session that this process begins.
    pub(super) fn new(session: u64) -> Self {
        Self { session, forwarded: Some(HashSet::new()) }
    }

    /// Notes that a client's write of a key there was forwarded.
    pub(super) fn forwarded(&mut self, at: Position) {
        if let Some(forwarded) = &mut self.forwarded {
            forwarded.insert(at);
            if forwarded.len() > MOST {
                self.forwarded = None;
            }
        }
    }

    /// Whether a page of this session is the first that brings a key there.
    pub(super) fn is_first(&self, session: u64, at: Position) -> bool {
        self.session == session && self.forwarded.as_ref().is_some_and(|forwarded| !forwarded.contains(&at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_first_unless_a_write_of_it_was_forwarded() {
        let mut arrivals = Arrivals::new(5);
        arrivals.forwarded(Position(1));
        assert!(!arrivals.is_first(5, Position(1)));
        assert!(arrivals.is_first(5, Position(2)));
        assert!(!arrivals.is_first(6, Position(2)), "another session has wiped nothing yet");
    }

    #[test]
    fn of_more_writes_than_are_remembered_no_key_is_taken_for_the_first() {
        let mut arrivals = Arrivals::new(5);
        (0..=MOST as u64).for_each(|at| arrivals.forwarded(Position(at)));
        assert!(!arrivals.is_first(5, Position(u64::MAX)));
    }
}
