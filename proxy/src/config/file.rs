//! What the configuration file says. The questions asked here are the list of its keys; `config/keyway.toml`
//! explains each of them, and a test holds the two equal.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use hashring::NodeName;
use hashring::ring::MAX_WEIGHT;
use kvnode::config::source::{Outcome, Reader, Source};
use kvnode::config::units;

use super::address::node_url;
use super::secret::Secret;
use super::{ListedNode, MOST_NODES, admin_socket, socket};
use crate::data::{self, Form};
use crate::telemetry::Format;

pub(super) const WORKERS: RangeInclusive<u64> = 0..=1024;
/// More would only cost memory: shares are even to a fraction of a percent long before.
pub(super) const POINTS: RangeInclusive<u64> = 1..=65_536;
const GIB: u64 = 1 << 30;
const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Everything that was said; `None` = nothing.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) listen: Option<SocketAddr>,
    pub(super) admin_listen: Option<Option<SocketAddr>>,
    pub(super) admin_token: Option<Secret>,
    pub(super) cluster_secret: Option<Secret>,
    pub(super) data: Option<PathBuf>,
    pub(super) nodes: Option<u64>,
    pub(super) workers: Option<u64>,
    pub(super) points: Option<u64>,
    pub(super) join_auto: Option<bool>,
    pub(super) cache: Option<u64>,
    pub(super) max_value: Option<u64>,
    pub(super) log_format: Option<Format>,
    pub(super) log_level: Option<String>,
    pub(super) access: Access,
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    pub(super) listed: Vec<ListedNode>,
}

/// `[access_log]`
#[derive(Debug, Default)]
pub(super) struct Access {
    form: Option<Option<Form>>,
    file: Option<PathBuf>,
    one_in: Option<u64>,
    keys: Option<bool>,
    slow: Option<Option<Duration>>,
}

/// `[limits]`
#[derive(Debug, Default)]
pub(super) struct Limits {
    connections: Option<u64>,
    in_flight: Option<u64>,
    replay_buffer: Option<u64>,
    replay_pool: Option<u64>,
    head: Option<u64>,
    resends: Option<u64>,
}

/// `[timeouts]`
#[derive(Debug, Default)]
pub(super) struct Timeouts {
    keep_alive: Option<Duration>,
    head: Option<Duration>,
    body_idle: Option<Duration>,
    connect: Option<Duration>,
    answer: Option<Duration>,
    resend: Option<Duration>,
    linger: Option<Duration>,
    pub(super) drain: Option<Duration>,
}

/// Reads the file to its end, whatever is wrong with it.
pub(super) fn read(source: &Source) -> (Written, Outcome) {
    source.read(|file| {
        let mut written = Written {
            listen: file.parsed("listen", socket),
            data: file.string("data").map(PathBuf::from),
            nodes: file.integer_in("nodes", 0..=MOST_NODES),
            workers: file.integer_in("workers", WORKERS),
            points: file.integer_in("points", POINTS),
            ..Written::default()
        };
        written.admin_listen = file.table("admin", |admin| admin.parsed("listen", admin_socket));
        written.join_auto = file.table("join", |join| join.boolean("auto"));
        (written.cache, written.max_value) = file.table("local", |local| {
            (local.size_in("cache", 0..=1024 * GIB), local.size_in("max_value", 1..=GIB))
        });
        (written.log_format, written.log_level) = file
            .table("log", |log| (log.parsed("format", str::parse), log.parsed("level", units::log_filter)));
        written.access = file.table("access_log", Access::read);
        written.limits = file.table("limits", Limits::read);
        written.timeouts = file.table("timeouts", Timeouts::read);
        let mut names = BTreeSet::new();
        let mut urls = BTreeSet::new();
        let listed = file.tables("node", |node| listed(node, &mut names, &mut urls));
        written.listed = listed.into_iter().flatten().collect();
        if !written.listed.is_empty() && written.listed.iter().all(|node| node.weight == 0) {
            file.wrong("node", "every weight is 0, so nobody would own a key");
        }
        written
    })
}

fn listed(
    node: &mut Reader<'_>,
    names: &mut BTreeSet<NodeName>,
    urls: &mut BTreeSet<String>,
) -> Option<ListedNode> {
    for key in ["name", "url"] {
        if !node.has(key) {
            node.wrong(key, "every [[node]] needs this");
        }
    }
    let name = node.parsed("name", str::parse::<NodeName>);
    let url = node.parsed("url", node_url);
    let weight = node.integer_in("weight", 0..=u64::from(MAX_WEIGHT)).unwrap_or(1);
    if name.as_ref().is_some_and(|name| !names.insert(name.clone())) {
        node.wrong("name", "another node has this name");
    }
    if url.as_ref().is_some_and(|url| !urls.insert(url.clone())) {
        node.wrong("url", "another node has this URL");
    }
    Some(ListedNode { name: name?, url: url?, weight: u16::try_from(weight).ok()? })
}

impl Access {
    fn read(access: &mut Reader<'_>) -> Self {
        let form = access.parsed("form", |text| or_off(text, str::parse));
        let file = access.string("file").filter(|file| file != "-").map(PathBuf::from);
        Self {
            form,
            file,
            one_in: access.integer_in("one_in", 1..=1_000_000),
            keys: access.boolean("keys"),
            slow: access.parsed("slow", |text| or_off(text, units::duration)),
        }
    }

    /// Writes what was said into `settings`.
    pub(super) fn apply(self, settings: &mut data::AccessSettings) {
        settings.form = self.form.unwrap_or(settings.form);
        settings.file = self.file.or(settings.file.take());
        settings.one_in = self.one_in.unwrap_or(settings.one_in);
        settings.keys = self.keys.unwrap_or(settings.keys);
        settings.slow = self.slow.unwrap_or(settings.slow);
    }
}

/// `off`, or what `parse` understands.
fn or_off<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text == "off" { Ok(None) } else { parse(text).map(Some) }
}

impl Limits {
    fn read(limits: &mut Reader<'_>) -> Self {
        Self {
            connections: limits.integer_in("connections", 1..=1_000_000),
            in_flight: limits.integer_in("in_flight", 1..=1_000_000),
            replay_buffer: limits.size_in("replay_buffer", 0..=GIB),
            replay_pool: limits.size_in("replay_pool", 0..=1024 * GIB),
            head: limits.size_in("head", 8192..=1 << 20),
            resends: limits.integer_in("resends", 0..=1000),
        }
    }

    /// Writes what was said into `settings`.
    pub(super) fn apply(&self, settings: &mut data::Settings) {
        let set = |setting: &mut usize, said: Option<u64>| {
            if let Some(said) = said {
                *setting = narrow(said);
            }
        };
        set(&mut settings.max_connections, self.connections);
        set(&mut settings.max_in_flight, self.in_flight);
        set(&mut settings.replay_buffer, self.replay_buffer);
        set(&mut settings.replay_pool, self.replay_pool);
        set(&mut settings.max_head, self.head);
        if let Some(resends) = self.resends {
            settings.max_resends = u32::try_from(resends).unwrap_or(u32::MAX);
        }
    }
}

impl Timeouts {
    fn read(timeouts: &mut Reader<'_>) -> Self {
        const SOME: RangeInclusive<Duration> = MILLISECOND..=HOUR;
        const ANY: RangeInclusive<Duration> = Duration::ZERO..=HOUR;
        Self {
            keep_alive: timeouts.duration_in("keep_alive", SOME),
            head: timeouts.duration_in("head", SOME),
            body_idle: timeouts.duration_in("body_idle", SOME),
            connect: timeouts.duration_in("connect", SOME),
            answer: timeouts.duration_in("answer", SOME),
            resend: timeouts.duration_in("resend", ANY),
            linger: timeouts.duration_in("linger", ANY),
            drain: timeouts.duration_in("drain", ANY),
        }
    }

    /// Writes what was said into `settings`.
    pub(super) fn apply(&self, settings: &mut data::Settings) {
        let set = |setting: &mut Duration, said: Option<Duration>| *setting = said.unwrap_or(*setting);
        set(&mut settings.keep_alive, self.keep_alive);
        set(&mut settings.head_timeout, self.head);
        set(&mut settings.body_idle, self.body_idle);
        set(&mut settings.connect_timeout, self.connect);
        set(&mut settings.answer_timeout, self.answer);
        set(&mut settings.resend_for, self.resend);
        set(&mut settings.linger, self.linger);
    }
}

/// A size in memory; what does not fit is more than there is anyway.
pub(super) fn narrow(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
