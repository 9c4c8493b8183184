//! Runs in a row do not use up the ports of this machine: connections are kept within a run, and leave nothing behind.

use loadgen::engine;
use loadgen::plan::{Plan, Until};

use crate::server::{Mood, Server};

const RUNS: u64 = 1000;
const CLIENTS: u32 = 3;
const REQUESTS: u64 = 4;

/// Sockets of either side between this machine and this port, by what the kernel says of all.
#[cfg(target_os = "linux")]
fn sockets(port: u16) -> usize {
    let port = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let places = |line: &str| line.split_whitespace().skip(1).take(2).any(|place| place.ends_with(&port));
    table.lines().skip(1).filter(|line| places(line)).count()
}

#[test]
#[cfg(target_os = "linux")]
fn a_thousand_runs_in_a_row_use_one_connection_a_client_and_leave_no_port_occupied() {
    let server = Server::start(Mood::Good);
    let mut plan = Plan::new(&server.url(), "kv").unwrap();
    plan.clients = CLIENTS;
    plan.until = Until::Requests(REQUESTS);
    for run in 0..RUNS {
        let finished = engine::run(&plan, |_| {}).unwrap();
        assert_eq!(finished.total.failures(), 0, "run {run}: {:?}", finished.total.troubles);
    }
    assert_eq!(server.requests(), RUNS * u64::from(CLIENTS) * REQUESTS);
    assert_eq!(server.connections(), RUNS * u64::from(CLIENTS), "kept from the first request to the last");
    // The listening socket, and what the server has not yet noticed to be gone.
    let left = sockets(server.address.port());
    assert!(left <= 10, "{left} sockets are left of {}", RUNS * u64::from(CLIENTS));
}
