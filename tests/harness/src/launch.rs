//! How a process is to be started.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::binary;
use crate::namespace::Place;
use crate::scratch::Scratch;

/// A command line, its environment, and where it logs to.
#[derive(Debug, Clone)]
pub struct Launch {
    /// What the process is called in messages and for its log file.
    pub name: String,
    pub(crate) program: PathBuf,
    pub(crate) log: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    folder: PathBuf,
}

impl Launch {
    /// `keyway` itself; arguments follow.
    #[must_use]
    pub fn keyway(name: &str, scratch: &Scratch) -> Self {
        Self {
            name: name.to_owned(),
            program: binary::keyway().to_owned(),
            log: scratch.log(name),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: scratch.path(""),
        }
    }

    /// Another build of it.
    #[must_use]
    pub fn program(mut self, program: &Path) -> Self {
        self.program = program.to_owned();
        self
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// A flag and its value.
    #[must_use]
    pub fn flag(self, flag: &str, value: impl AsRef<OsStr>) -> Self {
        self.arg(flag).arg(value)
    }

    /// Several arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The same on a disk, or at a site of a network.
    #[must_use]
    pub fn on(self, place: &impl Place) -> Self {
        self.inside(place.namespace().enter())
    }

    /// The same, run by a command that first goes elsewhere.
    pub(crate) fn inside(mut self, (program, arguments): (PathBuf, Vec<String>)) -> Self {
        let inner = std::mem::replace(&mut self.program, program);
        let before = arguments.into_iter().map(OsString::from).chain([inner.into_os_string()]);
        self.arguments.splice(0..0, before);
        self
    }

    /// Runs it to its end and answers whether it succeeded, what it wrote to stdout, and what to stderr.
    ///
    /// # Panics
    /// Where it cannot be run, or does not end within half a minute.
    pub async fn run(&self) -> (bool, String, String) {
        let mut command = self.command();
        command.stderr(Stdio::piped());
        let name = self.name.clone();
        let ended = tokio::task::spawn_blocking(move || command.output());
        let output = tokio::time::timeout(Duration::from_secs(30), ended).await;
        let output = output.unwrap_or_else(|_| panic!("{name} did not end"));
        let output = output.expect("a task that waits").unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    }

    /// The command. What the person who runs the tests has set for a Keyway of their own is left out.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KEYWAY_") || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }
}
