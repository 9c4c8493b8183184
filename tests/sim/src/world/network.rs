//! Time, and the network that delays, repeats and loses.

use super::*;

impl World {
    pub(super) fn after(&mut self, delay: Duration, event: Event) {
        self.scheduled += 1;
        self.events.insert((self.now + delay, self.scheduled), event);
    }

    pub(super) fn note(&mut self, text: &str) {
        let _ = writeln!(self.trace, "{:>8.3} e{} {text}", self.now.as_secs_f64(), self.view.epoch);
    }

    /// How long a message takes from one to the other; `None` = it is lost.
    pub(super) fn travel(&mut self, from: &str, to: &str) -> Option<Duration> {
        let pair = if from < to { (from, to) } else { (to, from) };
        let cut =
            self.cuts.get(&(pair.0.to_owned(), pair.1.to_owned())).is_some_and(|until| *until > self.now);
        let quick = self.dice.between(Duration::from_micros(100), Duration::from_millis(4));
        let slow = self.dice.between(Duration::from_millis(10), SLOWEST);
        if self.healing || !self.shape.faults {
            return Some(quick);
        }
        if cut || self.dice.per_mille(5) {
            return None;
        }
        Some(if self.dice.per_mille(10) { slow } else { quick })
    }
}
