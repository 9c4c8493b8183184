//! The operations of one stream, one after the other: of a client in a closed loop, of a thread in an open one.
//! The same seed and settings give the same keys and operations in the same order.

use fastrand::Rng;

use crate::keys::{Chooser, Distribution};
use crate::mix::{Kind, Mix};
use crate::values::Values;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// What.
    pub kind: Kind,
    /// With which key, by number.
    pub key: u64,
    /// How large a value, where one is written.
    pub size: usize,
}

/// An endless sequence of operations.
#[derive(Debug, Clone)]
pub struct Stream {
    random: Rng,
    chooser: Chooser,
    mix: Mix,
    values: Values,
    /// Each key once, and then no more.
    once: bool,
}

impl Stream {
    /// Stream number `stream` of `streams`.
    #[must_use]
    pub fn new(plan: &crate::plan::Plan, stream: u64, streams: u64) -> Self {
        Self {
            random: Rng::with_seed(mixed(plan.seed, stream)),
            chooser: Chooser::new(plan.distribution, plan.keys, stream, streams),
            mix: plan.mix.clone(),
            values: plan.values.clone(),
            once: plan.once && plan.distribution == Distribution::Sequential,
        }
    }
}

impl Iterator for Stream {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        let kind = self.mix.draw(&mut self.random);
        let key = match kind {
            _ if self.once => self.chooser.in_turn()?,
            Kind::Insert => self.chooser.fresh(),
            _ => self.chooser.existing(&mut self.random),
        };
        let size = match kind {
            Kind::Write | Kind::Insert | Kind::Modify => self.values.size(&mut self.random),
            Kind::Read | Kind::Delete => 0,
        };
        Some(Operation { kind, key, size })
    }
}

/// A seed for one of many, far from those of its neighbours (the finaliser of SplitMix64).
#[must_use]
pub(crate) fn mixed(seed: u64, number: u64) -> u64 {
    let mut bits = seed ^ number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    fn sequence(plan: &Plan, stream: u64) -> Vec<Operation> {
        Stream::new(plan, stream, 4).take(1000).collect()
    }

    #[test]
    fn the_same_seed_is_the_same_sequence_and_another_seed_or_stream_is_not() {
        for (mix, distribution) in [("ycsb-d", Distribution::YCSB_LATEST), ("mixed", Distribution::YCSB)] {
            let mut plan = Plan::for_tests("http://127.0.0.1:1");
            plan.mix = mix.parse().unwrap();
            plan.distribution = distribution;
            let one = sequence(&plan, 2);
            assert_eq!(one, sequence(&plan.clone(), 2), "{mix}");
            assert_ne!(one, sequence(&plan, 3), "{mix}");
            plan.seed += 1;
            assert_ne!(one, sequence(&plan, 2), "{mix}");
        }
    }

    #[test]
    fn a_stream_that_takes_each_key_once_ends() {
        let mut plan = Plan::for_tests("http://127.0.0.1:1");
        plan.distribution = Distribution::Sequential;
        plan.once = true;
        plan.keys = 10;
        let keys: Vec<u64> = Stream::new(&plan, 1, 4).map(|operation| operation.key).collect();
        assert_eq!(keys, [1, 5, 9]);
    }
}
