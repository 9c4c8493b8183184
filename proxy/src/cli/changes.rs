//! `keyway changes`

use clap::Args;
use http::Method;
use serde_json::{Map, Value};

use super::client::Client;
use super::output::{Output, Table, or_unknown, size};
use super::receipt::receipt;
use super::remarks::remarks;
use super::reply::Reply;
use super::{Asking, DONE, Failed, Outcome, follow, rate};
use crate::admin::documents::{self, Change, word};

/// Flags of `keyway changes`.
#[derive(Debug, Args)]
pub(super) struct Changes {
    /// Only the change with this number: its moves, and what both sides counted
    #[arg(value_parser = number)]
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
        body.insert("rate".to_owned(), self::rate(rate));
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
        table.row(vec![
            change.id.to_string(),
            word(&change.kind),
            change.node.to_string(),
            word(&change.state),
            keys,
            size(change.bytes.done),
            or_unknown(change.longest_hold_us.map(|us| format!("{us} us"))),
            change.requested_at.clone(),
            remarks(change).unwrap_or_default(),
        ]);
    }
    if table.is_empty() { "There were no changes yet.".to_owned() } else { table.text() }
}

fn show(change: &Change) -> String {
    let mut moves = Table::new(&["FROM", "TO", "STATE", "KEYS", "BYTES", "REMARKS"]);
    // Those of a change that has ended are what its receipt says.
    for one in change.moves.iter().filter(|_| change.finished_at.is_none()) {
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
    let moves = (!moves.is_empty()).then(|| moves.text());
    let parts: Vec<String> = [Some(first), moves, receipt(&change.receipt)].into_iter().flatten().collect();
    parts.join("\n\n")
}

/// The number of a change.
fn number(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "a change is named by its number; `keyway changes` lists them")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::sample::change;

    #[test]
    fn a_change_shows_its_moves_until_it_has_ended_and_then_its_receipt() {
        let count = json!({"done": 5, "total": 5});
        let moves = json!([{"from": "n2", "to": "n1", "state": "sealing", "ranges": 3, "keys": count, "bytes": count,
                            "trouble": null}]);
        let side = json!({"records": 5, "bytes": 5, "digest": "000000000000000000000000000000ab"});
        let receipt = json!([{"from": "n2", "to": "n1", "source": side, "target": side, "hold_us": 3}]);
        let open = show(&change(json!({"state": "running", "moves": moves})));
        assert!(open.contains("sealing") && !open.contains("DIGEST"), "{open}");
        let switched = show(&change(json!({"state": "running", "moves": moves, "receipt": receipt})));
        assert!(switched.contains("sealing") && switched.contains("DIGEST"), "{switched}");
        let at = "2026-11-21T16:55:04.000Z";
        let ended = show(&change(json!({"finished_at": at, "moves": moves, "receipt": receipt})));
        assert!(!ended.contains("STATE") && ended.contains("000000ab  3 us"), "{ended}");
    }

    #[test]
    fn the_list_says_what_was_given_up_by_force() {
        let lost = json!({"ranges": 9, "keys": 735, "bytes": 9318, "reported_seconds_ago": 4});
        let changes = vec![change(json!({"force": true, "lost": lost}))];
        let (list, one) = (list(&documents::Changes { changes: changes.clone() }), show(&changes[0]));
        for text in [list, one] {
            assert!(text.contains("by force: 735 keys (9.1 KiB) given up"), "{text}");
        }
    }
}
