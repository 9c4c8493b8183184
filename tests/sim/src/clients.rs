//! Clients: each does one operation at a time, sends it again where that is surely safe, and records what it saw.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hashring::NodeName;
use kvnode::conditions::{Conditions, Tags};
use kvnode::node::{Operation as Change, Write, Written};

use crate::dice::Dice;
use crate::linear::{Action, OnlyIf, Operation, Told, Write as Asked};

/// One client.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Counts its operations; an answer to an earlier one is not for it any more.
    pub turn: u64,
    /// What it is doing.
    pub doing: Option<Doing>,
}

/// An operation that has no answer yet.
#[derive(Debug, Clone)]
pub struct Doing {
    /// The key.
    pub key: Bytes,
    /// What; the answer in it is not known yet.
    pub action: Action,
    /// When it began.
    pub start: Duration,
    /// It was sent to this node, and may take effect.
    pub at_large: Option<NodeName>,
}

/// An operation, with what a client cannot know of it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What the client did, and was told.
    pub operation: Operation,
    /// Who answered, or may have taken it.
    pub node: NodeName,
    /// When that node answered; `None` = never, as far as anyone knows.
    pub served: Option<Duration>,
}

/// What all clients saw.
#[derive(Debug, Default)]
pub struct History {
    /// By key.
    pub keys: BTreeMap<Bytes, Vec<Seen>>,
    /// Operations that were answered.
    pub answered: u64,
    next_value: u64,
    /// By key: when a write began and was answered, and the version that it was given.
    versions: BTreeMap<Bytes, Vec<(Duration, Duration, u64)>>,
}

impl Client {
    /// Decides what to do next.
    pub fn begin(&mut self, keys: &[Bytes], history: &mut History, dice: &mut Dice, now: Duration) {
        let Some(key) = dice.pick(keys) else { return };
        history.next_value += 1;
        let value = history.next_value;
        let action = match dice.below(10) {
            0..4 => Action::Write(Asked::put(value), Told::Nothing),
            4 => Action::Write(Asked::create(value), Told::Nothing),
            5 | 6 => Action::Write(Asked::delete(), Told::Nothing),
            _ => Action::Get(None),
        };
        self.turn += 1;
        self.doing = Some(Doing { key: key.clone(), action, start: now, at_large: None });
    }

    /// The operation has its answer, which the node gave at the time `served`.
    pub fn end(&mut self, action: Action, history: &mut History, served: Duration, now: Duration) {
        if let Some(doing) = self.doing.take() {
            history.answered += 1;
            history.add(doing, action, Some((served, now)));
        }
    }

    /// The operation will never have an answer.
    pub fn give_up(&mut self, history: &mut History) {
        if let Some(doing) = self.doing.take() {
            let action = doing.action;
            // What was surely never applied need not be explained; nor need a read that nobody saw.
            if !matches!(action, Action::Get(_)) {
                history.add(doing, action, None);
            }
        }
    }
}

impl History {
    /// A write was answered with this version.
    pub fn version(&mut self, doing: &Doing, version: u64, now: Duration) {
        self.versions.entry(doing.key.clone()).or_default().push((doing.start, now, version));
    }

    /// Whether no version of a key is given twice, and a later write always gets a higher one.
    ///
    /// # Errors
    /// The two writes that contradict it.
    pub fn versions_grow(&self) -> Result<(), String> {
        for (key, writes) in &self.versions {
            for (at, one) in writes.iter().enumerate() {
                let repeated = writes[at + 1..].iter().find(|other| other.2 == one.2);
                let later = writes.iter().find(|other| other.0 > one.1 && other.2 <= one.2);
                if let Some(other) = repeated.or(later) {
                    return Err(format!("versions of {key:?} do not grow: {one:?}, then {other:?}"));
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, doing: Doing, action: Action, answer: Option<(Duration, Duration)>) {
        let Some(node) = doing.at_large else { return };
        let operation = Operation { start: doing.start, end: answer.map(|(_, end)| end), action };
        let served = answer.map(|(served, _)| served);
        self.keys.entry(doing.key).or_default().push(Seen { operation, node, served });
    }
}

impl Doing {
    /// The write that it is, or `None` for a read.
    #[must_use]
    pub fn write(&self) -> Option<Write> {
        let Action::Write(asked, _) = self.action else { return None };
        let operation = match asked.after {
            Some(value) => Change::Put {
                content_type: None,
                content_encoding: None,
                value: Bytes::from(value.to_string()),
            },
            None => Change::Delete,
        };
        // These clients name no versions.
        let if_none_match = (asked.only_if == OnlyIf::Absent).then_some(Tags::Any);
        let conditions = Conditions { if_none_match, ..Conditions::default() };
        Some(Write { key: self.key.clone(), operation, conditions })
    }

    /// The action with the answer in it.
    #[must_use]
    pub fn answered(&self, written: Written) -> Action {
        let told = match written {
            Written::Created(_) | Written::Absent => Told::WasAbsent,
            Written::Replaced(_) | Written::Deleted => Told::WasPresent,
            Written::PreconditionFailed => Told::Refused,
        };
        match self.action {
            Action::Write(asked, _) => Action::Write(asked, told),
            Action::Get(_) => self.action,
        }
    }
}
