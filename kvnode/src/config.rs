//! The node's configuration: command line, environment and file, read together so that one start shows every
//! mistake in all of them.
//!
//! What stands nearer to the start wins: a flag over an environment variable over the file over the default.
//! `config/kvnode.toml` is the manual.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use hashring::NodeName;

use crate::{http, serve};

pub mod flags;
mod layer;
pub mod mistakes;
pub mod secret;
pub mod source;
pub mod units;

use flags::Flags;
use layer::Layer;
use mistakes::{Mistakes, Place};
use source::Source;

/// Everything that a node is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which node it is.
    pub who: Who,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The proxy that it asks to be taken in.
    pub join: Option<String>,
    /// Whether it leaves the cluster before it stops.
    pub leave_on_stop: bool,
    /// Where others reach it; none = where it listens.
    pub advertise: Option<String>,
    /// Bytes of the read cache.
    pub cache: u64,
    /// Free bytes of disk that new values leave, besides what the engine still has to write.
    pub disk_reserve: u64,
    /// The limits of its HTTP side, and the cluster's secret.
    pub http: http::Settings,
    /// The limits of its listener.
    pub serve: serve::Limits,
    /// How it writes its log.
    pub log: Log,
    /// Whether it ends when its standard input does.
    pub exit_with_parent: bool,
}

/// Which node a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The one of this name, which has this data folder.
    Named(NodeName, PathBuf),
    /// The one whose data folder is the first free one under this folder.
    FirstFree(PathBuf),
}

/// How the log is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// One JSON object a line.
    pub json: bool,
    /// From which level on, or levels for each module: `info`, `warn,kvnode=debug`.
    pub level: String,
}

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5001);
const DATA: &str = "./kvnode-data";
const CACHE: u64 = 64 << 20;
const DISK_RESERVE: u64 = 64 << 20;
const LOG_LEVEL: &str = "info";

impl Config {
    /// Puts together what the command line, the environment and the file say; `variable` looks up a variable.
    ///
    /// # Errors
    /// All [`Mistakes`] in all of it.
    pub fn new(flags: &Flags, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let file = match &flags.config {
            Some(path) => mistakes.keep(Source::open(path)).unwrap_or_default(),
            None => Source::default(),
        };
        let (in_file, outcome) = file.read(Layer::in_file);
        mistakes.0.extend(outcome.mistakes.0);
        let given = flags.read(&mut mistakes).over(in_file);
        let secret = secret::find(secret::CLUSTER, &variable, &mut mistakes);
        given.check(&mut mistakes);
        match given.who() {
            Some(who) => {
                let config = given.complete(who, secret, flags.exit_with_parent);
                config.check(&mut mistakes);
                mistakes.or(config)
            }
            None => Err(mistakes),
        }
    }

    /// What is wrong only when seen together.
    fn check(&self, mistakes: &mut Mistakes) {
        if self.join.is_some() && self.http.secret.is_none() {
            mistakes.add(
                Place::Whole,
                format!(
                    "to join a cluster its secret is needed: set {0} or {0}_FILE as the proxy has it",
                    secret::CLUSTER
                ),
            );
        }
        if self.leave_on_stop && self.join.is_none() {
            mistakes
                .add(Place::Whole, "to leave on stop the node must know whom to ask: add --join PROXY_URL");
        }
        if self.join.is_some() && self.advertise.is_none() && self.listen.ip().is_unspecified() {
            mistakes.add(
                Place::Whole,
                format!(
                    "listening on {} does not tell how others reach this node: add --advertise http://HOST:PORT",
                    self.listen
                ),
            );
        }
        if self.http.memory < self.http.max_value {
            mistakes.add(
                Place::Whole,
                "`http.memory` is smaller than `max_value`: the largest values would never fit",
            );
        }
    }
}

#[cfg(test)]
mod tests;
