//! What was written and acknowledged, and whether what is read can be true.
//!
//! Each key has one writer, which waits for each answer before its next write, and any number of readers. So
//! the writes of a key are numbered 1, 2, 3 .., and a read must show the effect of a write that is no older
//! than any write acknowledged, or shown to anyone, before the read began, and no newer than the last one
//! begun. That is linearizability for such keys, checked as the answers come. What a write does follows from
//! the seed, the key and its number; nothing but a few numbers is kept per key.

use std::sync::{Mutex, MutexGuard, PoisonError};

use checkers::contents::Contents;

use crate::answer::Answer;
use crate::client::{Asked, Client};

pub use crate::history::content::{Content, Effect};

mod content;

/// All keys of one story, and what is known of each.
#[derive(Debug)]
pub struct History {
    content: Content,
    keys: Vec<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// The last write begun; 0 = none, the key is absent.
    begun: u32,
    /// The last write acknowledged.
    acknowledged: u32,
    /// The newest write that a finished read has shown.
    shown: u32,
    /// The highest version that an answer has carried. Versions of a key never go backwards.
    version: u64,
    /// Writes without a definite answer: each may take effect at any time, or never.
    unknown: Vec<u32>,
}

/// A write that was begun.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    key: u32,
    number: u32,
    version: u64,
}

/// What was known when a read began.
#[derive(Debug, Clone, Copy)]
pub struct Floor {
    key: u32,
    number: u32,
    version: u64,
}

impl Begun {
    /// Which write of its key it is.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}

impl History {
    /// A history of keys that are all absent.
    #[must_use]
    pub fn new(content: Content) -> Self {
        let keys = (0..content.keys).map(|_| Mutex::default()).collect();
        Self { content, keys }
    }

    /// What is written.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.content.keys
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.content.keys == 0
    }

    /// The next write of a key: its request, and what to report its outcome with.
    pub fn begin_write(&self, client: &Client, key: u32) -> (Asked, Begun) {
        let mut known = self.known(key);
        known.begun += 1;
        let begun = Begun { key, number: known.begun, version: known.version };
        drop(known);
        let name = self.content.name(key);
        let asked = match self.content.effect(key, begun.number) {
            Effect::Value(value) => client.put(name, value),
            Effect::Absence => client.delete(name),
        };
        (asked, begun)
    }

    /// A write was answered.
    ///
    /// # Errors
    /// Where that is no answer that this write could get; it may then have taken effect or not.
    pub fn wrote(&self, begun: Begun, answer: &Answer) -> Result<(), String> {
        let mut known = self.known(begun.key);
        let removes = matches!(self.content.effect(begun.key, begun.number), Effect::Absence);
        let fits = match (removes, answer.status) {
            (false, 201) | (true, 404) => self.could_be_absent(&known, begun),
            (false, 204) | (true, 204) => self.could_be_present(&known, begun),
            _ => {
                known.unknown.push(begun.number);
                return Err(format!(
                    "write {} of {}: {answer:?}",
                    begun.number,
                    self.content.name(begun.key)
                ));
            }
        };
        known.acknowledged = known.acknowledged.max(begun.number);
        if !fits {
            return Err(format!("that is not what was there before: {answer:?}"));
        }
        if removes {
            return Ok(());
        }
        let version = answer.version().ok_or_else(|| format!("no version: {answer:?}"))?;
        known.version = known.version.max(version);
        if version <= begun.version {
            return Err(format!("its version is not above {:016x}: {answer:?}", begun.version));
        }
        Ok(())
    }

    /// A write got no answer.
    pub fn lost(&self, begun: Begun) {
        self.known(begun.key).unknown.push(begun.number);
    }

    /// To be called before a read is sent.
    #[must_use]
    pub fn begin_read(&self, key: u32) -> Floor {
        let known = self.known(key);
        Floor { key, number: known.acknowledged.max(known.shown), version: known.version }
    }

    /// A read was answered.
    ///
    /// # Errors
    /// Where that cannot be true.
    pub fn read(&self, floor: Floor, answer: &Answer) -> Result<(), String> {
        let mut known = self.known(floor.key);
        let candidates = (floor.number..=known.begun).chain(known.unknown.iter().copied());
        let shown = match answer.status {
            200 => candidates.into_iter().find(|&number| self.shows(floor.key, number, &answer.body)),
            404 => candidates.into_iter().find(|&number| self.content.removes(floor.key, number)),
            _ => return Err(format!("{answer:?}")),
        };
        let Some(shown) = shown else {
            let written = self.content.describe(&answer.body);
            let (low, high) = (floor.number, known.begun);
            return Err(format!("it shows {written}, not one of the writes {low}..={high}: {answer:?}"));
        };
        if answer.status == 200 {
            let version = answer.version().ok_or_else(|| format!("no version: {answer:?}"))?;
            known.version = known.version.max(version);
            if version < floor.version {
                return Err(format!("its version went back from {:016x}: {answer:?}", floor.version));
            }
        }
        if !known.unknown.contains(&shown) {
            known.shown = known.shown.max(shown);
        }
        Ok(())
    }

    /// What is stored now, when no write is under way; `None` where one did not get a definite answer.
    #[must_use]
    pub fn contents(&self) -> Option<Contents> {
        let mut contents = Contents::default();
        for key in 0..self.len() {
            let known = self.known(key);
            if !known.unknown.is_empty() {
                return None;
            }
            if known.begun > 0
                && let Effect::Value(value) = self.content.effect(key, known.begun)
            {
                contents.add(self.content.name(key).as_bytes(), &value);
            }
        }
        Some(contents)
    }

    fn shows(&self, key: u32, number: u32, body: &[u8]) -> bool {
        number > 0 && matches!(self.content.effect(key, number), Effect::Value(value) if *value == *body)
    }

    fn could_be_absent(&self, known: &Known, begun: Begun) -> bool {
        self.content.removes(begun.key, begun.number - 1)
            || known.unknown.iter().any(|&number| self.content.removes(begun.key, number))
            || known.unknown.contains(&(begun.number - 1))
    }

    fn could_be_present(&self, known: &Known, begun: Begun) -> bool {
        !self.content.removes(begun.key, begun.number - 1) || !known.unknown.is_empty()
    }

    fn known(&self, key: u32) -> MutexGuard<'_, Known> {
        self.keys[key as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
