//! Looks at a folder of fjall's before fjall does: what fjall drops or deletes when it opens a database must be what a
//! crash may leave behind, and nothing else. Damage is an error that names the file, and changes nothing.

use std::fs::{OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

mod journal;
mod manifest;

// What fjall 3 calls its files.
const VERSION: &str = "version";
const KEYSPACES: &str = "keyspaces";
const LOCK: &str = "lock";

/// Why a database must not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// fjall's own lock is held.
    #[error("{} is in use by another process: stop that one first", .0.display())]
    InUse(PathBuf),
    /// Whole batches follow on something that is none.
    #[error(
        "{} is damaged at byte {at}, and acknowledged writes come after it: restore the data folder from a copy. To \
         give up every write from that byte on instead, remove newer .jnl files and run: truncate -s {at} {}",
        file.display(), file.display()
    )]
    Journal {
        /// The journal.
        file: PathBuf,
        /// Where the first broken batch begins.
        at: usize,
    },
    /// A file that says which other files count is not what was written. fjall would delete what it does not list.
    #[error("{} is {what}: restore the data folder from a copy", file.display())]
    Manifest {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The system refuses.
    #[error("{}: {cause}", path.display())]
    Io {
        /// What was being looked at.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// Cuts off an unfinished commit at the end of the newest journal, and clears away a first start that was cut short.
pub(super) fn look_over(folder: &Path) -> Result<(), Refusal> {
    let failed = Refusal::io(folder);
    let lock = match OpenOptions::new().write(true).open(folder.join(LOCK)) {
        Ok(lock) => lock,
        // It is the first thing that fjall makes.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    // Held while we look: the last batch of a database in use may be unfinished for another reason than a crash.
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Refusal::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let journals = journal::list(folder).map_err(&failed)?;
    if is_unborn(folder).map_err(&failed)? {
        return clear_unborn(folder, &journals);
    }
    manifest::check_all(&folder.join(KEYSPACES))?;
    for (index, file) in journals.iter().enumerate() {
        journal::look_over(file, index + 1 == journals.len())?;
    }
    Ok(())
}

impl Refusal {
    fn io(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |cause| Self::Io { path: path.clone(), cause }
    }
}

/// Whether a first start was cut short before fjall had written its version, which it does before it takes data.
/// fjall would stumble over what is there.
fn is_unborn(folder: &Path) -> io::Result<bool> {
    let has_version = none_if_missing(folder.join(VERSION).metadata())?.is_some_and(|about| about.len() > 0);
    let has_keyspaces =
        none_if_missing(folder.join(KEYSPACES).read_dir())?.is_some_and(|mut it| it.next().is_some());
    Ok(!has_version && !has_keyspaces)
}

fn clear_unborn(folder: &Path, journals: &[PathBuf]) -> Result<(), Refusal> {
    for file in journals {
        if !journal::is_empty(file).map_err(Refusal::io(file))? {
            return Err(Refusal::Manifest { file: folder.join(VERSION), what: "missing" });
        }
    }
    for file in journals {
        std::fs::remove_file(file).map_err(Refusal::io(file))?;
    }
    none_if_missing(std::fs::remove_file(folder.join(VERSION))).map_err(Refusal::io(folder))?;
    Ok(())
}

fn none_if_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
