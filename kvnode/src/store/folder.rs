//! The data folder of a node: made, identified, and held by one process at a time.
//!
//! ```text
//! identity   {"format":1,"id":"..."}: what this folder is, and whose
//! lock       locked as long as a process uses the folder
//! engine/    the storage engine's files
//! ```

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use hashring::Id;
use serde::{Deserialize, Serialize};

/// The layout of a data folder; the only one so far.
const FORMAT: u64 = 1;
const IDENTITY: &str = "identity";
const IDENTITY_BEING_WRITTEN: &str = "identity.tmp";
const LOCK: &str = "lock";

/// A data folder that this process holds. It is free again when this is dropped, or when the process is gone.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    id: Id,
    /// The lock goes with the open file.
    _lock: File,
}

/// Why a data folder cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has it.
    #[error("the data folder {} is in use by another kvnode: stop that one, or choose another folder", .0.display())]
    InUse(PathBuf),
    /// It holds something else.
    #[error(
        "{} is not a kvnode's data folder: it has no identity file but holds {holds:?}. Choose an empty folder",
        path.display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// One of the things in it.
        holds: String,
    },
    /// Another version of the program wrote it.
    #[error(
        "the data folder {} is in format {format}, this kvnode knows format {FORMAT} only: start the version that \
         wrote it",
        path.display()
    )]
    UnknownFormat {
        /// The folder.
        path: PathBuf,
        /// What it says of itself.
        format: u64,
    },
    /// Its identity file makes no sense.
    #[error("{} is damaged ({why}): restore it from a copy of this data folder", file.display())]
    Identity {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file system refuses.
    #[error("cannot use the data folder {} ({what}): {cause}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// What the system said.
        cause: io::Error,
    },
}

/// The identity file. A later format may have other fields, but it has a `format`.
#[derive(Serialize, Deserialize)]
struct Identity {
    format: u64,
    id: Id,
}

#[derive(Deserialize)]
struct Format {
    format: u64,
}

impl Folder {
    /// Takes hold of the data folder at `path`. Where there is nothing, or an empty folder, makes a new one with a
    /// random id, readable by this user only.
    ///
    /// # Errors
    /// [`FolderError`], in words for whoever starts a node.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |what| move |cause| FolderError::Io { path: path.to_owned(), what, cause };
        let path = std::path::absolute(path).map_err(failed("finding it"))?;
        make(&path).map_err(failed("making it"))?;
        let lock = lock(&path)?;
        let id = match read_identity(&path)? {
            Some(id) => id,
            None => {
                refuse_foreign(&path)?;
                write_identity(&path).map_err(failed("writing its identity"))?
            }
        };
        Ok(Self { path, id, _lock: lock })
    }

    /// Where it is; absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its identity, which is the node's.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }

    /// Where the storage engine keeps its files.
    #[must_use]
    pub fn engine_path(&self) -> PathBuf {
        self.path.join("engine")
    }

    /// Bytes that this user can still write to the file system of the folder.
    ///
    /// # Errors
    /// Where the file system does not say.
    pub fn free_bytes(&self) -> io::Result<u64> {
        free_bytes(&self.path)
    }

    /// The bytes of its disk that are to stay free, of the `wanted` ones: at most a quarter of the disk.
    #[must_use]
    pub fn reserve(&self, wanted: u64) -> u64 {
        let disk = rustix::fs::statvfs(&self.path);
        disk.map_or(wanted, |disk| wanted.min(disk.f_blocks.saturating_mul(disk.f_frsize) / LARGEST_RESERVE))
    }
}

/// The part of a disk that the reserve may take at most.
const LARGEST_RESERVE: u64 = 4;

/// Bytes that this user can still write to the file system that has this path.
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent)?;
    DirBuilder::new().mode(0o700).create(path)?;
    sync_folder(parent)
}

/// A folder's entries are on disk only after it is synced itself.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn lock(path: &Path) -> Result<File, FolderError> {
    let failed = |cause| FolderError::Io { path: path.to_owned(), what: "locking it", cause };
    let open = OpenOptions::new().create(true).write(true).truncate(false).open(path.join(LOCK));
    let file = open.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FolderError::InUse(path.to_owned())),
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

fn read_identity(path: &Path) -> Result<Option<Id>, FolderError> {
    let file = path.join(IDENTITY);
    let text = match std::fs::read(&file) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => {
            return Err(FolderError::Io { path: path.to_owned(), what: "reading its identity", cause });
        }
    };
    let damaged =
        |error: serde_json::Error| FolderError::Identity { file: file.clone(), why: error.to_string() };
    let Format { format } = serde_json::from_slice(&text).map_err(damaged)?;
    if format != FORMAT {
        return Err(FolderError::UnknownFormat { path: path.to_owned(), format });
    }
    let identity: Identity = serde_json::from_slice(&text).map_err(damaged)?;
    Ok(Some(identity.id))
}

/// What may lie in a folder that has no identity yet: traces of a start that was cut short, and what a freshly made
/// file system brings along.
fn refuse_foreign(path: &Path) -> Result<(), FolderError> {
    let failed = |cause| FolderError::Io { path: path.to_owned(), what: "listing it", cause };
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if ![LOCK, IDENTITY_BEING_WRITTEN, "lost+found"].iter().any(|known| name == *known) {
            let holds = name.to_string_lossy().into_owned();
            return Err(FolderError::Foreign { path: path.to_owned(), holds });
        }
    }
    Ok(())
}

fn write_identity(path: &Path) -> io::Result<Id> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let identity = Identity { format: FORMAT, id: Id(u128::from_le_bytes(random)) };
    let temporary = path.join(IDENTITY_BEING_WRITTEN);
    let mut file = File::create(&temporary)?;
    file.write_all(format!("{}\n", serde_json::to_string(&identity)?).as_bytes())?;
    file.sync_all()?;
    std::fs::rename(temporary, path.join(IDENTITY))?;
    sync_folder(path)?;
    Ok(identity.id)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn refused(path: &Path) -> String {
        Folder::open(path).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_is_made_private_and_keeps_its_id() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/b");
        let id = Folder::open(&path).unwrap().id();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(Folder::open(&path).unwrap().id(), id);
        assert_ne!(Folder::open(&temp.path().join("other")).unwrap().id(), id);
    }

    #[test]
    fn a_folder_in_use_is_refused_and_free_again_afterwards() {
        let temp = tempfile::tempdir().unwrap();
        let held = Folder::open(temp.path()).unwrap();
        assert!(refused(temp.path()).contains("is in use by another kvnode"));
        drop(held);
        Folder::open(temp.path()).unwrap();
    }

    #[test]
    fn an_unknown_format_is_named_and_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join(IDENTITY);
        std::fs::write(&file, r#"{"format":7,"name":"of the future"}"#).unwrap();
        assert!(refused(temp.path()).contains("is in format 7, this kvnode knows format 1 only"));
        assert_eq!(std::fs::read(&file).unwrap(), br#"{"format":7,"name":"of the future"}"#);
    }

    #[test]
    fn a_damaged_identity_is_never_replaced() {
        for damaged in ["", "{", "{}", r#"{"format":1}"#, r#"{"format":1,"id":"12"}"#] {
            let temp = tempfile::tempdir().unwrap();
            std::fs::write(temp.path().join(IDENTITY), damaged).unwrap();
            assert!(refused(temp.path()).contains("identity is damaged"), "{damaged:?}");
        }
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::create_dir(temp.path().join("engine")).unwrap();
        assert!(refused(temp.path()).contains("no identity file but holds \"engine\""));
    }

    #[test]
    fn a_first_start_that_was_cut_short_is_no_obstacle() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join(IDENTITY_BEING_WRITTEN), "{").unwrap();
        std::fs::write(temp.path().join(LOCK), "").unwrap();
        std::fs::create_dir(temp.path().join("lost+found")).unwrap();
        Folder::open(temp.path()).unwrap();
    }

    #[test]
    fn a_path_that_cannot_be_a_folder_is_refused_with_the_reason() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        std::fs::write(&file, "").unwrap();
        let said = refused(&file.join("data"));
        assert!(said.contains("making it") && said.contains("data"), "{said}");
        assert!(refused(&file).contains("making it"));
    }

    #[test]
    fn free_space_is_known() {
        let temp = tempfile::tempdir().unwrap();
        assert!(Folder::open(temp.path()).unwrap().free_bytes().unwrap() > 0);
    }
}
