//! Report 0: clients with a ring of their own. Every key is put, got and deleted once, by a number of threads that
//! make a number of requests each; latency against throughput on one, two and three servers.

use crate::chart::{Chart, Shape};
use crate::mix::{Kind, Mix};
use crate::plan::Until;

use super::lab::Lab;

pub(super) fn make(lab: &mut Lab) -> Result<(), String> {
    let requests: &[u64] = lab.pick(&[100, 1000], &[10, 20]);
    let clients = lab.clients(&[1, 2, 4, 8, 16, 32, 64, 128], &[1, 4]);
    for nodes in lab.nodes(&[1, 2, 3], &[1, 2]) {
        for (&clients, &requests) in
            clients.iter().flat_map(|clients| requests.iter().map(move |requests| (clients, requests)))
        {
            let mut plan = lab.plan(nodes, "kv")?;
            plan.clients = clients;
            plan.keys = u64::from(clients) * requests;
            for (name, kind) in [("PUT", Kind::Write), ("GET", Kind::Read), ("DELETE", Kind::Delete)] {
                plan.mix = Mix::only(kind);
                let mut plan = plan.clone().each_key_once();
                plan.until = Until::Requests(requests);
                lab.measure(&[("operation", name.to_owned())], &plan)?;
            }
        }
    }
    lab.stop()?;
    let most = requests[requests.len() - 1].to_string();
    for operation in ["PUT", "GET", "DELETE"] {
        let chart = Chart {
            title: format!("{operation}: latency against throughput with more and more clients"),
            shape: Shape::Curve,
            x: "throughput".to_owned(),
            y: vec!["median_us".to_owned()],
            series: vec!["nodes".to_owned()],
            only: vec![
                ("operation".to_owned(), operation.to_owned()),
                ("requests_per_client".to_owned(), most.clone()),
            ],
            ..Chart::default()
        };
        lab.picture("", &operation.to_lowercase(), &chart)?;
    }
    Ok(())
}
