//! A disk that is soon full: a file system in memory, of a size that the test chooses.
//!
//! It is mounted in a mount namespace of its own, which a helper process holds open. So it is seen by the processes
//! that are started [on it](crate::launch::Launch::on) only, and is gone when the story ends, whatever way. Root needs
//! the right to mount (`CAP_SYS_ADMIN`; in a container `--cap-add SYS_ADMIN`); any other user needs user namespaces.

use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::scratch::Scratch;

/// Mounts, says so, and holds the namespace until its standard input is closed.
const HOLD: &str = "mount -t tmpfs -o size=$1 keyway-test \"$2\" && echo mounted && cat";

/// A small file system. Dropping it takes it away from everyone but the processes that still run on it.
#[derive(Debug)]
pub struct SmallDisk {
    holder: Child,
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
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command.args(["--mount", "--propagation", "private", "sh", "-c", HOLD, "sh"]).arg(bytes.to_string());
        command.arg(&path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut holder = command.spawn().unwrap_or_else(|error| panic!("unshare (of util-linux): {error}"));
        let mut said = String::new();
        let stdout = holder.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut said).expect("what the helper says");
        if said.trim() != "mounted" {
            let output = holder.wait_with_output().expect("the helper's end");
            panic!(
                "this test needs a small disk, and mounting one was refused: {}. Run it as root with the right to mount \
                 (in a container: --cap-add SYS_ADMIN), or as a user who may make user namespaces",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Self { holder, path }
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

    /// The command that runs another one where this disk is mounted.
    pub(crate) fn enter(&self) -> (PathBuf, Vec<String>) {
        let mut arguments = vec!["--mount".to_owned(), "--target".to_owned(), self.holder.id().to_string()];
        if !rustix::process::geteuid().is_root() {
            arguments.extend(["--user", "--preserve-credentials"].map(str::to_owned));
        }
        (PathBuf::from("nsenter"), arguments)
    }

    /// Its root, as processes outside of its namespace reach it.
    fn outside(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.path.strip_prefix("/").unwrap_or(&self.path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
