//! `loadgen experiment`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::interrupt;
use super::{EXIT_CODES, FAILED, WELL, Wrong, failed, show, usage};
use crate::experiment::{Experiment, Lab, Options, Server};

/// Which experiment, and where its results go.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Order {
    /// Which; 0 to 4 mean the same
    #[arg(value_name = "NAME")]
    experiment: Experiment,
    /// The small form, which ends in seconds: does it work?
    #[arg(long)]
    quick: bool,
    /// Put tables and pictures here; those of the same experiment are replaced [default: target/experiments]
    #[arg(long, value_name = "FOLDER", default_value = "target/experiments", hide_default_value = true)]
    out: PathBuf,
    /// Start this program [default: keyway beside this one]
    #[arg(long, value_name = "PROGRAM", env = "KEYWAY_BIN")]
    keyway: Option<PathBuf>,
    /// Instead, ask this server as it is
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// Other numbers of nodes: 1,2,3
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    nodes: Option<Vec<u32>>,
    /// Other numbers of clients
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    clients: Option<Vec<u32>>,
    /// Threads that drive the clients
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: u32,
    /// Another seed, other keys and operations
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// No progress
    #[arg(long)]
    quiet: bool,
}

impl Order {
    /// Makes it.
    pub(crate) fn carry_out(self) -> Result<u8, Wrong> {
        let server = match self.target {
            Some(url) => Server::Given(url),
            None => Server::Own(self.keyway.map_or_else(beside, Ok).and_then(|path| found(&path))?),
        };
        let options = Options {
            server,
            folder: self.out,
            quick: self.quick,
            nodes: self.nodes,
            clients: self.clients,
            threads: self.threads,
            seed: self.seed,
            quiet: self.quiet,
            stop: Arc::default(),
        };
        interrupt::sets(&options.stop).map_err(failed)?;
        let mut lab = Lab::new(self.experiment.name(), options).map_err(failed)?;
        let failures = self.experiment.make(&mut lab).map_err(failed)?;
        for file in lab.files() {
            show(&file.display().to_string())?;
        }
        Ok(if failures > 0 { FAILED } else { WELL })
    }
}

/// Where cargo puts both programs.
fn beside() -> Result<PathBuf, Wrong> {
    let own = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    Ok(own.with_file_name("keyway"))
}

/// It is started in another folder.
fn found(program: &Path) -> Result<PathBuf, Wrong> {
    program.canonicalize().map_err(|error| {
        usage(format!(
            "{}: {error}. Build it with cargo build --release --package keyway, or name it with --keyway, or a server with --target",
            program.display()
        ))
    })
}
