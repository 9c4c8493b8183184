//! The program `kvnode`: from its arguments to its exit code. `keyway kvnode ...` runs the same.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::config::flags::Flags;
use crate::config::{Config, Log};

mod home;
mod join;
mod run;

/// Exit code: the arguments or settings are wrong.
const WRONG_SETTINGS: u8 = 2;
/// Exit code: the node could not start, or had to stop.
const FAILED: u8 = 1;

/// Runs a node with these arguments, the program's name first, until it is told to stop. Answers `--help` and
/// `--version` too. Call it once in a process, from `main`: it sets up logging and handles signals.
pub fn main_with<I>(arguments: I) -> ExitCode
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let flags = match Flags::of(arguments) {
        Ok(flags) => flags,
        Err(answer) => {
            // Help goes to standard output with success, mistakes to standard error.
            let _ = answer.print();
            return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(WRONG_SETTINGS));
        }
    };
    let config = match Config::new(&flags, |name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(mistakes) => {
            say(&mistakes);
            return ExitCode::from(WRONG_SETTINGS);
        }
    };
    start_log(&config.log);
    match run::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error);
            ExitCode::from(FAILED)
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "what stops a start is for whoever typed it, whatever the log's level"
)]
fn say(what: &dyn std::fmt::Display) {
    for line in what.to_string().lines() {
        eprintln!("kvnode: {line}");
    }
}

fn start_log(log: &Log) {
    // The level was checked with the rest of the configuration.
    let filter = EnvFilter::try_new(&log.level).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A log that is set up already, by a program around this one, stays as it is.
    let _ = if log.json {
        builder.json().try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
}
