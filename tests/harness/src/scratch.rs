//! A folder for everything one story writes. It goes with the story; the logs of a failed one are kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

/// How much of each log a failed story shows.
const SHOWN_LINES: usize = 40;

/// Data and logs of one story.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
}

impl Scratch {
    /// A new, empty folder, under `KEYWAY_TEST_TMP` or the system's folder for temporary files.
    #[must_use]
    pub fn new() -> Self {
        let mut builder = tempfile::Builder::new();
        builder.prefix("keyway-test-");
        let folder = match std::env::var_os("KEYWAY_TEST_TMP") {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        };
        let folder = folder.expect("a folder for temporary files");
        fs::create_dir(folder.path().join("logs")).expect("a folder for logs");
        Self { folder }
    }

    /// A path in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into it.
    #[must_use]
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file in the story's folder");
        path
    }

    /// Where the process of this name logs to; a process started again goes on in the same file.
    #[must_use]
    pub fn log(&self, process: &str) -> PathBuf {
        self.path("logs").join(format!("{process}.log"))
    }

    fn keep_logs(&self) {
        let story = std::thread::current().name().unwrap_or("story").replace("::", ".");
        let kept = crate::binary::target().0.join("test-logs").join(story);
        let mut logs: Vec<PathBuf> = fs::read_dir(self.path("logs"))
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        logs.sort();
        // What an earlier run kept goes, but not what another folder of the same story has kept.
        static CLEARED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
        if CLEARED.lock().unwrap_or_else(PoisonError::into_inner).insert(kept.clone()) {
            let _ = fs::remove_dir_all(&kept);
        }
        let _ = fs::create_dir_all(&kept);
        for log in logs {
            let copy = kept.join(log.file_name().unwrap_or_default());
            let _ = fs::copy(&log, &copy);
            eprintln!("--- the end of {}", copy.display());
            eprintln!("{}", tail(&log));
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep_logs();
        }
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
