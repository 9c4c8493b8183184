//! `keyway changes`

use clap::Args;
use http::Method;
use serde_json::{Map, Value, json};

use super::client::{Client, Reply};
use super::output::{Output, Table, or_unknown, size};
use super::{Asking, DONE, Failed, Outcome, follow};
use crate::admin::documents::{self, Change, word};

/// Flags of `keyway changes`.
#[derive(Debug, Args)]
pub(super) struct Changes {
    /// Only this change, with its moves
    id: Option<u64>,
    /// Hold it
    #[arg(long, requires = "id", conflicts_with_all = ["resume", "cancel"])]
    pause: bool,
    /// Let it go on
    #[arg(long, requires = "id", conflicts_with = "cancel")]
    resume: bool,
    /// Copy at most so much a second, such as 10MiB; "none" = as fast as it goes
    #[arg(long, requires = "id", conflicts_with = "cancel", value_name = "SIZE")]
    rate: Option<String>,
    /// This node is stopped and will not come back soon: the new owners of its ranges need not wait for its seal
    #[arg(long, requires = "id", conflicts_with = "cancel", value_name = "NODE")]
    force_seal: Option<String>,
    /// Drop it; once the new ring serves, take it back with another change
    #[arg(long, requires = "id")]
    cancel: bool,
    #[command(flatten)]
    asking: Asking,
}

/// `keyway changes`
pub(super) async fn run(order: Changes) -> Outcome {
    let client = order.asking.client()?;
    let Some(id) = order.id else {
        let reply = client.ask(Method::GET, "/admin/changes", None).await?;
        let text = if order.asking.json { reply.text.trim_end().to_owned() } else { list(&reply.read()?) };
        Output::show(&text)?;
        return Ok(DONE);
    };
    let reply = one(&client, id, &order).await?;
    let text = if order.asking.json { reply.text.trim_end().to_owned() } else { show(&reply.read()?) };
    Output::show(&text)?;
    Ok(DONE)
}

async fn one(client: &Client, id: u64, order: &Changes) -> Result<Reply, Failed> {
    let target = format!("/admin/changes/{id}");
    if order.cancel {
        return client.ask(Method::DELETE, &target, None).await;
    }
    let mut body = Map::new();
    if order.pause || order.resume {
        body.insert("paused".to_owned(), order.pause.into());
    }
    if let Some(rate) = &order.rate {
        body.insert("rate".to_owned(), if rate == "none" { Value::Null } else { json!(rate) });
    }
    if let Some(node) = &order.force_seal {
        body.insert("force_seal".to_owned(), node.as_str().into());
    }
    if body.is_empty() {
        return client.ask(Method::GET, &target, None).await;
    }
    client.ask(Method::PATCH, &target, Some(&Value::Object(body))).await
}

/// Every change in a table.
pub(super) fn list(changes: &documents::Changes) -> String {
    let mut table =
        Table::new(&["ID", "WHAT", "NODE", "STATE", "KEYS", "BYTES", "HOLD", "ASKED FOR", "REMARKS"]);
    for change in &changes.changes {
        let keys = match change.keys.total {
            Some(total) => format!("{} of {total}", change.keys.done),
            None => change.keys.done.to_string(),
        };
        let remarks = change.blocked.as_ref().or(change.reason.as_ref());
        table.row(vec![
            change.id.to_string(),
            word(&change.kind),
            change.node.to_string(),
            word(&change.state),
            keys,
            size(change.bytes.done),
            or_unknown(change.longest_hold_us.map(|us| format!("{us} us"))),
            change.requested_at.clone(),
            remarks.cloned().unwrap_or_default(),
        ]);
    }
    if table.is_empty() { "There were no changes yet.".to_owned() } else { table.text() }
}

fn show(change: &Change) -> String {
    let mut moves = Table::new(&["FROM", "TO", "STATE", "KEYS", "BYTES", "REMARKS"]);
    for one in &change.moves {
        moves.row(vec![
            one.from.to_string(),
            one.to.to_string(),
            one.state.clone(),
            one.keys.done.to_string(),
            size(one.bytes.done),
            one.trouble.clone().unwrap_or_default(),
        ]);
    }
    let first = format!("change {}: {}", change.id, follow::line(change));
    if moves.is_empty() { first } else { format!("{first}\n\n{}", moves.text()) }
}
