//! What a client did to one key, and what it was told.

use std::time::Duration;

/// One operation with its real times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// When it was asked.
    pub start: Duration,
    /// When it was answered; `None` = never, or without saying what became of it: it may take effect at any
    /// time after its start, or not at all.
    pub end: Option<Duration>,
    /// What it did.
    pub action: Action,
}

/// What was asked, and the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read this value, or that there is none.
    Get(Option<u64>),
    /// Asked for this write, and was told this.
    Write(Write, Told),
}

/// A write that was asked for. Each value is written by one operation only: it names that write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// What is there afterwards: a value, or none.
    pub after: Option<u64>,
    /// On which condition.
    pub only_if: OnlyIf,
}

/// What must be there for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnlyIf {
    /// Whatever.
    Always,
    /// Nothing (`If-None-Match: *`).
    Absent,
    /// What this names (`If-Match`): a value, or where versions are recorded, a version.
    Is(u64),
}

/// The answer to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    /// Nothing that says what became of it.
    Nothing,
    /// Its condition did not hold, nothing was changed (412).
    Refused,
    /// It happened, and there was nothing before (201 to a put, 404 to a delete or a get).
    WasAbsent,
    /// It happened, and there was something before (204; 200 to a get).
    WasPresent,
}

impl Write {
    /// Stores a value.
    #[must_use]
    pub const fn put(value: u64) -> Self {
        Self { after: Some(value), only_if: OnlyIf::Always }
    }

    /// Stores a value where there is none.
    #[must_use]
    pub const fn create(value: u64) -> Self {
        Self { after: Some(value), only_if: OnlyIf::Absent }
    }

    /// Stores a value where the other one is.
    #[must_use]
    pub const fn swap(expected: u64, value: u64) -> Self {
        Self { after: Some(value), only_if: OnlyIf::Is(expected) }
    }

    /// Removes what is there.
    #[must_use]
    pub const fn delete() -> Self {
        Self { after: None, only_if: OnlyIf::Always }
    }

    /// Removes this value.
    #[must_use]
    pub const fn remove(expected: u64) -> Self {
        Self { after: None, only_if: OnlyIf::Is(expected) }
    }

    /// What a register that holds `before` answers, and what it holds afterwards.
    #[must_use]
    pub fn apply(&self, before: Option<u64>) -> (Told, Option<u64>) {
        let holds = match self.only_if {
            OnlyIf::Always => true,
            OnlyIf::Absent => before.is_none(),
            OnlyIf::Is(expected) => before == Some(expected),
        };
        match (holds, before) {
            (false, _) => (Told::Refused, before),
            (true, None) => (Told::WasAbsent, self.after),
            (true, Some(_)) => (Told::WasPresent, self.after),
        }
    }
}

impl Told {
    /// Whether the write surely happened.
    #[must_use]
    pub fn happened(self) -> bool {
        matches!(self, Self::WasAbsent | Self::WasPresent)
    }
}
