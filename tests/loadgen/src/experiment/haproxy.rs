//! Report 2: a load balancer that hashes the key, tested with Locust. Users come one after the other, each puts, gets
//! and deletes in the JSON form with a short pause between; throughput against latency, second by second.

use std::time::Duration;

use crate::chart::{Chart, Shape, Steps};
use crate::plan::{Load, Until};

use super::lab::Lab;

pub(super) fn make(lab: &mut Lab) -> Result<(), String> {
    let users = lab.clients(&[400], &[20]).into_iter().max().unwrap_or(1);
    let (ramp, after) =
        lab.pick((Duration::from_secs(40), Duration::from_secs(5)), (Duration::from_secs(2), Duration::ZERO));
    for nodes in lab.nodes(&[1, 2, 3], &[1, 2]) {
        let mut plan = lab.plan(nodes, "json")?;
        plan.keys = lab.pick(10_000, 100);
        plan.mix = "mixed".parse()?;
        lab.preload(&plan)?;
        plan.clients = users;
        plan.load = Load::Closed { think: Duration::from_millis(5)..=Duration::from_millis(15) };
        plan.ramp = ramp;
        plan.until = Until::Elapsed(ramp + after);
        let finished = lab.measure(&[("users", users.to_string())], &plan)?;
        lab.seconds(&finished)?;
    }
    lab.stop()?;
    let chart = |title: &str, shape, x: &str, y: &str| Chart {
        title: title.to_owned(),
        shape,
        x: x.to_owned(),
        y: vec![y.to_owned()],
        series: vec!["nodes".to_owned()],
        ..Chart::default()
    };
    let median =
        chart("Median latency against throughput while users come", Shape::Points, "throughput", "median_us");
    lab.picture("-seconds", "median", &median)?;
    let p99 =
        chart("99th percentile against throughput while users come", Shape::Points, "throughput", "p99_us");
    lab.picture("-seconds", "p99", &p99)?;
    let throughput = Chart {
        y_steps: Steps::Linear,
        ..chart("Throughput by users", Shape::Lines, "clients", "throughput")
    };
    lab.picture("-seconds", "throughput", &throughput)?;
    let time = chart("Median latency while users come", Shape::Lines, "second", "median_us");
    lab.picture("-seconds", "time", &time)
}
