//! What one place says about the settings; the rest is left to other places and to the defaults.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use hashring::NodeName;

use super::mistakes::{Mistakes, Place};
use super::source::Reader;
use super::{CACHE, Config, DATA, DISK_RESERVE, LISTEN, LOG_LEVEL, Log, Who, units};
use crate::client::authority;
use crate::http::secret::Secret;
use crate::{http, serve};

/// Settings that are given, all of them optional.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// Whether a name is given, be it a wrong one.
    pub(super) named: bool,
    pub(super) name: Option<NodeName>,
    pub(super) listen: Option<SocketAddr>,
    pub(super) data: Option<PathBuf>,
    pub(super) data_under: Option<PathBuf>,
    pub(super) join: Option<String>,
    pub(super) leave_on_stop: Option<bool>,
    pub(super) advertise: Option<String>,
    pub(super) max_value: Option<usize>,
    pub(super) cache: Option<u64>,
    pub(super) disk_reserve: Option<u64>,
    pub(super) http: HttpLayer,
    pub(super) log_json: Option<bool>,
    pub(super) log_level: Option<String>,
}

/// The section `[http]`.
#[derive(Debug, Default)]
pub(super) struct HttpLayer {
    threads: Option<usize>,
    connections: Option<usize>,
    memory: Option<usize>,
    header_size: Option<usize>,
    header_timeout: Option<Duration>,
    body_timeout: Option<Duration>,
    drain: Option<Duration>,
}

/// A record's length is stored in 32 bits, and one value must leave room for others in memory.
pub(super) const MAX_VALUES: RangeInclusive<u64> = 1..=1 << 30;
/// Where memory and disk sizes end: far above any machine.
pub(super) const SIZES: RangeInclusive<u64> = 0..=1 << 50;
const TIMES: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);

impl Layer {
    /// What the file says.
    pub(super) fn in_file(file: &mut Reader<'_>) -> Self {
        Self {
            named: file.has("name"),
            name: file.parsed("name", str::parse),
            listen: file.parsed("listen", listen),
            data: file.string("data").map(PathBuf::from),
            data_under: file.string("data_under").map(PathBuf::from),
            join: file.parsed("join", base_url),
            leave_on_stop: file.boolean("leave_on_stop"),
            advertise: file.parsed("advertise", base_url),
            max_value: file.size_in("max_value", MAX_VALUES).map(to_usize),
            cache: file.size_in("cache", SIZES),
            disk_reserve: file.size_in("disk_reserve", SIZES),
            http: file.table("http", HttpLayer::in_file),
            ..file.table("log", |log| Self {
                log_json: log.parsed("format", log_json),
                log_level: log.parsed("level", units::log_filter),
                ..Self::default()
            })
        }
    }

    /// This, and where it says nothing, `other`.
    pub(super) fn over(self, other: Self) -> Self {
        Self {
            named: self.named || other.named,
            name: self.name.or(other.name),
            listen: self.listen.or(other.listen),
            data: self.data.or(other.data),
            data_under: self.data_under.or(other.data_under),
            join: self.join.or(other.join),
            leave_on_stop: self.leave_on_stop.or(other.leave_on_stop),
            advertise: self.advertise.or(other.advertise),
            max_value: self.max_value.or(other.max_value),
            cache: self.cache.or(other.cache),
            disk_reserve: self.disk_reserve.or(other.disk_reserve),
            // No flag speaks about these.
            http: other.http,
            log_json: self.log_json.or(other.log_json),
            log_level: self.log_level.or(other.log_level),
        }
    }

    /// What must be given, and what must not be given together.
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        if self.data_under.is_some() && (self.named || self.data.is_some()) {
            mistakes.add(
                Place::Whole,
                "with `data_under` the folder that is found says the node's name: give neither `name` nor `data`",
            );
        } else if !self.named && self.data_under.is_none() {
            mistakes.add(
                Place::Whole,
                "the node needs a name of its own that stays: --name n1, or `name` in the file",
            );
        }
    }

    /// Which node it is to be; `None` where nothing usable says so, which is a mistake already.
    pub(super) fn who(&self) -> Option<Who> {
        let named = || {
            let data = self.data.clone().unwrap_or_else(|| DATA.into());
            Some(Who::Named(self.name.clone()?, data))
        };
        self.data_under.clone().map(Who::FirstFree).or_else(named)
    }

    /// The whole configuration: what is given, and the defaults for the rest.
    pub(super) fn complete(self, who: Who, secret: Option<Secret>, exit_with_parent: bool) -> Config {
        let http = http::Settings::default();
        let serve = serve::Limits::default();
        Config {
            who,
            listen: self.listen.unwrap_or(LISTEN),
            join: self.join,
            leave_on_stop: self.leave_on_stop.unwrap_or(false),
            advertise: self.advertise,
            cache: self.cache.unwrap_or(CACHE),
            disk_reserve: self.disk_reserve.unwrap_or(DISK_RESERVE),
            http: http::Settings {
                max_value: self.max_value.unwrap_or(http.max_value),
                memory: self.http.memory.unwrap_or(http.memory),
                body_pause: self.http.body_timeout.unwrap_or(http.body_pause),
                secret,
                ..http
            },
            serve: serve::Limits {
                threads: self.http.threads.unwrap_or(serve.threads),
                connections: self.http.connections.unwrap_or(serve.connections),
                header_size: self.http.header_size.unwrap_or(serve.header_size),
                header_timeout: self.http.header_timeout.unwrap_or(serve.header_timeout),
                drain: self.http.drain.unwrap_or(serve.drain),
            },
            log: Log {
                json: self.log_json.unwrap_or(false),
                level: self.log_level.unwrap_or_else(|| LOG_LEVEL.to_owned()),
            },
            exit_with_parent,
        }
    }
}

impl HttpLayer {
    fn in_file(http: &mut Reader<'_>) -> Self {
        Self {
            threads: http.integer_in("threads", 1..=256).map(to_usize),
            connections: http.integer_in("connections", 1..=1_000_000).map(to_usize),
            memory: http.size_in("memory", 1 << 20..=*SIZES.end()).map(to_usize),
            header_size: http.size_in("header_size", 8 << 10..=1 << 20).map(to_usize),
            header_timeout: http.duration_in("header_timeout", TIMES),
            body_timeout: http.duration_in("body_timeout", TIMES),
            drain: http.duration_in("drain", TIMES),
        }
    }
}

/// An address to listen on.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "`{text}` is not an address and a port; write for example \"127.0.0.1:5001\" or \"[::1]:5001\""
        )
    })
}

/// A URL that other processes are reached by.
pub(super) fn base_url(text: &str) -> Result<String, String> {
    authority(text).map(|authority| format!("http://{authority}")).map_err(|error| error.to_string())
}

/// `human` or `json`.
pub(super) fn log_json(text: &str) -> Result<bool, String> {
    match text {
        "human" => Ok(false),
        "json" => Ok(true),
        _ => Err(format!("`{text}` is no log format; write \"human\" or \"json\"")),
    }
}

/// Sizes of memory fit, on every machine that has that memory.
pub(super) fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
