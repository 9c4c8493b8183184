//! The experiments that the five reports made, each with one command: a fresh Keyway for each number of nodes, a
//! table of all runs, and the pictures that the report drew.

mod client_ring;
mod distributor;
mod gtstore;
mod haproxy;
mod keyway;
mod lab;
mod two_phase;

use clap::ValueEnum;

pub use lab::{Lab, Options, Server};

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Experiment {
    /// Latency and throughput of PUT, GET and DELETE on 1 to 3 nodes, by clients and by requests of each
    #[value(alias = "0")]
    ClientRing,
    /// By clients, by requests of each, on 1 to 30 nodes, read-mostly and write-mostly
    #[value(alias = "1")]
    Distributor,
    /// Throughput against latency on 1 to 3 servers while users come, over the JSON form
    #[value(alias = "2")]
    Haproxy,
    /// Mean, median and 90th percentile on 10 to 100 nodes with 10 to 100 clients
    #[value(alias = "3")]
    Gtstore,
    /// 150 operations on five nodes, a third each PUT, GET and DELETE
    #[value(alias = "4")]
    TwoPhaseCommit,
}

impl Experiment {
    /// What its files are called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientRing => "client-ring",
            Self::Distributor => "distributor",
            Self::Haproxy => "haproxy",
            Self::Gtstore => "gtstore",
            Self::TwoPhaseCommit => "two-phase-commit",
        }
    }

    /// Makes it, and answers how many operations failed.
    ///
    /// # Errors
    /// Where it cannot be made; operations that fail are counted and it goes on.
    pub fn make(self, lab: &mut Lab) -> Result<u64, String> {
        match self {
            Self::ClientRing => client_ring::make(lab),
            Self::Distributor => distributor::make(lab),
            Self::Haproxy => haproxy::make(lab),
            Self::Gtstore => gtstore::make(lab),
            Self::TwoPhaseCommit => two_phase::make(lab),
        }?;
        Ok(lab.failures())
    }
}
