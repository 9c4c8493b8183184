//! Report 1: a distributor in front of nodes. By the number of clients, by the requests that each makes, on one to
//! thirty nodes, read-mostly and write-mostly.

use crate::chart::{Chart, Shape};
use crate::plan::Until;

use super::lab::Lab;

const MIXES: [&str; 2] = ["read-mostly", "write-mostly"];

pub(super) fn make(lab: &mut Lab) -> Result<(), String> {
    let clients = lab.clients(&[1, 2, 5, 10, 20, 50, 100], &[1, 4]);
    let requests: &[u64] = lab.pick(&[10, 50, 100, 500, 1000], &[5, 20]);
    let (usual_clients, usual_requests) = lab.pick((10, 500), (2, 20));
    // The shortest runs are over in milliseconds; pictures show the median.
    let rounds = lab.pick(3, 1);
    for nodes in lab.nodes(&[1, 3, 5, 7, 15, 30], &[1, 3]) {
        let mut plan = lab.plan(nodes, "kv")?;
        plan.keys = lab.pick(10_000, 100);
        lab.preload(&plan)?;
        for mix in MIXES {
            plan.mix = mix.parse()?;
            for round in 1..=rounds {
                plan.until = Until::Requests(usual_requests);
                for &clients in &clients {
                    plan.clients = clients;
                    lab.measure(&said("clients", round), &plan)?;
                }
                plan.clients = usual_clients;
                for &requests in requests {
                    plan.until = Until::Requests(requests);
                    lab.measure(&said("requests", round), &plan)?;
                }
            }
        }
    }
    lab.stop()?;
    for mix in MIXES {
        for (varied, x) in [("clients", "clients"), ("requests", "requests_per_client")] {
            for (name, y) in [("Latency", "mean_us"), ("Throughput", "throughput")] {
                let chart = Chart {
                    title: format!("{name} by {varied}, {mix}"),
                    shape: Shape::Lines,
                    x: x.to_owned(),
                    y: vec![y.to_owned()],
                    series: vec!["nodes".to_owned()],
                    only: vec![("mix".to_owned(), mix.to_owned()), ("varied".to_owned(), varied.to_owned())],
                    ..Chart::default()
                };
                lab.picture("", &format!("{mix}-{}-by-{varied}", name.to_lowercase()), &chart)?;
            }
        }
    }
    let most = clients.iter().max().copied().unwrap_or(1).to_string();
    for (name, y) in [("Latency", "mean_us"), ("Throughput", "throughput")] {
        let chart = Chart {
            title: format!("{name} by nodes, with {most} clients"),
            shape: Shape::Bars,
            x: "nodes".to_owned(),
            y: vec![y.to_owned()],
            series: vec!["mix".to_owned()],
            only: vec![("varied".to_owned(), "clients".to_owned()), ("clients".to_owned(), most.clone())],
            ..Chart::default()
        };
        lab.picture("", &format!("{}-by-nodes", name.to_lowercase()), &chart)?;
    }
    Ok(())
}

/// What was varied in a run, and how often it was made before.
fn said(varied: &str, round: u32) -> [(&'static str, String); 2] {
    [("varied", varied.to_owned()), ("round", round.to_string())]
}
