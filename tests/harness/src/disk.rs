//! A disk that is soon full: a file system in memory, of a size that the test chooses.
//!
//! It is mounted in a namespace of its own, so it is seen by the processes that are started
//! [on it](crate::launch::Launch::on) only. Root needs the right to mount (`CAP_SYS_ADMIN`; in a container
//! `--cap-add SYS_ADMIN`); any other user needs user namespaces.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::namespace::{Kind, Namespace, Place};
use crate::scratch::Scratch;

const PURPOSE: &str = "a small disk (as root the right to mount, in a container --cap-add SYS_ADMIN; \
                       as another user the right to make namespaces of users)";
const MOUNT: &str = "mount -t tmpfs -o size=$1 keyway-test \"$2\"";

/// A small file system. Dropping it takes it away from everyone but the processes that still run on it.
#[derive(Debug)]
pub struct SmallDisk {
    mounts: Namespace,
    path: PathBuf,
}

impl SmallDisk {
    /// A new, empty one of so many bytes, at a path in the story's folder.
    ///
    /// # Panics
    /// Where this user may not mount it, with what the system said.
    #[must_use]
    pub fn of(bytes: u64, name: &str, scratch: &Scratch) -> Self {
        let path = scratch.path(name);
        std::fs::create_dir(&path).expect("a folder to mount on");
        let size = bytes.to_string();
        let mounts = Namespace::prepared(Kind::Mounts, PURPOSE, MOUNT, [size.as_ref(), path.as_os_str()]);
        Self { mounts, path }
    }

    /// Where it is, for processes that are started on it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are free on it.
    #[must_use]
    pub fn free(&self) -> u64 {
        let disk = rustix::fs::statvfs(self.outside()).expect("the small disk");
        disk.f_bavail * disk.f_frsize
    }

    /// Puts a foreign file on it that takes all but `left` bytes.
    pub fn fill_up(&self, left: u64) {
        let mut file = File::create(self.outside().join("foreign")).expect("a file on the small disk");
        let piece = vec![0; 64 << 10];
        while self.free() > left {
            let length = piece.len().min(usize::try_from(self.free() - left).unwrap_or(usize::MAX));
            file.write_all(&piece[..length]).expect("room for the foreign file");
        }
    }

    /// Removes the foreign file.
    pub fn make_room(&self) {
        std::fs::remove_file(self.outside().join("foreign")).expect("the foreign file");
    }

    /// Its root, as processes outside of its namespace reach it.
    fn outside(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.mounts.pid()));
        root.join(self.path.strip_prefix("/").unwrap_or(&self.path))
    }
}

impl Place for SmallDisk {
    fn namespace(&self) -> &Namespace {
        &self.mounts
    }
}
