//! What is counted on a request's way.
//!
//! Each worker writes its own [`WorkerMetrics`] and nobody else's, so counting is an ordinary add on a cache line
//! that no other core writes. Readers ask [`Metrics::snapshot`], which adds the workers up.

mod cell;
mod histogram;
mod method;
mod node;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hashring::NodeName;
use http::StatusCode;

pub use cell::{Counter, Gauge};
pub use histogram::{Histogram, HistogramSnapshot, LONGEST};
pub use method::MethodKind;
pub use node::NodeMetrics;
pub use snapshot::{NodeSnapshot, Snapshot};

/// Classes of status codes, 1xx to 5xx.
pub const CLASSES: usize = 5;

/// The metrics of all workers.
#[derive(Debug)]
pub struct Metrics {
    workers: Vec<Arc<WorkerMetrics>>,
    /// Lines of the access log that found no room, and those that could not be written.
    dropped_lines: AtomicU64,
    lost_lines: AtomicU64,
}

/// What one worker counts.
#[derive(Debug, Default)]
// A cache line of its own, and the neighbour that the processor fetches along with it.
#[repr(align(128))]
pub struct WorkerMetrics {
    /// Answers to data requests, by kind of method and class of status: 1xx at index 0.
    pub answers: [[Counter; CLASSES]; MethodKind::COUNT],
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
    /// From the head of a data request to the end of its answer, by kind of method.
    pub latency: [Histogram; MethodKind::COUNT],
    /// What it counts for each node of its view. The lock is taken when the view changes and by readers, never on a
    /// request's way.
    nodes: Mutex<BTreeMap<NodeName, Arc<NodeMetrics>>>,
}

/// What one worker counts for one node.
type OfNode = (NodeName, Arc<NodeMetrics>);

impl Metrics {
    /// Metrics for so many workers.
    #[must_use]
    pub fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            workers: (0..workers).map(|_| Arc::default()).collect(),
            dropped_lines: AtomicU64::new(0),
            lost_lines: AtomicU64::new(0),
        })
    }

    /// Says how many lines of the access log were dropped so far.
    pub fn see_dropped_lines(&self, lines: u64) {
        // Of several who say so the one that knows more may be the earlier one.
        self.dropped_lines.fetch_max(lines, Ordering::Relaxed);
    }

    /// Counts a line of the access log that could not be written.
    pub fn lose_line(&self) {
        self.lost_lines.fetch_add(1, Ordering::Relaxed);
    }

    /// The metrics of each worker.
    #[must_use]
    pub fn workers(&self) -> &[Arc<WorkerMetrics>] {
        &self.workers
    }

    /// All workers together.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let dropped_lines =
            self.dropped_lines.load(Ordering::Relaxed) + self.lost_lines.load(Ordering::Relaxed);
        let mut sum = Snapshot { dropped_lines, ..Snapshot::default() };
        for worker in &self.workers {
            sum.add(worker);
        }
        sum
    }
}

impl WorkerMetrics {
    /// Counts an answer to a data request.
    pub fn count_answer(&self, method: MethodKind, status: StatusCode) {
        if let Some(counter) =
            self.answers.get(method as usize).and_then(|classes| classes.get(class(status)))
        {
            counter.add(1);
        }
    }

    /// What is counted for the node of this name: from now on, or since it was first seen.
    #[must_use]
    pub fn node(&self, name: &NodeName) -> Arc<NodeMetrics> {
        Arc::clone(self.nodes.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default())
    }

    /// The nodes that are counted for. The lock is held for as long as it takes to copy their list.
    fn nodes(&self) -> Vec<OfNode> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().map(|(name, node)| (name.clone(), Arc::clone(node))).collect()
    }

    /// Forgets every node that is not `wanted`.
    pub fn keep_nodes(&self, wanted: impl Fn(&NodeName) -> bool) {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| wanted(name));
    }
}

/// The index of a status in [`WorkerMetrics::answers`].
fn class(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_snapshot_adds_the_workers_up() {
        let metrics = Metrics::new(2);
        for (worker, status) in metrics.workers().iter().zip([200, 503]) {
            worker.count_answer(MethodKind::Put, StatusCode::from_u16(status).unwrap());
            worker.in_flight.add(2);
            worker.in_flight.sub(1);
            worker.latency[MethodKind::Put as usize].record(Duration::from_micros(10));
        }
        let sum = metrics.snapshot();
        assert_eq!(sum.answers[MethodKind::Put as usize], [0, 1, 0, 0, 1]);
        assert_eq!((sum.requests(), sum.errors()), (2, 1));
        assert_eq!(sum.in_flight, 2);
        assert_eq!(sum.latency().count(), 2);
    }

    #[test]
    fn a_node_keeps_its_counts_until_it_is_forgotten() {
        let metrics = Metrics::new(2);
        let name: NodeName = "n1".parse().unwrap();
        for worker in metrics.workers() {
            worker.node(&name).count_answer(StatusCode::OK);
            worker.node(&name).failures.add(1);
        }
        let node = &metrics.snapshot().nodes[&name];
        assert_eq!((node.requests(), node.errors()), (4, 2));
        metrics.workers()[0].keep_nodes(|_| false);
        assert_eq!(metrics.snapshot().nodes[&name].requests(), 2);
    }
}
