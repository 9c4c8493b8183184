//! Report 4: a store whose writes reach five replicas in two phases. Its workload is 150 operations; how it divides
//! them it does not say, so here they are a third each PUT, GET and DELETE of fifty keys, again and again because 150
//! operations are over in an instant.

use crate::chart::{Chart, Shape};
use crate::mix::{Kind, Mix};
use crate::plan::Until;

use super::lab::Lab;

/// A third of the workload.
const KEYS: u64 = 50;

pub(super) fn make(lab: &mut Lab) -> Result<(), String> {
    let clients = lab.clients(&[1, 2, 5, 10], &[1, 5]);
    let rounds = lab.pick(20, 2);
    for nodes in lab.nodes(&[5], &[5]) {
        for &clients in &clients {
            for round in 1..=rounds {
                let mut plan = lab.plan(nodes, "kv")?;
                plan.keys = KEYS;
                plan.clients = clients;
                for (name, kind) in [("PUT", Kind::Write), ("GET", Kind::Read), ("DELETE", Kind::Delete)] {
                    plan.mix = Mix::only(kind);
                    let mut plan = plan.clone().each_key_once();
                    plan.until = Until::Requests(KEYS.div_ceil(u64::from(clients)));
                    lab.measure(&[("operation", name.to_owned()), ("round", round.to_string())], &plan)?;
                }
            }
        }
    }
    lab.stop()?;
    for (name, y) in [("latency", "mean_us"), ("throughput", "throughput")] {
        let chart = Chart {
            title: format!("150 operations: {name}, median of {rounds} rounds"),
            shape: Shape::Bars,
            x: "operation".to_owned(),
            y: vec![y.to_owned()],
            series: vec!["clients".to_owned()],
            ..Chart::default()
        };
        lab.picture("", name, &chart)?;
    }
    Ok(())
}
