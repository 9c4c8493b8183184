//! `keyway add-server` and `keyway remove-server`.

use std::time::Duration;

use clap::Args;
use http::{Method, StatusCode};
use serde_json::{Map, Value};

use super::output::{Output, Table, size};
use super::{Asking, DONE, Outcome, duration, follow, rate};
use crate::admin::documents::{AlreadySo, Change};
use crate::control::PlanReport;

/// Flags of `keyway add-server`.
#[derive(Debug, Args)]
pub(super) struct AddServer {
    /// A node that runs already; without it the proxy starts one
    node: Option<String>,
    /// The name that the node must have
    #[arg(long, requires = "node")]
    name: Option<String>,
    /// Its share of the keys relative to the others; 0 = none yet
    #[arg(long)]
    weight: Option<u16>,
    /// Erase what a removed node of this cluster still holds, so that it can come back
    #[arg(long, requires = "node")]
    erase: bool,
    #[command(flatten)]
    manner: Manner,
}

/// Flags of `keyway remove-server`.
#[derive(Debug, Args)]
pub(super) struct RemoveServer {
    /// The node
    name: String,
    /// Remove a dead node although its keys exist nowhere else: they are lost
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    manner: Manner,
}

/// How an order is to be treated.
#[derive(Debug, Args)]
struct Manner {
    /// Wait for its end, which is what happens anyway; with a time (--wait=5m), at most so long
    #[arg(long, value_name = "TIME", value_parser = duration)]
    #[arg(num_args = 0..=1, require_equals = true)]
    wait: Option<Option<Duration>>,
    /// Do not wait for its end
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// Only show what would move
    #[arg(long, conflicts_with_all = ["wait", "no_wait"])]
    dry_run: bool,
    /// Copy at most so much a second, such as 10MiB; "none" = as fast as it goes
    #[arg(long, value_name = "SIZE")]
    rate: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

/// `keyway add-server`
pub(super) async fn add_server(order: AddServer) -> Outcome {
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    put("url", order.node.map(Value::from));
    put("name", order.name.map(Value::from));
    put("weight", order.weight.map(Value::from));
    put("erase", order.erase.then_some(true.into()));
    send("/add-server", body, &order.manner).await
}

/// `keyway remove-server`
pub(super) async fn remove_server(order: RemoveServer) -> Outcome {
    let mut body = Map::new();
    body.insert("name".to_owned(), order.name.into());
    if order.force {
        body.insert("force".to_owned(), true.into());
    }
    send("/remove-server", body, &order.manner).await
}

async fn send(path: &str, mut body: Map<String, Value>, manner: &Manner) -> Outcome {
    if let Some(rate) = &manner.rate {
        body.insert("rate".to_owned(), self::rate(rate));
    }
    let client = manner.asking.client()?;
    let target = if manner.dry_run { format!("{path}?dry_run=true") } else { path.to_owned() };
    let reply = client.ask(Method::POST, &target, Some(&Value::Object(body))).await?;
    if reply.status == StatusCode::ACCEPTED && !manner.no_wait {
        let id = reply.read::<Change>()?.id;
        let followed = follow::follow(&client, id, manner.wait.flatten(), manner.asking.json).await;
        return followed.map_err(|failed| follow::lost_sight(id, &failed));
    }
    let text = if manner.asking.json {
        reply.text.trim_end().to_owned()
    } else if manner.dry_run {
        plan(&reply.read()?)
    } else if let Ok(already) = reply.read::<AlreadySo>() {
        format!("nothing to do: {}", already.detail)
    } else {
        follow::accepted(&reply.read()?)
    };
    Output::show(&text)?;
    Ok(DONE)
}

fn plan(plan: &PlanReport) -> String {
    let count = |keys: Option<u64>, bytes: Option<u64>| match (keys, bytes) {
        (Some(keys), Some(bytes)) => (format!("about {keys}"), format!("about {}", size(bytes))),
        _ => ("unknown".to_owned(), "unknown".to_owned()),
    };
    let percent = |share: f64| format!("{:.3} %", share * 100.0);
    let mut moves = Table::new(&["FROM", "TO", "RANGES", "SHARE", "KEYS", "BYTES"]);
    for one in &plan.moves {
        let (keys, bytes) = count(one.keys, one.bytes);
        let (from, to) = (one.from.to_string(), one.to.to_string());
        moves.row(vec![from, to, one.ranges.to_string(), percent(one.share), keys, bytes]);
    }
    let mut shares = Table::new(&["NODE", "BEFORE", "AFTER"]);
    for share in &plan.shares {
        shares.row(vec![share.name.to_string(), percent(share.before), percent(share.after)]);
    }
    let (keys, bytes) = count(plan.keys, plan.bytes);
    let sum = format!("{} of the ring in {} ranges, {keys} keys, {bytes}", percent(plan.share), plan.ranges);
    let what = plan.lost.as_ref().map_or_else(
        || format!("Would move {sum}:"),
        |lost| format!("Would NOT move, but give up, {}. Who serves its ranges then:", follow::loss(lost)),
    );
    format!("{what}\n\n{}\n\n{}", moves.text(), shares.text())
}
