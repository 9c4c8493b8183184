//! Settings: from the command line, else the environment, else the file, else the default.
//!
//! Two stages: what each place *says* (`file`, [`Flags`], the environment) is collected as it stands, then it is
//! made into what the program *means* by it ([`Settings`]). Nothing behind here sees the first form. Whatever is
//! wrong anywhere is told at once, each mistake with its place.

pub mod address;
mod file;
pub mod secret;
pub(crate) mod variables;

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use hashring::NodeName;
use kvnode::config::mistakes::{Mistakes, Place};
use kvnode::config::source::Source;
use kvnode::config::units;

use crate::data;
use crate::telemetry::Format;
use file::Written;
use secret::{ADMIN_TOKEN, CLUSTER_SECRET, Secret};

/// The most nodes that a proxy may be told to start by itself.
const MOST_NODES: u64 = 256;

/// What the program was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Listening address, limits and times of the data path.
    pub data_path: data::Settings,
    /// Where the admin plane listens; `None` = on the data path's address.
    pub admin_listen: Option<SocketAddr>,
    /// The admin's token; `None` = only programs on this machine may administer.
    pub admin_token: Option<Secret>,
    /// The cluster's secret; `None` = the one in the data folder.
    pub cluster_secret: Option<Secret>,
    /// The data folder.
    pub data: PathBuf,
    /// The nodes of a new cluster.
    pub nodes: Nodes,
    /// Points per unit of weight; `None` = whatever the cluster has, 4096 for a new one.
    pub points: Option<u32>,
    /// Whether a node that is started with `--join` and has the secret is taken in by itself.
    pub join_auto: bool,
    /// How long requests in flight may take at the end.
    pub drain: Duration,
    /// For nodes that this proxy starts.
    pub local: Local,
    /// What is logged and how.
    pub log: Log,
    /// The view in the data folder prevails over whatever nodes have acted on. Never written in a file: it is said once.
    pub trust_view: bool,
}

/// The nodes that a new cluster begins with. An existing one has its nodes in its view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nodes {
    /// So many of our own, as child processes.
    Own(u32),
    /// These, which somebody else starts.
    Listed(Vec<ListedNode>),
}

/// A `[[node]]` of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedNode {
    /// Its name.
    pub name: NodeName,
    /// Where it listens.
    pub url: String,
    /// Its weight.
    pub weight: u16,
}

/// Settings that are handed to nodes which this proxy starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Bytes of each node's read cache.
    pub cache: u64,
    /// The largest value in bytes.
    pub max_value: u64,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// In which form.
    pub format: Format,
    /// From which level on, or a filter: `info,keyway=debug`.
    pub level: String,
}

/// What the command line says, as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--admin-listen`
    pub admin_listen: Option<String>,
    /// `--nodes`
    pub nodes: Option<String>,
    /// `--data`
    pub data: Option<PathBuf>,
    /// `--workers`
    pub workers: Option<String>,
    /// `--points`
    pub points: Option<String>,
    /// `--log-format`
    pub log_format: Option<String>,
    /// `--log`
    pub log: Option<String>,
    /// `--trust-view`
    pub trust_view: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_path: data::Settings::default(),
            admin_listen: None,
            admin_token: None,
            cluster_secret: None,
            data: PathBuf::from("./keyway-data"),
            nodes: Nodes::Own(3),
            points: None,
            join_auto: true,
            drain: Duration::from_secs(30),
            local: Local { cache: 64 << 20, max_value: 8 << 20 },
            log: Log { format: Format::Human, level: "info".to_owned() },
            trust_view: false,
        }
    }
}

impl Settings {
    /// The settings that flags, environment (`variable`) and file make together.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub fn load(flags: &Flags, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let config = flags.config.clone().or_else(|| variable("KEYWAY_CONFIG").map(PathBuf::from));
        let mut written = Written::default();
        if let Some(path) = config
            && let Some(source) = mistakes.keep(Source::open(&path))
        {
            let (found, outcome) = file::read(&source);
            written = found;
            mistakes.0.extend(outcome.mistakes.0);
        }
        let mut spoken = Spoken { mistakes: &mut mistakes, variable: &variable };
        spoken.listen(flags, &mut written);
        spoken.counts(flags, &mut written);
        spoken.log(flags, &mut written);
        written.admin_token = Secret::from_environment(ADMIN_TOKEN, &variable, &mut mistakes);
        written.cluster_secret = Secret::from_environment(CLUSTER_SECRET, &variable, &mut mistakes);
        written.data =
            flags.data.clone().or_else(|| variable("KEYWAY_DATA").map(PathBuf::from)).or(written.data);
        let settings = Self { trust_view: flags.trust_view, ..written.mean(&mut mistakes) };
        mistakes.or(settings)
    }
}

/// Reads flags and variables: a flag wins over its variable.
struct Spoken<'a, V> {
    mistakes: &'a mut Mistakes,
    variable: &'a V,
}

impl<V: Fn(&str) -> Option<String>> Spoken<'_, V> {
    fn listen(&mut self, flags: &Flags, written: &mut Written) {
        let listen = self.pick(("--listen", flags.listen.as_deref()), "KEYWAY_LISTEN", socket);
        written.listen = listen.or(written.listen);
        let admin = ("--admin-listen", flags.admin_listen.as_deref());
        let admin = self.pick(admin, "KEYWAY_ADMIN_LISTEN", admin_socket);
        written.admin_listen = admin.or(written.admin_listen);
    }

    fn counts(&mut self, flags: &Flags, written: &mut Written) {
        // In the words of the file's reader.
        let count = |range: RangeInclusive<u64>| {
            move |text: &str| match text.parse::<u64>() {
                Ok(number) if range.contains(&number) => Ok(number),
                Ok(number) => Err(format!("{number} is outside {} to {}", range.start(), range.end())),
                Err(_) => Err(format!("this must be a whole number, not {text:?}")),
            }
        };
        let nodes = self.pick(("--nodes", flags.nodes.as_deref()), "KEYWAY_NODES", count(0..=MOST_NODES));
        written.nodes = nodes.or(written.nodes);
        let workers =
            self.pick(("--workers", flags.workers.as_deref()), "KEYWAY_WORKERS", count(file::WORKERS));
        written.workers = workers.or(written.workers);
        let points = self.pick(("--points", flags.points.as_deref()), "KEYWAY_POINTS", count(file::POINTS));
        written.points = points.or(written.points);
    }

    fn log(&mut self, flags: &Flags, written: &mut Written) {
        let format = ("--log-format", flags.log_format.as_deref());
        written.log_format = self.pick(format, "KEYWAY_LOG_FORMAT", str::parse).or(written.log_format);
        let level = self.pick(("--log", flags.log.as_deref()), "KEYWAY_LOG", units::log_filter);
        written.log_level = level.or(written.log_level.take());
    }

    fn pick<T, E: Display>(
        &mut self,
        (flag, said): (&str, Option<&str>),
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let (place, text) = match (said, (self.variable)(name)) {
            (Some(text), _) => (flag, text.to_owned()),
            (None, Some(text)) => (name, text),
            (None, None) => return None,
        };
        parse(&text)
            .map_err(|error| self.mistakes.add(Place::Named(place.to_owned()), error.to_string()))
            .ok()
    }
}

impl Written {
    /// What all that was said means. Mistakes that take more than one setting to see are added here.
    fn mean(self, mistakes: &mut Mistakes) -> Settings {
        let usual = Settings::default();
        let nodes = match (self.nodes, self.listed.is_empty()) {
            (Some(_), false) => {
                let message = "`nodes` and [[node]] exclude each other: the nodes are started here or listed";
                mistakes.add(Place::Whole, message);
                usual.nodes
            }
            (None, false) => Nodes::Listed(self.listed),
            (Some(nodes), true) => Nodes::Own(u32::try_from(nodes).unwrap_or(u32::MAX)),
            (None, true) => usual.nodes,
        };
        let mut data_path = usual.data_path;
        data_path.listen = self.listen.unwrap_or(data_path.listen);
        let workers = self.workers.and_then(|workers| NonZeroUsize::new(file::narrow(workers)));
        data_path.workers = workers.unwrap_or(data_path.workers);
        self.access.apply(&mut data_path.access);
        self.limits.apply(&mut data_path);
        self.timeouts.apply(&mut data_path);
        if data_path.replay_buffer > data_path.replay_pool {
            let message =
                "`limits.replay_buffer` is larger than `limits.replay_pool`: no body would ever be kept";
            mistakes.add(Place::Whole, message);
        }
        Settings {
            // The same address twice is one listener.
            admin_listen: self
                .admin_listen
                .flatten()
                .filter(|admin| *admin != data_path.listen || admin.port() == 0),
            data_path,
            admin_token: self.admin_token,
            cluster_secret: self.cluster_secret,
            data: self.data.unwrap_or(usual.data),
            nodes,
            points: self.points.and_then(|points| u32::try_from(points).ok()),
            join_auto: self.join_auto.unwrap_or(usual.join_auto),
            drain: self.timeouts.drain.unwrap_or(usual.drain),
            local: Local {
                cache: self.cache.unwrap_or(usual.local.cache),
                max_value: self.max_value.unwrap_or(usual.local.max_value),
            },
            log: Log {
                format: self.log_format.unwrap_or(usual.log.format),
                level: self.log_level.unwrap_or(usual.log.level),
            },
            trust_view: false,
        }
    }
}

fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let example = SocketAddr::from((Ipv4Addr::LOCALHOST, 5000));
        format!("{text:?} is not an address and a port; write for example \"{example}\" or \"[::1]:5000\"")
    })
}

/// `same` = on the data path's address.
fn admin_socket(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "same" { Ok(None) } else { socket(text).map(Some) }
}

#[cfg(test)]
mod tests;
