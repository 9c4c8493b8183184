//! Clients' writes: check ownership and conditions, give a version, apply here, or send to the new owner first.

use hashring::NodeName;

use super::{Core, Effect, Fault, Now};
use crate::handover::source::{Forward, Source};
use crate::node::{Operation, Refused, Route, Write, Written};
use crate::rules::{Rule, holds};
use crate::store::engine::EngineError;
use crate::store::record::{Record, StoreKey};
use crate::version::{Exhausted, Version};

/// What a write comes to, given the present record.
enum Decision {
    /// Nothing changes.
    Answer(Written),
    /// Store, or delete where there is no record, under this version.
    Change(Option<Record>, Version, Written),
}

impl<T> Core<T> {
    pub(super) fn write(
        &mut self,
        write: Write,
        route: &Route,
        reply: T,
        now: Now,
    ) -> Result<(), EngineError> {
        let key = StoreKey::of(&write.key);
        if let Err(refused) = self.fence.admit(key.position(), route) {
            self.effects.push(Effect::Written(reply, Err(refused)));
            return Ok(());
        }
        if self.disk_full && matches!(write.operation, Operation::Put { .. }) {
            self.effects.push(Effect::Written(reply, Err(Refused::DiskFull)));
            return Ok(());
        }
        let promised = self.promised_to(&key);
        if let Some(source) = promised.as_ref().and_then(|to| self.sources.get_mut(to))
            && source.is_locked(&key)
        {
            source.wait(&key, write, reply);
            return Ok(());
        }
        let (change, version, outcome) = match self.decide(&key, write, now) {
            Ok(Decision::Change(change, version, outcome)) => (change, version, outcome),
            Ok(Decision::Answer(written)) => {
                self.effects.push(Effect::Written(reply, Ok(written)));
                return Ok(());
            }
            Err(refused) => {
                self.effects.push(Effect::Written(reply, Err(refused)));
                return Ok(());
            }
        };
        let change = change.map(|record| {
            let encoded = record.encode(&key);
            (record, encoded)
        });
        let forward = Forward { key, change, version, outcome, reply };
        match promised.and_then(|to| self.sources.get_mut(&to)) {
            Some(source) => {
                if !holds(Rule::InvisibleUntilBoth) {
                    let _ = self.staging.change(&forward.key, forward.change.clone());
                }
                source.forward(forward);
            }
            None => self.apply(forward)?,
        }
        Ok(())
    }

    /// Applies a decided write here, and answers it at the commit.
    pub(super) fn apply(&mut self, forward: Forward<T>) -> Result<(), EngineError> {
        let Forward { key, change, version: _, outcome, reply } = forward;
        let answer = fatal(self.staging.change(&key, change))?.map(|()| outcome).map_err(Refused::Damaged);
        self.effects.push(Effect::Written(reply, answer));
        Ok(())
    }

    /// The new owner that must have a write of this key first.
    fn promised_to(&self, key: &StoreKey) -> Option<NodeName> {
        let to = self.after.as_ref()?.owner(key.position())?;
        let promised = |source: &&Source<T>| source.is_promised() && holds(Rule::ForwardFirst);
        self.sources.get(to).filter(promised).map(|_| to.clone())
    }

    fn decide(&mut self, key: &StoreKey, write: Write, now: Now) -> Result<Decision, Refused> {
        let current = match self.staging.get(key) {
            Ok(current) => current,
            // Deleting or overwriting whatever is there needs nothing of the damaged record.
            Err(Fault::Damaged(_)) if write.conditions == Default::default() => Some(unreadable()),
            // A disk that cannot read one place may read all others, so the node goes on.
            Err(fault) => return Err(Refused::Damaged(fault.to_string())),
        };
        if !write.conditions.allow_write(current.as_ref().map(|record| (record.version, record.modified_ms)))
        {
            return Ok(Decision::Answer(Written::PreconditionFailed));
        }
        let existed = current.is_some();
        let (record, outcome): (Option<Record>, fn(Version) -> Written) = match write.operation {
            Operation::Delete if !existed => return Ok(Decision::Answer(Written::Absent)),
            Operation::Delete => (None, |_| Written::Deleted),
            Operation::Put { content_type, content_encoding, value } => {
                let version = Version::default();
                let modified_ms = now.wall_ms;
                let record =
                    Record { version, modified_ms, expiry_ms: 0, content_type, content_encoding, value };
                (Some(record), if existed { Written::Replaced } else { Written::Created })
            }
        };
        let version = self.next_version()?;
        let record = record.map(|record| Record { version, ..record });
        Ok(Decision::Change(record, version, outcome(version)))
    }

    fn next_version(&mut self) -> Result<Version, Exhausted> {
        self.counter += 1;
        Version::new(self.grant, self.counter)
            .inspect_err(|exhausted| tracing::error!(%exhausted, "a write was refused"))
    }
}

/// Separates a broken engine, which stops the node, from a damaged record, which does not.
fn fatal<V>(result: Result<V, Fault>) -> Result<Result<V, String>, EngineError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Fault::Engine(error)) => Err(error),
        Err(Fault::Damaged(damage)) => Ok(Err(damage.to_string())),
    }
}

/// Stands for a record that cannot be read: something is there.
fn unreadable() -> Record {
    Record {
        version: Version::default(),
        modified_ms: 0,
        expiry_ms: 0,
        content_type: None,
        content_encoding: None,
        value: bytes::Bytes::new(),
    }
}
