//! Report 3: GTStore. Mean, median and 90th percentile of the latency by nodes and by clients. Its requests walked the
//! ring, so they took longer with each node; here each takes one hop, and what is seen besides is a hundred processes
//! on one machine.

use std::time::Duration;

use crate::chart::{Chart, Shape, Steps};
use crate::plan::Until;

use super::lab::Lab;

pub(super) fn make(lab: &mut Lab) -> Result<(), String> {
    let clients = lab.clients(&[10, 20, 50, 100], &[2, 6]);
    let time = lab.pick(Duration::from_secs(2), Duration::from_millis(200));
    for nodes in lab.nodes(&[10, 20, 30, 40, 50, 60, 70, 80, 90, 100], &[2, 4]) {
        let mut plan = lab.plan(nodes, "kv")?;
        plan.keys = lab.pick(10_000, 100);
        plan.mix = "read=50,write=50".parse()?;
        lab.preload(&plan)?;
        plan.until = Until::Elapsed(time);
        for &clients in &clients {
            plan.clients = clients;
            lab.measure(&[("load", format!("{clients} clients"))], &plan)?;
        }
    }
    lab.stop()?;
    for (name, y) in [("mean", "mean_us"), ("median", "median_us"), ("p90", "p90_us")] {
        for (by, series) in [("nodes", "clients"), ("clients", "nodes")] {
            let chart = Chart {
                title: format!("Latency by {by}"),
                shape: Shape::Lines,
                x: by.to_owned(),
                y: vec![y.to_owned()],
                series: vec![series.to_owned()],
                x_steps: Steps::Linear,
                ..Chart::default()
            };
            // Nodes that nobody knows have no place along the bottom.
            if by == "clients" || lab.knows_nodes() {
                lab.picture("", &format!("{name}-by-{by}"), &chart)?;
            }
        }
    }
    Ok(())
}
