//! What one worker counts for one node.

use http::StatusCode;

use super::{CLASSES, Counter, Gauge, Histogram, class};

/// Counts of one worker for one node; it outlives the node's process, but not its membership.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct NodeMetrics {
    /// Answers of the node by class of status: 1xx at index 0. Not those by which it said that it is not the owner.
    pub answers: [Counter; CLASSES],
    /// Attempts that ended without an answer: no connection, a lost one, too late, too much in flight.
    pub failures: Counter,
    /// Requests that are under way to it now.
    pub in_flight: Gauge,
    /// From the moment when a request is handed to the link until the head of its answer is here.
    pub latency: Histogram,
}

impl NodeMetrics {
    /// Counts an answer.
    pub fn count_answer(&self, status: StatusCode) {
        if let Some(counter) = self.answers.get(class(status)) {
            counter.add(1);
        }
    }
}
