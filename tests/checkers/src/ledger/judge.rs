//! Whether what is found in a cluster is what a ledger says, or later.

use std::collections::BTreeMap;

use super::Line;

/// What a ledger says of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The acknowledged put with the largest version.
    put: Option<Put>,
    /// By the line that announces a removal, the line that acknowledges it.
    removals: BTreeMap<u64, Option<u64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Put {
    version: u64,
    value: u64,
    begun: u64,
    line: u64,
}

/// What a cluster answers for one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// A value.
    Present {
        /// The version in the answer.
        version: u64,
        /// The digest of the value.
        value: u64,
    },
}

/// How an answer contradicts the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// An acknowledged put is gone, and nobody can have removed it.
    Lost {
        /// Its version.
        version: u64,
    },
    /// What is there is older than an acknowledged put.
    Older {
        /// The version that is there.
        shown: u64,
        /// The version that was acknowledged.
        acknowledged: u64,
    },
    /// Another value stands under the acknowledged version.
    OtherValue {
        /// The version.
        version: u64,
    },
    /// It was removed after it was put, and that was acknowledged.
    Resurrected {
        /// The version.
        version: u64,
    },
}

impl Known {
    pub(super) fn add(&mut self, number: u64, line: &Line) {
        match *line {
            Line::Put { version, value, begun, .. } => {
                if self.put.is_none_or(|put| put.version < version) {
                    self.put = Some(Put { version, value, begun, line: number });
                }
            }
            Line::Removing { .. } => {
                self.removals.insert(number, None);
            }
            Line::Removed { announced, .. } => {
                self.removals.insert(announced, Some(number));
            }
        }
    }

    /// Whether what is found is what was acknowledged last, or later.
    ///
    /// # Errors
    /// [`Broken`] where it is not.
    pub fn judge(&self, found: Found) -> Result<(), Broken> {
        let Some(put) = self.put else { return Ok(()) };
        let version = put.version;
        match found {
            Found::Present { version: shown, .. } if shown < version => {
                Err(Broken::Older { shown, acknowledged: version })
            }
            Found::Present { version: shown, .. } if shown > version => Ok(()),
            Found::Present { value, .. } if value != put.value => Err(Broken::OtherValue { version }),
            Found::Present { .. } if self.surely_removed(put) => Err(Broken::Resurrected { version }),
            Found::Present { .. } => Ok(()),
            Found::Absent if self.maybe_removed(put) => Ok(()),
            Found::Absent => Err(Broken::Lost { version }),
        }
    }

    /// A removal that was announced after the put was acknowledged was acknowledged itself.
    fn surely_removed(&self, put: Put) -> bool {
        self.removals.range(put.line..).any(|(_, acknowledged)| acknowledged.is_some())
    }

    /// A removal was not over when the put was sent.
    fn maybe_removed(&self, put: Put) -> bool {
        self.removals.values().any(|acknowledged| acknowledged.is_none_or(|line| line >= put.begun))
    }
}
