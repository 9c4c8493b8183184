//! A disk that can lose power: ext4 on an image in the story's folder.
//!
//! A power cut is ext4's own order to shut down at once (`EXT4_IOC_SHUTDOWN`): from then on every call fails, and nothing
//! that was not written out by then ever will be. The image is then what a disk holds that keeps what it was told to
//! flush: the next mount replays the journal. What a disk loses that only pretends to flush cannot be shown this way.
//!
//! Whoever uses the disk must [stand still](crate::family::stand_still) before, as all do when the power goes: a sync that
//! is under way while ext4 shuts down may succeed although nothing is kept of it, with either order (Linux 6.18; a
//! program that does nothing but append and sync shows it), and nobody may come to act on that.
//!
//! Mounted in a namespace of its own, like the small disk, but only for root: no other user may mount ext4.

use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::binary::python;
use crate::namespace::{Kind, Namespace, Place};
use crate::scratch::Scratch;
use crate::wait::eventually;

const PURPOSE: &str = "a disk that can lose power (e2fsprogs, loop devices, and as root the right CAP_SYS_ADMIN, in a \
                       container --privileged)";
/// Sparse: it takes what is written to it.
const SIZE: u64 = 2 << 30;
/// Files are written out when they are synced, not by ext4's guess at what a program forgot; no metadata by the way
/// either.
const MOUNT: &str = "mount -t ext4 -o loop,noauto_da_alloc,commit=300,data=$3 \"$1\" \"$2\"";
const MAKE: &str = "mkfs.ext4 -q -F \"$1\"";
const CLEAR: &str = "rmdir \"$2/lost+found\" && sync -f \"$2\"";
/// Waits for the order, so that nothing has to start when the power is to go; ends when its standard input does.
const SWITCH: &str = "import fcntl, os, struct, sys
for line in sys.stdin:
    fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', int(line)))
    print('off', flush=True)
    break";

/// How the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At any moment: what the file system had not committed is lost, names and lengths of files as well.
    AtOnce = 2,
    /// Just after the file system has committed names and lengths: what was not synced of the contents is lost.
    AfterCommit = 1,
}

/// What the file system does with contents that nobody syncs, when it commits the length of their file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are written first: the default of ext4.
    Ordered,
    /// Nothing: old bytes of the disk may show up.
    Writeback,
}

/// A mounted disk.
#[derive(Debug)]
pub struct PoweredDisk {
    mounts: Namespace,
    switch: Child,
    image: PathBuf,
    path: PathBuf,
}

impl PoweredDisk {
    /// A new, empty one at a path in the story's folder.
    ///
    /// # Panics
    /// Where this user may not mount it, with what the system said.
    #[must_use]
    pub fn new(name: &str, mode: Mode, scratch: &Scratch) -> Self {
        let (image, path) = (scratch.path(&format!("{name}.image")), scratch.path(name));
        let file = File::create(&image).expect("an image of a disk");
        file.set_len(SIZE).expect("a sparse file");
        std::fs::create_dir(&path).expect("a folder to mount on");
        let script = format!("{MAKE}\n{MOUNT}\n{CLEAR}");
        let arguments = [image.as_os_str(), path.as_os_str(), mode.word().as_ref()];
        let mounts = Namespace::prepared(Kind::Mounts, PURPOSE, &script, arguments);
        let switch = switch(&mounts, &path);
        Self { mounts, switch, image, path }
    }

    /// Where it is, for processes that are started on it. A new one is empty.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The power goes. Processes that use the disk must stand still already.
    pub fn cut(&mut self, cut: Cut) {
        let mut order = self.switch.stdin.take().expect("the power is on");
        writeln!(order, "{}", cut as u32).expect("the switch");
        let mut said = String::new();
        let stdout = self.switch.stdout.take().expect("the power is on");
        BufReader::new(stdout).read_line(&mut said).expect("what the switch says");
        let ended = self.switch.wait().expect("the switch's end");
        assert!(ended.success() && said.trim() == "off", "ext4 was not shut down: {ended}");
    }

    /// The power is back, and the disk is mounted again as soon as no process is left that uses it.
    pub async fn restore(&mut self, mode: Mode) {
        eventually(Duration::from_secs(20), "nobody uses the disk", || async {
            self.mounts.try_run("umount \"$1\"", [&self.path])
        })
        .await;
        self.mounts.run(MOUNT, [self.image.as_os_str(), self.path.as_os_str(), mode.word().as_ref()]);
        self.switch = switch(&self.mounts, &self.path);
    }
}

/// A process that shuts the file system down when it is told to.
fn switch(mounts: &Namespace, path: &Path) -> Child {
    let root = format!("/proc/{}/root{}", mounts.pid(), path.display());
    let mut command = Command::new(python());
    command.args(["-c", SWITCH, &root]).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().unwrap_or_else(|error| panic!("Python, to shut ext4 down: {error}"))
}

impl Drop for PoweredDisk {
    fn drop(&mut self) {
        let _ = self.switch.kill();
        let _ = self.switch.wait();
    }
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Writeback => "writeback",
        }
    }
}

impl Place for PoweredDisk {
    fn namespace(&self) -> &Namespace {
        &self.mounts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes two files, syncs the first with its name, and cuts the power. Answers what is left of both.
    async fn left_of(cut: Cut, mode: Mode) -> [Option<Vec<u8>>; 2] {
        let scratch = Scratch::new();
        let mut disk = PoweredDisk::new("disk", mode, &scratch);
        let outside = PathBuf::from(format!("/proc/{}/root{}", disk.mounts.pid(), disk.path.display()));
        let names = ["synced", "not-synced"].map(|name| outside.join(name));
        let mut files = names.each_ref().map(|name| File::create(name).unwrap());
        files.iter_mut().for_each(|file| file.write_all(b"contents").unwrap());
        files[0].sync_all().unwrap();
        File::open(&outside).unwrap().sync_all().unwrap();
        drop(files);
        let mut late = File::create(outside.join("late")).unwrap();
        late.write_all(b"contents").unwrap();
        disk.cut(cut);
        assert!(late.sync_all().is_err(), "there is no power");
        drop(late);
        disk.restore(mode).await;
        assert_ne!(std::fs::read(outside.join("late")).ok().as_deref(), Some(&b"contents"[..]));
        names.map(|name| std::fs::read(name).ok())
    }

    #[tokio::test]
    async fn what_was_synced_is_there_after_a_power_cut_and_what_was_not_is_lost() {
        for cut in [Cut::AtOnce, Cut::AfterCommit] {
            for mode in [Mode::Ordered, Mode::Writeback] {
                let [synced, other] = left_of(cut, mode).await;
                assert_eq!(synced.as_deref(), Some(&b"contents"[..]), "{cut:?} {mode:?}");
                assert_ne!(other.as_deref(), Some(&b"contents"[..]), "{cut:?} {mode:?}");
            }
        }
    }
}
