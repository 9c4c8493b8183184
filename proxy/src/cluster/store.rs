//! Where the view is kept: one file in a folder that belongs to this process alone.
//!
//! What the file promises: when [`ViewStore::swap`] returns, the new view survives a crash of the process and
//! a power cut; whatever happens before, the file holds the old view or the new one, whole. A file that was
//! changed or cut by anything else is refused, and a lost one is never taken for a first start.

mod folder;
mod format;

use std::io;
use std::path::{Path, PathBuf};

use hashring::{Id, View};

use folder::{Failure, Folder, LockError};
pub use format::FormatError;

/// The data folder's view, for as long as this process lives.
#[derive(Debug)]
pub struct ViewStore {
    folder: Folder,
    path: PathBuf,
    stands: Stands,
}

/// What this process knows of the file.
#[derive(Debug, Clone, Copy)]
enum Stands {
    Unread,
    Nothing,
    View {
        cluster: Id,
        epoch: u64,
        digest: Id,
    },
    /// A sync failed: nobody knows what is on disk, so nothing may be decided until a restart has read it.
    Unknown,
}

/// Why the view cannot be read or changed. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process uses the folder.
    #[error(
        "another keyway is running on the data folder {}{}; stop it, or give this one its own folder with --data",
        path.display(),
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The data folder.
        path: PathBuf,
        /// The other process, where it left its number.
        holder: Option<u32>,
    },
    /// The folder or a file in it cannot be used.
    #[error("cannot {what} {}: {cause}; choose another folder with --data, or mend its permissions", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The view file cannot be used.
    #[error(
        "the view file {} cannot be used: {cause}. It records which node owns which keys, so nothing is started \
         without it. Put back a copy of this file from a backup, or start the version of keyway that wrote it; \
         {} beside it is the view before the last decision and may be older than what the nodes know",
        path.display(),
        folder::PREVIOUS
    )]
    Unusable {
        /// The view file.
        path: PathBuf,
        /// What is wrong with it.
        cause: FormatError,
    },
    /// There is no view file, but there was one.
    #[error(
        "the view file {} is missing, but {remains} beside it shows that this folder was in use. Put the file back, \
         or choose an empty folder with --data to begin a new cluster; nothing here was changed",
        path.display()
    )]
    Lost {
        /// The view file.
        path: PathBuf,
        /// What is there.
        remains: &'static str,
    },
    /// The swap was made from a view that is not the present one.
    #[error("the view is not what this decision was made from: expected epoch {expected}, found {found}")]
    Conflict {
        /// The epoch that the caller knew.
        expected: u64,
        /// The epoch of the file; 0 = no view.
        found: u64,
    },
    /// The new view does not follow from the present one.
    #[error("epoch {epoch} does not follow from the present view: {why}")]
    NotSuccessor {
        /// The epoch of the refused view.
        epoch: u64,
        /// What does not fit.
        why: &'static str,
    },
    /// The new view was not written; the old one stands and a later swap may work.
    #[error("cannot write the view to {}: {cause}; the view before it still holds", path.display())]
    NotWritten {
        /// The view file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// It is unknown which view is on disk. Final: the process has to be restarted.
    #[error(
        "the disk failed while the view was written to {}: {cause}; which view it holds is known only after a restart",
        path.display()
    )]
    Broken {
        /// The view file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl ViewStore {
    /// Takes the data folder `data` for this process, making it where it is missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`] or [`StoreError::Io`].
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        let path = data.to_owned();
        let folder = Folder::lock(data).map_err(|error| match error {
            LockError::Held { holder } => StoreError::Locked { path: path.clone(), holder },
            LockError::Io { what, cause } => StoreError::Io { what, path: path.clone(), cause },
        })?;
        Ok(Self { path: folder.at(folder::VIEW), folder, stands: Stands::Unread })
    }

    /// The view that stands, or `None` in a folder that was never used.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] for a damaged file or another format, [`StoreError::Lost`] for a folder that
    /// was in use, [`StoreError::Io`] where the file cannot be read.
    pub fn load(&mut self) -> Result<Option<View>, StoreError> {
        if let Stands::Unknown = self.stands {
            return Err(self.broken());
        }
        let unreadable = |path: &Path, cause| StoreError::Io { what: "read", path: path.to_owned(), cause };
        let Some(text) = self.folder.read_view().map_err(|cause| unreadable(&self.path, cause))? else {
            return match self.folder.remains().map_err(|cause| unreadable(&self.path, cause))? {
                Some(remains) => Err(StoreError::Lost { path: self.path.clone(), remains }),
                None => {
                    self.stands = Stands::Nothing;
                    Ok(None)
                }
            };
        };
        let view =
            format::decode(&text).map_err(|cause| StoreError::Unusable { path: self.path.clone(), cause })?;
        self.stands = Stands::of(&view);
        Ok(Some(view))
    }

    /// Replaces the view whose epoch is `expected_epoch` (0 = none yet) by its successor; durable on return.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] and [`StoreError::NotSuccessor`]: a decision was made from another view.
    /// [`StoreError::NotWritten`]: nothing changed. [`StoreError::Broken`]: final, for every later call too.
    pub fn swap(&mut self, expected_epoch: u64, next: &View) -> Result<(), StoreError> {
        if let Stands::Unread = self.stands {
            self.load()?;
        }
        self.check(expected_epoch, next)?;
        let not_written = |cause| StoreError::NotWritten { path: self.path.clone(), cause };
        let text = format::encode(next).map_err(|error| not_written(error.into()))?;
        match self.folder.replace_view(&text) {
            Ok(()) => {
                self.stands = Stands::of(next);
                Ok(())
            }
            Err(Failure::Unchanged(cause)) => Err(not_written(cause)),
            Err(Failure::Unknown(cause)) => {
                self.stands = Stands::Unknown;
                Err(StoreError::Broken { path: self.path.clone(), cause })
            }
        }
    }

    fn check(&self, expected_epoch: u64, next: &View) -> Result<(), StoreError> {
        let (cluster, epoch, digest) = match self.stands {
            Stands::Unknown => return Err(self.broken()),
            Stands::Unread | Stands::Nothing => (next.cluster, 0, Id(0)),
            Stands::View { cluster, epoch, digest } => (cluster, epoch, digest),
        };
        if epoch != expected_epoch {
            return Err(StoreError::Conflict { expected: expected_epoch, found: epoch });
        }
        let follows = next.epoch == epoch + 1 || (next.epoch > epoch && next.begins_to_prevail());
        let why = if !follows {
            "its number is not the next one"
        } else if next.previous != digest {
            "it was made from another view"
        } else if next.cluster != cluster {
            "it is of another cluster"
        } else {
            return Ok(());
        };
        Err(StoreError::NotSuccessor { epoch: next.epoch, why })
    }

    fn broken(&self) -> StoreError {
        let cause = io::Error::other("an earlier write failed");
        StoreError::Broken { path: self.path.clone(), cause }
    }
}

impl Stands {
    fn of(view: &View) -> Self {
        Self::View { cluster: view.cluster, epoch: view.epoch, digest: view.digest() }
    }
}

#[cfg(test)]
mod tests;
