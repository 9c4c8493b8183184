//! The command line of `kvnode`.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::{CommandFactory as _, FromArgMatches as _, Parser};

use super::layer::{Layer, MAX_VALUES, SIZES, base_url, listen, log_json, to_usize};
use super::mistakes::{Mistakes, Place};
use super::units;

/// A node of Keyway: stores values under keys, durably, and hands ranges of keys to other nodes.
///
/// Without --join it serves every key by itself. The cluster's secret comes from KEYWAY_CLUSTER_SECRET or from
/// the file that KEYWAY_CLUSTER_SECRET_FILE names.
#[derive(Debug, Default, Clone, Parser)]
#[command(name = "kvnode", version)]
pub struct Flags {
    // Values are read as text here, so that a wrong one is shown together with all other mistakes.
    /// A TOML file with settings; config/kvnode.toml shows them all
    #[arg(long, value_name = "FILE", env = "KEYWAY_NODE_CONFIG")]
    pub config: Option<PathBuf>,
    /// The node's name, which must stay its own: a-z, 0-9, '.', '_', '-'
    #[arg(long, value_name = "NAME", env = "KEYWAY_NODE_NAME")]
    pub name: Option<String>,
    /// Where to listen; port 0 = any free one [default: 127.0.0.1:5001]
    #[arg(long, value_name = "ADDRESS", env = "KEYWAY_NODE_LISTEN")]
    pub listen: Option<String>,
    /// The data folder, made where it is missing [default: ./kvnode-data]
    #[arg(long, value_name = "FOLDER", env = "KEYWAY_NODE_DATA")]
    pub data: Option<PathBuf>,
    /// Be the node of the first free data folder under this one: n1, n2, ..; a new one where all are in use
    #[arg(long, value_name = "FOLDER", env = "KEYWAY_NODE_DATA_UNDER")]
    pub data_under: Option<PathBuf>,
    /// Ask this proxy, again and again, to be taken into its cluster
    #[arg(long, value_name = "PROXY_URL", env = "KEYWAY_NODE_JOIN")]
    pub join: Option<String>,
    /// When told to stop, leave the cluster first: the keys move to the other nodes, then the process ends
    #[arg(long, env = "KEYWAY_NODE_LEAVE_ON_STOP", value_parser = BoolishValueParser::new())]
    pub leave_on_stop: bool,
    /// Where the proxy and other nodes reach this one [default: the address it listens on]
    #[arg(long, value_name = "URL", env = "KEYWAY_NODE_ADVERTISE")]
    pub advertise: Option<String>,
    /// The largest value that is taken [default: 8MiB]
    #[arg(long, value_name = "SIZE", env = "KEYWAY_NODE_MAX_VALUE")]
    pub max_value: Option<String>,
    /// Memory for values that are read often [default: 64MiB]
    #[arg(long, value_name = "SIZE", env = "KEYWAY_NODE_CACHE")]
    pub cache: Option<String>,
    /// How to write the log: human or json [default: human]
    #[arg(long, value_name = "FORMAT", env = "KEYWAY_NODE_LOG_FORMAT")]
    pub log_format: Option<String>,
    /// From which level on to write the log: error, warn, info, debug [default: info]
    #[arg(long, value_name = "LEVEL", env = "KEYWAY_NODE_LOG")]
    pub log: Option<String>,
    /// End at once when standard input ends: a parent that holds the other end is gone then
    #[arg(long, hide = true)]
    pub exit_with_parent: bool,
}

impl Flags {
    /// Reads a command line, the program's name first. The help names the command as it was called: a node is a command
    /// of `keyway`, and a program of its own where one is built.
    ///
    /// # Errors
    /// What clap has to say: a mistake, or the help that was asked for.
    pub fn of<I>(arguments: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let is_alone = arguments.first().is_some_and(|program| Path::new(program).ends_with("kvnode"));
        let called = if is_alone { "kvnode" } else { "keyway kvnode" };
        let usage =
            ["--name <NAME>", "--data-under <FOLDER>"].map(|named| format!("{called} {named} [OPTIONS]"));
        let command = Self::command().override_usage(usage.join("\n       "));
        Self::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    /// What they say; what they say wrongly goes into `mistakes`.
    pub(super) fn read(&self, mistakes: &mut Mistakes) -> Layer {
        let size = |text: &str| {
            let size = units::size(text)?;
            if SIZES.contains(&size) { Ok(size) } else { Err(format!("{text} is too large")) }
        };
        let max_value = |text: &str| {
            let size = units::size(text)?;
            let (least, most) = (MAX_VALUES.start(), units::show_size(*MAX_VALUES.end()));
            if MAX_VALUES.contains(&size) {
                Ok(size)
            } else {
                Err(format!("{text} is outside {least}B to {most}"))
            }
        };
        Layer {
            named: self.name.is_some(),
            name: value(mistakes, "--name", self.name.as_deref(), str::parse),
            listen: value(mistakes, "--listen", self.listen.as_deref(), listen),
            data: self.data.clone(),
            data_under: self.data_under.clone(),
            join: value(mistakes, "--join", self.join.as_deref(), base_url),
            leave_on_stop: self.leave_on_stop.then_some(true),
            advertise: value(mistakes, "--advertise", self.advertise.as_deref(), base_url),
            max_value: value(mistakes, "--max-value", self.max_value.as_deref(), max_value).map(to_usize),
            cache: value(mistakes, "--cache", self.cache.as_deref(), size),
            log_json: value(mistakes, "--log-format", self.log_format.as_deref(), log_json),
            log_level: value(mistakes, "--log", self.log.as_deref(), units::log_filter),
            ..Layer::default()
        }
    }
}

/// One flag's value, read by `parse`.
fn value<T, E: Display>(
    mistakes: &mut Mistakes,
    flag: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    parse(text?).map_err(|error| mistakes.add(Place::Named(flag.to_owned()), error.to_string())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_the_command_as_it_was_called() {
        for (program, usage) in
            [("/bin/keyway", "Usage: keyway kvnode --name"), ("kvnode", "Usage: kvnode --name")]
        {
            let help = Flags::of([program, "--help"]).unwrap_err().to_string();
            assert!(help.contains(usage), "{help}");
        }
    }
}
