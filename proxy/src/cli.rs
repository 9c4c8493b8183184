//! The command line: what `keyway` understands, and which part of the program does it.
//!
//! `keyway` alone serves. `keyway kvnode ...` is a node. Everything else is a client of the admin plane, so it
//! can do nothing that the API cannot.

mod changes;
mod client;
mod follow;
mod health;
mod help;
mod hints;
mod manual;
mod news;
mod orders;
mod output;
mod reading;
mod receipt;
mod remarks;
mod reply;
#[cfg(test)]
mod sample;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use kvnode::config::units;
use serde_json::Value;

use crate::config::Flags;
use client::Client;
use output::Output;

/// Carried out, and all is well.
const DONE: u8 = 0;
/// Refused or failed, or something is wrong with the cluster.
const WRONG: u8 = 1;
/// The proxy cannot be asked.
const UNREACHABLE: u8 = 3;
/// It goes on, but the time to wait for it is over.
const UNFINISHED: u8 = 4;

/// Routes each HTTP request by its key to the node that owns it, and moves the keys when nodes come and go.
#[derive(Debug, Parser)]
#[command(name = "keyway", version, args_conflicts_with_subcommands = true)]
#[command(after_help = help::PROGRAM)]
struct Cli {
    #[command(flatten)]
    serve: Serve,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve clients (what keyway does without a command).
    Serve(Serve),
    /// Run a node: the program kvnode. `keyway kvnode --help` has its own flags.
    Kvnode {
        /// Flags of kvnode.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
    /// Add a node: one that runs already at URL, or without URL one that the proxy starts.
    #[command(after_help = help::asking(&[
        "keyway add-server",
        "keyway add-server http://10.0.0.7:5001 --weight 2 --no-wait",
        "keyway add-server --dry-run",
    ]))]
    AddServer(orders::AddServer),
    /// Remove a node: its keys move to the others first.
    #[command(after_help = help::asking(&["keyway remove-server n2", "keyway remove-server n2 --dry-run"]))]
    RemoveServer(orders::RemoveServer),
    /// Show the nodes, their shares of the ring, and what is going on.
    Status(Asking),
    /// Show the changes, or one of them; pause, resume, limit or cancel it.
    #[command(after_help = help::asking(&[
        "keyway changes",
        "keyway changes 7",
        "keyway changes 7 --rate 10MiB",
        "keyway changes 7 --cancel",
    ]))]
    Changes(changes::Changes),
    /// Show which node owns a key.
    #[command(after_help = help::asking(&["keyway locate 'user 42'", "keyway locate 'user 42' --without n2"]))]
    Locate(reading::Locate),
    /// Ask every node what it stores, and check that each key is on its owner and nowhere else.
    Verify(Asking),
    /// Ask whether a proxy or a node works: exit code 0 or 1. For the health check of a container.
    #[command(after_help = help::probing(&["keyway health", "keyway health http://127.0.0.1:5001/"]))]
    Health(health::Health),
    /// Print what a shell needs to complete commands and flags.
    #[command(
        after_help = "Examples:\n  keyway completions bash > /etc/bash_completion.d/keyway\n  keyway completions zsh > ~/.zfunc/_keyway"
    )]
    Completions(manual::Completions),
    /// Print the manual page, or write one for each command.
    #[command(
        after_help = "Examples:\n  keyway man | man -l -\n  keyway man --folder /usr/local/share/man/man1"
    )]
    Man(manual::Man),
}

/// Flags of `keyway serve`.
#[derive(Debug, Args)]
#[command(after_help = help::serving())]
struct Serve {
    /// Read settings from this file [env: KEYWAY_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen here for clients [env: KEYWAY_LISTEN] [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Listen here for administration; "same" = where clients connect [env: KEYWAY_ADMIN_LISTEN] [default: same]
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// Start a new cluster with so many nodes of our own [env: KEYWAY_NODES] [default: 3]
    #[arg(long, value_name = "NUMBER")]
    nodes: Option<String>,
    /// Keep the cluster's record and the nodes' data here [env: KEYWAY_DATA] [default: ./keyway-data]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Serve with so many threads; 0 = one for each core [env: KEYWAY_WORKERS] [default: 0]
    #[arg(long, value_name = "NUMBER")]
    workers: Option<String>,
    /// Points on the ring per unit of weight; fixed when a cluster is created [env: KEYWAY_POINTS] [default: 4096]
    #[arg(long, value_name = "NUMBER")]
    points: Option<String>,
    /// Write logs as human or json [env: KEYWAY_LOG_FORMAT] [default: human]
    #[arg(long, value_name = "FORM")]
    log_format: Option<String>,
    /// Write logs from this level on: error, warn, info, debug [env: KEYWAY_LOG] [default: info]
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// Go on from the view in the data folder although nodes have acted on later decisions: only where it is the newest
    /// copy that is left (docs/moving.md, "An old view")
    #[arg(long)]
    trust_view: bool,
}

/// Whom to ask, and how to show the answer.
#[derive(Debug, Args)]
#[command(after_help = help::asking(&[]))]
struct Asking {
    /// The proxy
    #[arg(long, env = "KEYWAY_URL", hide_env_values = true)]
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:5000")]
    url: String,
    /// Show the answer as it came, in JSON
    #[arg(long)]
    json: bool,
}

/// Why a command ended otherwise than it should.
#[derive(Debug)]
struct Failed {
    code: u8,
    message: String,
}

type Outcome = Result<u8, Failed>;

/// Does what the arguments say; the exit code of the process.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // The node has a command line of its own, with a help of its own.
    if let [program, command, flags @ ..] = arguments.as_slice()
        && command == OsStr::new("kvnode")
    {
        return kvnode::cli::main_with(std::iter::once(program.clone()).chain(flags.iter().cloned()));
    }
    let cli = Cli::parse_from(arguments);
    match cli.command {
        None => crate::app::run(&cli.serve.into()),
        Some(Command::Serve(serve)) => crate::app::run(&serve.into()),
        Some(Command::Kvnode { flags }) => {
            kvnode::cli::main_with(std::iter::once(OsString::from("kvnode")).chain(flags))
        }
        Some(command) => ask(command),
    }
}

/// Runs a client command to its end.
fn ask(command: Command) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failed { code: WRONG, message: format!("cannot start: {error}") }),
    };
    match runtime.block_on(carry_out(command)) {
        Ok(code) => ExitCode::from(code),
        Err(failed) => fail(&failed),
    }
}

async fn carry_out(command: Command) -> Outcome {
    match command {
        Command::AddServer(order) => orders::add_server(order).await,
        Command::RemoveServer(order) => orders::remove_server(order).await,
        Command::Status(asking) => reading::status(&asking).await,
        Command::Changes(order) => changes::run(order).await,
        Command::Locate(order) => reading::locate(order).await,
        Command::Verify(asking) => reading::verify(&asking).await,
        Command::Health(asked) => health::health(asked).await,
        Command::Completions(asked) => manual::completions(&asked),
        Command::Man(asked) => manual::man(&asked),
        Command::Serve(_) | Command::Kvnode { .. } => Ok(DONE),
    }
}

fn fail(failed: &Failed) -> ExitCode {
    Output::complain(&failed.message);
    ExitCode::from(failed.code)
}

impl Asking {
    fn client(&self) -> Result<Client, Failed> {
        Client::new(&self.url)
    }
}

impl From<Serve> for Flags {
    fn from(serve: Serve) -> Self {
        Self {
            config: serve.config,
            listen: serve.listen,
            admin_listen: serve.admin_listen,
            nodes: serve.nodes,
            data: serve.data,
            workers: serve.workers,
            points: serve.points,
            log_format: serve.log_format,
            log: serve.log,
            trust_view: serve.trust_view,
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text)
}

/// A limit in bytes a second as the admin plane takes it, which says whether it is one.
fn rate(text: &str) -> Value {
    if text == "none" { Value::Null } else { text.into() }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_flags_are_those_of_serve() {
        for line in [&["keyway", "--nodes", "5"][..], &["keyway", "serve", "--nodes", "5"]] {
            let cli = Cli::parse_from(line);
            let serve = match cli.command {
                Some(Command::Serve(serve)) => serve,
                None => cli.serve,
                other => panic!("{other:?}"),
            };
            assert_eq!(Flags::from(serve).nodes.as_deref(), Some("5"));
        }
    }

    #[test]
    fn the_time_to_wait_is_optional_and_never_taken_for_a_node() {
        for wait in ["--wait", "--wait=5m", "--no-wait"] {
            let cli = Cli::try_parse_from(["keyway", "remove-server", wait, "n2"]);
            assert!(matches!(cli.unwrap().command, Some(Command::RemoveServer(_))), "{wait}");
        }
        assert!(Cli::try_parse_from(["keyway", "remove-server", "n2", "--wait=soon"]).is_err());
    }

    #[test]
    fn a_key_may_look_like_a_flag_after_two_dashes() {
        let cli = Cli::parse_from(["keyway", "locate", "--", "--nodes"]);
        assert!(matches!(cli.command, Some(Command::Locate(_))));
    }
}
