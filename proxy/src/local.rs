//! Local mode: the kvnodes that this proxy runs as its own child processes.
//!
//! The coordinator says which children there are to be ([`Supervisor::ensure`]); each has a task that starts
//! it, starts it again when it ends by itself, and stops it when it is not wanted any more. How they are is
//! always in [`Supervisor::statuses`]. No child outlives the proxy, however the proxy ends.

mod backoff;
mod child;
mod keeper;
mod output;
mod ports;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashring::{Id, NodeName};
use kvnode::config::units;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::config;
use crate::config::secret::Secret;
use crate::telemetry::Format;
use backoff::Backoff;
use keeper::Keeper;
use ports::Ports;

/// How children are started.
#[derive(Debug)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// What comes before the arguments that differ from child to child: `kvnode`, and settings for all.
    pub arguments: Vec<OsString>,
    /// The cluster's secret, handed over in the environment.
    pub secret: Secret,
    /// Whether each line of a child's log gets its name in front; not for JSON.
    pub prefix: bool,
}

impl Launch {
    /// Children that are `keyway kvnode`: this very program.
    #[must_use]
    pub fn of_this_program(settings: &config::Local, log: &config::Log, secret: Secret) -> Self {
        let arguments = [
            "kvnode".to_owned(),
            format!("--cache={}", units::show_size(settings.cache)),
            format!("--max-value={}", units::show_size(settings.max_value)),
            format!("--log-format={}", log.format.word()),
            format!("--log={}", log.level),
        ];
        Self {
            program: this_program(),
            arguments: arguments.map(OsString::from).into(),
            secret,
            prefix: log.format == Format::Human,
        }
    }
}

/// The running program itself, even where its file was replaced or removed since: children of an old proxy must
/// not be of a new version.
fn this_program() -> PathBuf {
    let itself = PathBuf::from("/proc/self/exe");
    if itself.exists() { itself } else { std::env::current_exe().unwrap_or_else(|_| "keyway".into()) }
}

/// A child that is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildSpec {
    /// Its name.
    pub name: NodeName,
    /// Where it is to listen, unless a stranger sits there.
    pub listen: SocketAddr,
    /// Its data folder.
    pub data: PathBuf,
}

/// How a child is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildStatus {
    /// What it is doing.
    pub state: ChildState,
    /// Where it listens; where it is to listen while it never did.
    pub listen: SocketAddr,
    /// The identity of its data folder, once it said so.
    pub id: Option<Id>,
    /// Its process, while there is one that is ready.
    pub pid: Option<u32>,
    /// How often it ended by itself since this proxy started.
    pub restarts: u32,
    /// How it ended the last time, with the end of its log.
    pub last_end: Option<String>,
}

/// What a child is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildState {
    /// It was started and is not ready yet.
    Starting,
    /// It listens.
    Ready,
    /// It ended; it is started again in a moment.
    Waiting,
    /// It ended several times in a row; it is started again, ever more slowly.
    CrashLooping,
    /// It was asked to end.
    Stopping,
}

impl ChildStatus {
    /// The URL under which it is reached.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }
}

/// Runs the children. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Supervisor {
    shared: Arc<Shared>,
    runtime: Handle,
}

#[derive(Debug)]
struct Shared {
    launch: Launch,
    ports: Ports,
    statuses: watch::Sender<BTreeMap<NodeName, ChildStatus>>,
    keepers: Mutex<BTreeMap<NodeName, watch::Sender<Option<ChildSpec>>>>,
    /// Set at the end: a decision that comes late must not start children again.
    closed: AtomicBool,
}

impl Supervisor {
    /// A supervisor without children, whose tasks run on `runtime`. New nodes listen on `ip`, from `first_port`
    /// on (0 = wherever the system says).
    #[must_use]
    pub fn new(launch: Launch, ip: IpAddr, first_port: u16, runtime: Handle) -> Self {
        let shared = Shared {
            launch,
            ports: Ports::new(ip, first_port),
            statuses: watch::Sender::default(),
            keepers: Mutex::default(),
            closed: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared), runtime }
    }

    /// The address for one more node: the next port that is free now and not among `avoid`.
    ///
    /// # Errors
    /// Where no port is left, or the address is not of this machine.
    pub fn free_address(&self, avoid: &BTreeSet<u16>) -> io::Result<SocketAddr> {
        self.shared.ports.next_free(|port| avoid.contains(&port))
    }

    /// From now on exactly these children are to run: others are stopped, missing ones started. Returns at
    /// once; [`Supervisor::statuses`] tells how it goes.
    pub fn ensure(&self, specs: Vec<ChildSpec>) {
        let mut keepers = self.shared.keepers();
        let specs = if self.shared.closed.load(Ordering::Relaxed) { Vec::new() } else { specs };
        for (name, wanted) in keepers.iter() {
            if specs.iter().all(|spec| spec.name != *name) {
                wanted.send_replace(None);
            }
        }
        for spec in specs {
            if let Some(wanted) = keepers.get(&spec.name) {
                wanted.send_replace(Some(spec));
            } else {
                let wanted = self.keep(spec.clone());
                keepers.insert(spec.name, wanted);
            }
        }
    }

    /// Every child, at this moment.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<NodeName, ChildStatus> {
        self.shared.statuses.borrow().clone()
    }

    /// Wakes whenever a status changes. A child that has been stopped is not listed any more.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<BTreeMap<NodeName, ChildStatus>> {
        self.shared.statuses.subscribe()
    }

    /// Stops all children for good and waits until they have ended.
    pub async fn stop(&self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        self.ensure(Vec::new());
        // The sender lives in `self`, so there is no error.
        let _ = self.watch().wait_for(BTreeMap::is_empty).await;
    }

    fn keep(&self, spec: ChildSpec) -> watch::Sender<Option<ChildSpec>> {
        if spec.listen.port() != 0 {
            self.shared.ports.give(&spec.name, spec.listen.port());
        }
        let status = ChildStatus {
            state: ChildState::Starting,
            listen: spec.listen,
            id: None,
            pid: None,
            restarts: 0,
            last_end: None,
        };
        self.shared.statuses.send_modify(|all| {
            all.insert(spec.name.clone(), status.clone());
        });
        let name = spec.name.clone();
        let (sender, wanted) = watch::channel(Some(spec));
        let keeper =
            Keeper { name, shared: Arc::clone(&self.shared), wanted, status, backoff: Backoff::default() };
        self.runtime.spawn(keeper.run());
        sender
    }
}

impl Shared {
    fn keepers(&self) -> MutexGuard<'_, BTreeMap<NodeName, watch::Sender<Option<ChildSpec>>>> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a child that has ended, unless it is wanted again by now; whether it was forgotten.
    fn forget(&self, name: &NodeName) -> bool {
        let mut keepers = self.keepers();
        if keepers.get(name).is_some_and(|wanted| wanted.borrow().is_some()) {
            return false;
        }
        keepers.remove(name);
        self.ports.give_back(name);
        self.statuses.send_modify(|all| {
            all.remove(name);
        });
        true
    }
}

#[cfg(test)]
mod tests;
