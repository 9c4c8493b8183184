//! A namespace of the kernel that a helper process holds open: what is made in it is seen by the processes that are
//! started in it only, and is gone when the story ends, whatever way.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// What a namespace keeps apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What is mounted.
    Mounts,
    /// Devices, addresses and routes.
    Network,
}

/// Where a process can be started: a disk, a site of a network.
pub trait Place {
    /// What it is apart in.
    fn namespace(&self) -> &Namespace;
}

/// A namespace that is held open.
#[derive(Debug)]
pub struct Namespace {
    kind: Kind,
    /// Whether a namespace of users came with it, as it must where the tests do not run as root.
    users: bool,
    holder: Child,
}

impl Namespace {
    /// A new one in which this script of the shell ran. `purpose` says what the story needs it for.
    ///
    /// # Panics
    /// Where it is refused, with what the system said.
    pub(crate) fn prepared<A: AsRef<OsStr>>(
        kind: Kind,
        purpose: &str,
        script: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let users = !rustix::process::geteuid().is_root();
        let mut command = Command::new("unshare");
        if users {
            command.arg("--map-root-user");
        }
        match kind {
            Kind::Mounts => command.args(["--mount", "--propagation", "private"]),
            Kind::Network => command.arg("--net"),
        };
        // The helper ends, and the namespace with it, when its standard input is closed: also where the test is killed.
        command.args(["sh", "-ec", &format!("{script}\necho prepared\nexec cat"), "sh"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut holder = command.spawn().unwrap_or_else(|error| panic!("unshare (of util-linux): {error}"));
        let mut said = String::new();
        let stdout = holder.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut said).expect("what the helper says");
        if said.trim() != "prepared" {
            let output = holder.wait_with_output().expect("the helper's end");
            panic!(
                "this test needs {purpose}, and that was refused: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Self { kind, users, holder }
    }

    /// The command that runs another one in here.
    pub(crate) fn enter(&self) -> (PathBuf, Vec<String>) {
        let kind = if self.kind == Kind::Mounts { "--mount" } else { "--net" };
        let mut arguments = vec![kind.to_owned(), "--target".to_owned(), self.pid().to_string()];
        if self.users {
            arguments.extend(["--user", "--preserve-credentials"].map(str::to_owned));
        }
        (PathBuf::from("nsenter"), arguments)
    }

    /// Runs a script of the shell in here.
    ///
    /// # Panics
    /// Where it fails, with what it said.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, script: &str, arguments: impl IntoIterator<Item = A>) {
        self.try_run(script, arguments).unwrap_or_else(|why| panic!("{why}"));
    }

    /// Runs a script of the shell in here; where it fails, answers what it said.
    pub(crate) fn try_run<A: AsRef<OsStr>>(
        &self,
        script: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<(), String> {
        let (program, enter) = self.enter();
        let mut command = Command::new(program);
        command.args(enter).args(["sh", "-ec", script, "sh"]).args(arguments);
        let output = command.output().unwrap_or_else(|error| panic!("nsenter (of util-linux): {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("`{script}` failed: {}", said.trim())) }
    }

    /// The process that holds it.
    pub(crate) fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// A file by which the kernel knows it.
    pub(crate) fn file(&self) -> File {
        let name = if self.kind == Kind::Mounts { "mnt" } else { "net" };
        File::open(format!("/proc/{}/ns/{name}", self.pid())).expect("the helper's namespace")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
