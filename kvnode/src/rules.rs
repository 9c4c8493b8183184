//! The rules of a change that each close a hole through which an acknowledged write could be lost, by name, so
//! that the line that keeps a rule says which one it is (docs/moving.md has their reasons).
//!
//! In a program that is built to be used, [`holds`] is the constant `true`. With the feature `mutants`, which only
//! tests switch on, a thread may break one of them: the simulation must notice each.

/// A rule of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The new owner has nothing of the ranges any more before a session begins.
    WipeFirst,
    /// It says that it is ready only once that is done.
    ReadyAfterWipe,
    /// From the promise on, a write to a moved range goes to the new owner first.
    ForwardFirst,
    /// No page is read before the promise.
    PagesAfterPromise,
    /// A write to a moved range shows at the old owner only once the new one has it.
    InvisibleUntilBoth,
    /// A page or forwarded write gives way to a newer one.
    NewerWins,
    /// A key counts as new in a page only if no write of it was forwarded.
    ForwardsAreNoted,
    /// A forwarded delete is remembered until the session ends.
    TombstonesStay,
    /// "Caught up" counts for its own session and processes only.
    CaughtUpIsBound,
    /// The new boot of an old owner ends the session that the one before had promised.
    BootEndsSession,
    /// Once caught up, an old owner does not drop the new one by itself.
    NoDropOnceCaughtUp,
    /// After the switch no timer gives an old owner its ranges back.
    NoTimerFrees,
    /// The writes that are under way at the switch reach the new owner before the seal.
    SealDrains,
    /// The new owner acts only once the old one has sealed.
    SealBeforeActing,
    /// The seal is on the new owner's disk.
    SealIsPersisted,
    /// A view is on disk before it is acted on.
    ViewIsPersisted,
    /// Nobody goes on from an old copy of the view while a node has acted on a later one.
    OneHistory,
    /// A node that was started again serves nothing until its boot stands in the view.
    HelloFirst,
    /// A node deletes nothing that it owns.
    NeverDeleteOwned,
    /// An old owner deletes what it sealed in this change, and nothing else.
    CleanOnlySealed,
    /// A write is on disk before it is answered.
    SyncBeforeAnswer,
    /// A node that is started again writes under a new grant.
    GrantAtStart,
    /// A node that gains ranges writes to them under a new grant.
    GrantAtSwitch,
    /// What a page, a wipe or a cleaning changes, the read cache forgets.
    CacheFollows,
    /// A read that began under one fence counts only if that fence still stands.
    FenceTwice,
    /// After the switch a change is taken back only by another change.
    CancelReverses,
    /// Old owners keep what they gave to a new one that is given up.
    OldOwnersKeep,
    /// They keep it also where the removal of that node begins and is cancelled.
    LostIsSpared,
    /// A change begins once what the last one moved is deleted where it was.
    CleanBeforeNext,
    /// A deletion sees what came in the same batch before it.
    SweepSeesAll,
    /// A write that was on its way is answered only if the new owner surely has it, and stays the owner.
    UnknownUnlessSealed,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 31] = [
        Self::WipeFirst,
        Self::ReadyAfterWipe,
        Self::ForwardFirst,
        Self::PagesAfterPromise,
        Self::InvisibleUntilBoth,
        Self::NewerWins,
        Self::ForwardsAreNoted,
        Self::TombstonesStay,
        Self::CaughtUpIsBound,
        Self::BootEndsSession,
        Self::NoDropOnceCaughtUp,
        Self::NoTimerFrees,
        Self::SealDrains,
        Self::SealBeforeActing,
        Self::SealIsPersisted,
        Self::ViewIsPersisted,
        Self::OneHistory,
        Self::HelloFirst,
        Self::NeverDeleteOwned,
        Self::CleanOnlySealed,
        Self::SyncBeforeAnswer,
        Self::GrantAtStart,
        Self::GrantAtSwitch,
        Self::CacheFollows,
        Self::FenceTwice,
        Self::CancelReverses,
        Self::OldOwnersKeep,
        Self::LostIsSpared,
        Self::CleanBeforeNext,
        Self::SweepSeesAll,
        Self::UnknownUnlessSealed,
    ];
}

/// Whether the rule is kept: always.
#[cfg(not(feature = "mutants"))]
#[must_use]
#[inline(always)]
pub const fn holds(_: Rule) -> bool {
    true
}

#[cfg(feature = "mutants")]
pub use mutants::{broken, holds};

#[cfg(feature = "mutants")]
mod mutants {
    use std::cell::Cell;

    use super::Rule;

    thread_local! {
        static BROKEN: Cell<Option<Rule>> = const { Cell::new(None) };
    }

    /// Whether the rule is kept in this thread.
    #[must_use]
    pub fn holds(rule: Rule) -> bool {
        BROKEN.get() != Some(rule)
    }

    /// Runs `work` with a rule broken in this thread.
    pub fn broken<R>(rule: Rule, work: impl FnOnce() -> R) -> R {
        BROKEN.set(Some(rule));
        let result = work();
        BROKEN.set(None);
        result
    }
}
