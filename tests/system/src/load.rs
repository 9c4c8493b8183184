//! The load script: stores real input in a fresh Keyway, adds two nodes and removes one under load, and
//! reports what was measured. It starts everything itself on this machine and leaves nothing behind.

#![expect(clippy::print_stdout, reason = "the report is this program's answer")]

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use system::elastic::{self, Scale};

/// Real input under load, on a fresh Keyway of its own: fill, add a node, add a node, remove a node, check
/// every acknowledged write, restart, check again. Ends with an error at the first broken promise.
#[derive(Debug, Parser)]
#[command(name = "tests/load")]
struct Options {
    /// Keys to store, at most a million. 200,000 are about 600 MB.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    keys: u32,
    /// Clients that read and write at full speed.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=256))]
    clients: u32,
    /// Seconds of load before the first change and after the last.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    calm: u64,
    /// Another seed gives other values and another order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Put the data here instead of a folder for temporary files; it is left there.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// However it goes, it does not run for longer.
const LIMIT: Duration = Duration::from_secs(40 * 60);

fn main() {
    let options = Options::parse();
    let scale = Scale {
        keys: options.keys,
        clients: options.clients,
        calm: Duration::from_secs(options.calm),
        change: Duration::from_secs(15 * 60),
        seed: options.seed,
        folder: options.data,
    };
    if cfg!(debug_assertions) {
        println!("This is a build without optimisation: the figures say little. tests/load uses --release.");
    }
    harness::story(LIMIT, || elastic::run(scale, |line| println!("{line}")));
}
