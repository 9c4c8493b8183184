//! The sums over all workers at one moment, and what happened between two of them.

use std::collections::BTreeMap;

use hashring::NodeName;

use super::{CLASSES, Counter, HistogramSnapshot, MethodKind, NodeMetrics, WorkerMetrics};

/// The sums over all workers at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// See [`WorkerMetrics::answers`].
    pub answers: [[u64; CLASSES]; MethodKind::COUNT],
    /// See [`WorkerMetrics::own_answers`].
    pub own_answers: u64,
    /// See [`WorkerMetrics::admin_requests`].
    pub admin_requests: u64,
    /// See [`WorkerMetrics::resends`].
    pub resends: u64,
    /// See [`WorkerMetrics::unknown_outcomes`].
    pub unknown_outcomes: u64,
    /// See [`WorkerMetrics::overloads`].
    pub overloads: u64,
    /// See [`WorkerMetrics::in_flight`].
    pub in_flight: u64,
    /// See [`WorkerMetrics::connections`].
    pub connections: u64,
    /// See [`WorkerMetrics::accepted`].
    pub accepted: u64,
    /// See [`WorkerMetrics::turned_away`].
    pub turned_away: u64,
    /// See [`WorkerMetrics::dials`].
    pub dials: u64,
    /// See [`WorkerMetrics::failed_dials`].
    pub failed_dials: u64,
    /// See [`WorkerMetrics::latency`].
    pub latency: [HistogramSnapshot; MethodKind::COUNT],
    /// Lines of the access log that were dropped, because they came faster than they could be written.
    pub dropped_lines: u64,
    /// What was counted for each node.
    pub nodes: BTreeMap<NodeName, NodeSnapshot>,
}

/// The sums over all workers for one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeSnapshot {
    /// See [`NodeMetrics::answers`].
    pub answers: [u64; CLASSES],
    /// See [`NodeMetrics::failures`].
    pub failures: u64,
    /// See [`NodeMetrics::in_flight`].
    pub in_flight: u64,
    /// See [`NodeMetrics::latency`].
    pub latency: HistogramSnapshot,
}

impl Snapshot {
    pub(super) fn add(&mut self, worker: &WorkerMetrics) {
        for (sums, counters) in self.answers.iter_mut().zip(&worker.answers) {
            add_all(sums, counters);
        }
        self.own_answers += worker.own_answers.get();
        self.admin_requests += worker.admin_requests.get();
        self.resends += worker.resends.get();
        self.unknown_outcomes += worker.unknown_outcomes.get();
        self.overloads += worker.overloads.get();
        self.in_flight += worker.in_flight.get();
        self.connections += worker.connections.get();
        self.accepted += worker.accepted.get();
        self.turned_away += worker.turned_away.get();
        self.dials += worker.dials.get();
        self.failed_dials += worker.failed_dials.get();
        for (sum, histogram) in self.latency.iter_mut().zip(&worker.latency) {
            sum.add(histogram);
        }
        for (name, node) in worker.nodes() {
            self.nodes.entry(name).or_default().add(&node);
        }
    }

    /// Answers to data requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.answers.iter().flatten().sum()
    }

    /// Those of class 5xx.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.answers.iter().map(|[.., server_errors]| server_errors).sum()
    }

    /// All kinds of methods together.
    #[must_use]
    pub fn latency(&self) -> HistogramSnapshot {
        let mut sum = HistogramSnapshot::default();
        self.latency.iter().for_each(|latency| sum.merge(latency));
        sum
    }
}

impl NodeSnapshot {
    fn add(&mut self, node: &NodeMetrics) {
        add_all(&mut self.answers, &node.answers);
        self.failures += node.failures.get();
        self.in_flight += node.in_flight.get();
        self.latency.add(&node.latency);
    }

    /// Attempts that have ended.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.answers.iter().sum::<u64>() + self.failures
    }

    /// Those that ended without an answer, or with one of class 5xx.
    #[must_use]
    pub fn errors(&self) -> u64 {
        let [.., server_errors] = self.answers;
        server_errors + self.failures
    }
}

fn add_all(sums: &mut [u64; CLASSES], counters: &[Counter; CLASSES]) {
    for (sum, counter) in sums.iter_mut().zip(counters) {
        *sum += counter.get();
    }
}
