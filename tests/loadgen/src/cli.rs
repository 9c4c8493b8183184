//! The command line.

mod chart;
mod experiment;
pub(crate) mod interrupt;
mod progress;
mod run;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::engine::{self, Finished};
use crate::plan::Plan;
use progress::Progress;

/// All went well.
const WELL: u8 = 0;
/// Something failed.
const FAILED: u8 = 1;
/// What was typed cannot be.
const USAGE: u8 = 2;

const EXIT_CODES: &str = "Exit codes: 0 all went well; 1 an operation failed (unless --allow-errors) or the tool itself; 2 wrong usage.";

/// Drives any HTTP server, and shows what it can do.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, after_help = concat!(
    "Examples:\n",
    "  loadgen run                                              ten seconds against Keyway on 127.0.0.1:5000\n",
    "  loadgen run --preload --mix ycsb-a --clients 64          YCSB's workload A\n",
    "  loadgen run --rate 20000 --clients 256 --csv runs.csv    twenty thousand requests a second, come what may\n",
    "  loadgen run --target http://127.0.0.1:80 --api static --read 'GET /index.html'    any server\n",
))]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Drive a server, and report.
    Run(Box<run::Run>),
    /// Draw a picture of what tables hold.
    #[command(after_help = concat!(
        "Examples:\n",
        "  loadgen chart runs.csv --series label                                        latency against throughput\n",
        "  loadgen chart runs.csv --shape bars --x mix --y throughput --series label    bars\n",
        "  loadgen chart seconds.csv --shape lines --x second --y median_us,p99_us      a run second by second\n",
    ))]
    Chart(chart::Picture),
    /// Repeat the experiments of the reports that Keyway grew from.
    #[command(after_help = concat!(
        "Examples:\n",
        "  loadgen experiment distributor --out results    a fresh Keyway for each number of nodes\n",
        "  loadgen experiment 3 --nodes 10,50,100          GTStore's, with fewer steps\n",
        "  loadgen experiment haproxy --target http://127.0.0.1:8080    against a server that runs\n",
    ))]
    Experiment(experiment::Order),
}

/// Why it ended otherwise than it should.
#[derive(Debug)]
struct Wrong {
    code: u8,
    message: String,
}

/// Does what the arguments say; the exit code of the process.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout and is no mistake; where nobody listens there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    let outcome = match cli.command {
        Command::Run(order) => order.carry_out(),
        Command::Chart(order) => order.carry_out(),
        Command::Experiment(order) => order.carry_out(),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(wrong) => {
            let _ = writeln!(std::io::stderr(), "{}", wrong.message);
            ExitCode::from(wrong.code)
        }
    }
}

/// Runs a plan and shows how far it is.
pub(crate) fn watched(name: &str, plan: &Plan, quiet: bool) -> Result<Finished, String> {
    let mut progress = Progress::new(name, plan, quiet);
    let finished = engine::run(plan, |second| progress.tell(second));
    progress.end();
    finished
}

/// The documented answer of a command, on stdout.
fn show(text: &str) -> Result<(), Wrong> {
    let shown = writeln!(std::io::stdout(), "{text}");
    shown.map_err(|error| Wrong { code: FAILED, message: format!("cannot write the answer: {error}") })
}

fn usage(message: impl Into<String>) -> Wrong {
    Wrong { code: USAGE, message: message.into() }
}

fn failed(message: impl Into<String>) -> Wrong {
    Wrong { code: FAILED, message: message.into() }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
