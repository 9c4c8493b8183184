//! The data folder: its lock, and the steps that replace the view file without ever being without one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The file of the present view.
pub(super) const VIEW: &str = "view.json";
/// The view before it, for an operator who has to find out what happened. Never read by itself.
pub(super) const PREVIOUS: &str = "view.json.previous";
/// The next view while it is being written; one that is found at start was never decided.
pub(super) const NEXT: &str = "view.json.next";
/// The data folders of the nodes that this proxy starts.
pub(super) const NODES: &str = "nodes";
const LOCK: &str = "lock";

/// How far a replacement came when it failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The view file is what it was.
    Unchanged(io::Error),
    /// The disk may hold either view.
    Unknown(io::Error),
}

/// A data folder that this process alone uses.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Held, not read: the lock ends with it.
    _lock: File,
}

impl Folder {
    /// Makes the folder where it is missing and locks it; the error says who has it, or what is wrong.
    pub(super) fn lock(path: &Path) -> Result<Self, LockError> {
        let failed = |what, cause| LockError::Io { what, cause };
        create_folder(path).map_err(|cause| failed("create the folder", cause))?;
        let file = path.join(LOCK);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(file)
            .map_err(|cause| failed("write to the folder", cause))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who holds it is a courtesy; that it is held is what counts.
                let _ = lock.read_to_string(&mut holder);
                return Err(LockError::Held { holder: holder.trim().parse().ok() });
            }
            Err(TryLockError::Error(cause)) => return Err(failed("lock the folder", cause)),
        }
        let note = lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id()));
        note.map_err(|cause| failed("write to the folder", cause))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The path of something in the folder.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The bytes of the view file, where there is one.
    pub(super) fn read_view(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.at(VIEW)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is in the folder although there is no view file: a sign that one was lost.
    pub(super) fn remains(&self) -> io::Result<Option<&'static str>> {
        if self.at(PREVIOUS).try_exists()? {
            return Ok(Some(PREVIOUS));
        }
        match fs::read_dir(self.at(NODES)) {
            Ok(mut nodes) => Ok(nodes.next().is_some().then_some(NODES)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the view file. When this returns, `text` survives a power cut.
    pub(super) fn replace_view(&self, text: &str) -> Result<(), Failure> {
        let next = self.at(NEXT);
        write_new(&next, text)?;
        self.keep_previous().map_err(Failure::Unchanged)?;
        fs::rename(&next, self.at(VIEW)).map_err(Failure::Unknown)?;
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(Failure::Unknown)
    }

    /// A second name for the present file, so that the rename which follows leaves it behind. At no moment is
    /// there no view file.
    fn keep_previous(&self) -> io::Result<()> {
        let (view, previous) = (self.at(VIEW), self.at(PREVIOUS));
        if !view.try_exists()? {
            return Ok(());
        }
        match fs::remove_file(&previous) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Some file systems have no hard links.
        fs::hard_link(&view, &previous).or_else(|_| fs::copy(&view, &previous).map(drop))
    }
}

/// Makes a folder and its parents; each new one is synced into the folder above it.
fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_folder(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let mut file = File::create(path).map_err(Failure::Unchanged)?;
    file.write_all(text.as_bytes()).map_err(Failure::Unchanged)?;
    // After a failed sync the kernel may have dropped what it could not write and say "fine" the next time.
    file.sync_all().map_err(Failure::Unknown)
}

/// Why a folder cannot be had.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another process has it.
    Held {
        /// Its process number, where it could be read.
        holder: Option<u32>,
    },
    /// The file system said no.
    Io {
        /// What was tried.
        what: &'static str,
        /// What it said.
        cause: io::Error,
    },
}
