//! What is counted on a request's way.
//!
//! Each worker writes its own [`WorkerMetrics`] and nobody else's, so counting is an ordinary add on a cache line
//! that no other core writes. Readers ask [`Metrics::snapshot`], which adds the workers up.

mod cell;
mod histogram;

use std::sync::Arc;

pub use cell::{Counter, Gauge};
pub use histogram::{Histogram, HistogramSnapshot};

/// The metrics of all workers.
#[derive(Debug)]
pub struct Metrics {
    workers: Vec<Arc<WorkerMetrics>>,
}

/// What one worker counts.
#[derive(Debug, Default)]
// A cache line of its own, and the neighbour that the processor fetches along with it.
#[repr(align(128))]
pub struct WorkerMetrics {
    /// Answers to data requests by class of their status: 1xx at index 0.
    pub answers: [Counter; 5],
    /// Answers to data requests that this proxy made itself, whatever their status.
    pub own_answers: Counter,
    /// Requests handed to the admin service.
    pub admin_requests: Counter,
    /// Requests that were sent to a node once more.
    pub resends: Counter,
    /// Requests that ended without anybody knowing whether the node applied them.
    pub unknown_outcomes: Counter,
    /// Requests that were refused because too much was in flight.
    pub overloads: Counter,
    /// Requests that are being answered now.
    pub in_flight: Gauge,
    /// Client connections that are open now.
    pub connections: Gauge,
    /// Client connections that were taken in.
    pub accepted: Counter,
    /// Client connections that were turned away because too many were open.
    pub turned_away: Counter,
    /// Connections to nodes that were made.
    pub dials: Counter,
    /// Connections to nodes that could not be made.
    pub failed_dials: Counter,
    /// From the head of a data request to the end of its answer.
    pub latency: Histogram,
}

/// The sums over all workers at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// See [`WorkerMetrics::answers`].
    pub answers: [u64; 5],
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
    pub latency: HistogramSnapshot,
}

impl Metrics {
    /// Metrics for so many workers.
    #[must_use]
    pub fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self { workers: (0..workers).map(|_| Arc::default()).collect() })
    }

    /// The metrics of each worker.
    #[must_use]
    pub fn workers(&self) -> &[Arc<WorkerMetrics>] {
        &self.workers
    }

    /// All workers together.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut sum = Snapshot::default();
        for worker in &self.workers {
            for (sum, answers) in sum.answers.iter_mut().zip(&worker.answers) {
                *sum += answers.get();
            }
            sum.own_answers += worker.own_answers.get();
            sum.admin_requests += worker.admin_requests.get();
            sum.resends += worker.resends.get();
            sum.unknown_outcomes += worker.unknown_outcomes.get();
            sum.overloads += worker.overloads.get();
            sum.in_flight += worker.in_flight.get();
            sum.connections += worker.connections.get();
            sum.accepted += worker.accepted.get();
            sum.turned_away += worker.turned_away.get();
            sum.dials += worker.dials.get();
            sum.failed_dials += worker.failed_dials.get();
            sum.latency.add(&worker.latency);
        }
        sum
    }
}

impl WorkerMetrics {
    /// Counts an answer by the class of its status.
    pub fn count_answer(&self, status: http::StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.answers.get(class) {
            counter.add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_adds_the_workers_up() {
        let metrics = Metrics::new(2);
        for (worker, status) in metrics.workers().iter().zip([200, 503]) {
            worker.count_answer(http::StatusCode::from_u16(status).unwrap());
            worker.in_flight.add(2);
            worker.in_flight.sub(1);
            worker.latency.record(std::time::Duration::from_micros(10));
        }
        let sum = metrics.snapshot();
        assert_eq!(sum.answers, [0, 1, 0, 0, 1]);
        assert_eq!(sum.in_flight, 2);
        assert_eq!(sum.latency.count(), 2);
    }
}
