//! Data folders of several nodes under one parent, and which of them a process takes.
//!
//! ```text
//! lock       locked while a process chooses, so that one chooses at a time
//! n1/ n2/    data folders; each is the node of its name
//! ```
//!
//! Replicas of one container image share a volume so: whoever is started takes the first folder that no process
//! holds, and a container that is made anew is the node again that the one before it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hashring::NodeName;

use super::folder::{Folder, FolderError};

const LOCK: &str = "lock";
/// What stands before the number in the name of each folder.
const PREFIX: &str = "n";
/// Choosing takes milliseconds. Who takes so long stands still, and may do so for ever.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);
/// A folder that no process holds for so long was left. A container that is restarted is quicker.
const LEFT: Duration = Duration::from_secs(5);

/// The parent, as one process sees it.
#[derive(Debug)]
pub struct Folders {
    path: PathBuf,
    /// Numbers that this process does not want, because their nodes were removed from the cluster.
    passed_over: BTreeSet<u32>,
    /// Since when folders are seen that no process holds.
    free_since: BTreeMap<u32, Instant>,
}

/// A folder that this process holds now, and the node that it is.
#[derive(Debug)]
pub struct Taken {
    /// The name of the folder and of the node.
    pub name: NodeName,
    /// The folder.
    pub folder: Folder,
    /// The number in the name.
    pub number: u32,
}

impl Folders {
    /// The folders under `path`, which is made when one is taken.
    #[must_use]
    pub fn under(path: PathBuf) -> Self {
        Self { path, passed_over: BTreeSet::new(), free_since: BTreeMap::new() }
    }

    /// Takes the folder with the lowest number that no process holds; where all are held, a new one.
    ///
    /// # Errors
    /// [`FolderError`] where no new one can be made; or where one that is free cannot be used, and no other is free:
    /// its node is wanted back, not another one.
    pub fn take(&mut self) -> Result<Taken, FolderError> {
        let _choice = self.choose()?;
        let there = self.numbers()?;
        let mut unusable = None;
        for &number in there.difference(&self.passed_over) {
            match self.open(number) {
                Ok(taken) => return Ok(taken),
                Err(FolderError::InUse(_)) => {}
                Err(error) => {
                    tracing::error!(%error, "this data folder is passed over");
                    unusable.get_or_insert(error);
                }
            }
        }
        match unusable {
            Some(error) => Err(error),
            None => self.open((1..).find(|number| !there.contains(number)).unwrap_or(u32::MAX)),
        }
    }

    /// Takes a folder that no process has held for a while, if there is one: asked again and again by a process whose own
    /// node was removed. Never a new one.
    ///
    /// # Errors
    /// [`FolderError`] where the parent cannot be read.
    pub fn take_left(&mut self, now: Instant) -> Result<Option<Taken>, FolderError> {
        let _choice = self.choose()?;
        let there = self.numbers()?;
        let mut free_since = BTreeMap::new();
        for &number in there.difference(&self.passed_over) {
            let Ok(taken) = self.open(number) else { continue };
            let since = self.free_since.get(&number).copied().unwrap_or(now);
            if now.saturating_duration_since(since) >= LEFT {
                self.free_since.clear();
                return Ok(Some(taken));
            }
            // Given back before anyone else may choose.
            free_since.insert(number, since);
        }
        self.free_since = free_since;
        Ok(None)
    }

    /// Never takes the folder of this number again: its node was removed from the cluster.
    pub fn pass_over(&mut self, number: u32) {
        self.passed_over.insert(number);
    }

    /// Waits for its turn to choose, which lasts as long as the file is open.
    fn choose(&self) -> Result<File, FolderError> {
        let failed = |what| move |cause| FolderError::Io { path: self.path.clone(), what, cause };
        std::fs::create_dir_all(&self.path).map_err(failed("making it"))?;
        let open = OpenOptions::new().create(true).write(true).truncate(false).open(self.path.join(LOCK));
        let file = open.map_err(failed("locking it"))?;
        let until = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(cause)) => return Err(failed("locking it")(cause)),
                Err(TryLockError::WouldBlock) if Instant::now() >= until => {
                    let cause = io::Error::new(
                        io::ErrorKind::TimedOut,
                        "another kvnode has been choosing its folder for 10 s: is that one paused?",
                    );
                    return Err(failed("waiting for its lock")(cause));
                }
                Err(TryLockError::WouldBlock) => sleep(PAUSE),
            }
        }
    }

    fn open(&self, number: u32) -> Result<Taken, FolderError> {
        let text = format!("{PREFIX}{number}");
        let folder = Folder::open(&self.path.join(&text))?;
        let name = text.parse().map_err(|error: hashring::name::InvalidName| {
            let cause = io::Error::new(io::ErrorKind::InvalidInput, error);
            FolderError::Io { path: self.path.clone(), what: "naming a folder in it", cause }
        })?;
        Ok(Taken { name, folder, number })
    }

    /// The numbers of the folders that are there. Whatever has another name is somebody else's.
    fn numbers(&self) -> Result<BTreeSet<u32>, FolderError> {
        let failed = |cause| FolderError::Io { path: self.path.clone(), what: "listing it", cause };
        let mut numbers = BTreeSet::new();
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            numbers.extend(entry.map_err(failed)?.file_name().to_str().and_then(number_of));
        }
        Ok(numbers)
    }
}

/// `n7` is 7; `n07` is no folder of ours, or two folders would have one number.
fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix(PREFIX)?;
    let number = digits.parse().ok().filter(|number| *number > 0)?;
    (digits == u32::to_string(&number)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under(temp: &tempfile::TempDir) -> Folders {
        Folders::under(temp.path().join("nodes"))
    }

    fn name(taken: &Taken) -> &str {
        taken.name.as_str()
    }

    #[test]
    fn each_takes_the_first_that_no_other_holds() {
        let temp = tempfile::tempdir().unwrap();
        let held: Vec<Taken> = (0..3).map(|_| under(&temp).take().unwrap()).collect();
        assert_eq!(held.iter().map(name).collect::<Vec<_>>(), ["n1", "n2", "n3"]);
        assert_eq!(held[1].folder.path(), temp.path().join("nodes/n2"));
    }

    #[test]
    fn one_that_is_free_is_taken_before_a_new_one_and_has_its_identity_still() {
        let temp = tempfile::tempdir().unwrap();
        let mut held: Vec<Taken> = (0..3).map(|_| under(&temp).take().unwrap()).collect();
        let left = held.remove(1).folder.id();
        let again = under(&temp).take().unwrap();
        assert_eq!((name(&again), again.folder.id()), ("n2", left));
        assert_eq!(name(&under(&temp).take().unwrap()), "n4");
    }

    #[test]
    fn the_order_is_that_of_the_numbers() {
        let temp = tempfile::tempdir().unwrap();
        for there in ["n10", "n9", "n010", "n0", "n", "n+3", "other"] {
            std::fs::create_dir_all(temp.path().join("nodes").join(there)).unwrap();
        }
        let held: Vec<Taken> = (0..4).map(|_| under(&temp).take().unwrap()).collect();
        assert_eq!(held.iter().map(name).collect::<Vec<_>>(), ["n9", "n10", "n1", "n2"]);
    }

    #[test]
    fn many_that_choose_at_once_get_one_each() {
        let temp = tempfile::tempdir().unwrap();
        let start = std::sync::Barrier::new(16);
        let taken: Vec<Taken> = std::thread::scope(|scope| {
            let one = || {
                start.wait();
                under(&temp).take().unwrap()
            };
            let all: Vec<_> = (0..16).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let numbers: BTreeSet<u32> = taken.iter().map(|taken| taken.number).collect();
        assert_eq!(numbers, (1..=16).collect());
    }

    #[test]
    fn one_that_is_passed_over_keeps_its_number() {
        let temp = tempfile::tempdir().unwrap();
        let mut folders = under(&temp);
        let removed = folders.take().unwrap();
        folders.pass_over(removed.number);
        drop(removed);
        assert_eq!(name(&folders.take().unwrap()), "n2");
        assert_eq!(name(&under(&temp).take().unwrap()), "n1");
    }

    #[test]
    fn a_damaged_one_stands_in_the_way_of_a_new_one_only() {
        let temp = tempfile::tempdir().unwrap();
        let mut held: Vec<Taken> = (0..2).map(|_| under(&temp).take().unwrap()).collect();
        std::fs::write(held[0].folder.path().join("identity"), "{").unwrap();
        held.clear();
        let second = under(&temp).take().unwrap();
        assert_eq!(name(&second), "n2");
        let said = under(&temp).take().unwrap_err().to_string();
        assert!(said.contains("n1/identity is damaged"), "{said}");
    }

    #[test]
    fn only_a_folder_that_was_free_for_a_while_was_left() {
        let temp = tempfile::tempdir().unwrap();
        let (first, second) = (under(&temp).take().unwrap(), under(&temp).take().unwrap());
        let mut folders = under(&temp);
        let now = Instant::now();
        assert!(folders.take_left(now).unwrap().is_none());
        drop(first);
        assert!(folders.take_left(now).unwrap().is_none());
        // A restarted one has it again in between, and the time begins anew.
        let restarted = under(&temp).take().unwrap();
        assert_eq!(name(&restarted), "n1");
        assert!(folders.take_left(now + LEFT).unwrap().is_none());
        drop(restarted);
        assert!(folders.take_left(now + LEFT).unwrap().is_none());
        assert!(folders.take_left(now + LEFT * 2 - PAUSE).unwrap().is_none());
        let left = folders.take_left(now + LEFT * 2).unwrap().unwrap();
        assert_eq!(name(&left), "n1");
        drop((left, second));
        folders.pass_over(1);
        assert!(folders.take_left(now + LEFT * 2).unwrap().is_none());
        assert_eq!(name(&folders.take_left(now + LEFT * 3).unwrap().unwrap()), "n2");
    }
}
