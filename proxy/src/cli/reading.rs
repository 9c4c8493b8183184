//! `keyway status`, `keyway locate` and `keyway verify`.

use std::time::Duration;

use clap::Args;
use http::{Method, StatusCode};

use super::output::{Output, Table, or_unknown, size};
use super::{Asking, DONE, Outcome, WRONG, changes, follow};
use crate::admin::documents::{Change, Changes, Place, Stats, Verification, word};
use crate::control::NodeState;

/// The nodes read all that they store.
const READING: Duration = Duration::from_secs(3600);

/// Flags of `keyway locate`.
#[derive(Debug, Args)]
pub(super) struct Locate {
    /// The key, as it is (not percent-encoded)
    key: String,
    /// As if this node were on the ring too
    #[arg(long, value_name = "NAME", conflicts_with = "without")]
    with: Option<String>,
    /// As if this node were not on the ring
    #[arg(long, value_name = "NAME")]
    without: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

/// `keyway status`: well when every node is up.
pub(super) async fn status(asking: &Asking) -> Outcome {
    let reply = asking.client()?.ask(Method::GET, "/admin/stats.json", None).await?;
    let stats: Stats = reply.read()?;
    let text = if asking.json { reply.text.trim_end().to_owned() } else { overview(&stats) };
    Output::show(&text)?;
    Ok(if stats.ring.nodes.iter().all(|node| node.state == NodeState::Up) { DONE } else { WRONG })
}

fn overview(stats: &Stats) -> String {
    let ring = &stats.ring;
    let mut table = Table::new(&["NAME", "STATE", "WEIGHT", "SHARE", "KEYS", "BYTES", "URL", "REMARKS"]);
    for node in &ring.nodes {
        let report = stats.report(&node.name);
        table.row(vec![
            node.name.to_string(),
            word(&node.state),
            node.weight.to_string(),
            format!("{:.2} %", node.share * 100.0),
            or_unknown(report.and_then(|report| report.records).map(|records| records.to_string())),
            or_unknown(report.and_then(|report| report.bytes).map(size)),
            node.url.clone(),
            node.trouble.clone().unwrap_or_default(),
        ]);
    }
    let head = format!("cluster {}, epoch {}, ring {}", ring.cluster, ring.epoch, ring.digest);
    let is_open = |change: &&Change| change.finished_at.is_none();
    let open: Vec<Change> = stats.changes.iter().filter(is_open).cloned().collect();
    let mut text = format!("{head}\n\n{}", table.text());
    if let [one] = open.as_slice() {
        text += &format!("\n\nchange {}: {}", one.id, follow::line(one));
    } else if !open.is_empty() {
        text += &format!("\n\n{}", changes::list(&Changes { changes: open }));
    }
    text
}

/// `keyway locate`
pub(super) async fn locate(order: Locate) -> Outcome {
    let mut target = format!("/admin/locate?key={}", encoded(&order.key));
    for (name, node) in [("with", &order.with), ("without", &order.without)] {
        if let Some(node) = node {
            target += &format!("&{name}={}", encoded(node));
        }
    }
    let reply = order.asking.client()?.ask(Method::GET, &target, None).await?;
    let place: Place = reply.read()?;
    let url = place.url.map_or(String::new(), |url| format!(" at {url}"));
    let text = format!("{}{url} (position {}, epoch {})", place.owner, place.position, place.epoch);
    Output::show(if order.asking.json { reply.text.trim_end() } else { &text })?;
    Ok(DONE)
}

/// `keyway verify`: well when every key is where it belongs.
pub(super) async fn verify(asking: &Asking) -> Outcome {
    let reply = asking.client()?.send(Method::POST, "/admin/verify", None, READING).await?;
    if !reply.status.is_success() && reply.status != StatusCode::CONFLICT {
        return Err(reply.refusal());
    }
    let found: Verification = reply.read()?;
    Output::show(&if asking.json { reply.text.trim_end().to_owned() } else { judgement(&found) })?;
    Ok(if found.ok { DONE } else { WRONG })
}

fn judgement(found: &Verification) -> String {
    let mut table = Table::new(&["NODE", "OWNED", "BYTES", "CLEANING", "ARRIVING", "FOREIGN", "DAMAGED"]);
    for node in &found.nodes {
        table.row(vec![
            node.name.to_string(),
            node.owned.records.to_string(),
            size(node.owned.bytes),
            node.cleaning.records.to_string(),
            node.arriving.records.to_string(),
            node.foreign.records.to_string(),
            node.damaged.to_string(),
        ]);
    }
    let judgement = if found.ok {
        format!("all {} keys ({}) are on their owners and nowhere else", found.keys, size(found.bytes))
    } else {
        format!("NOT well:\n  {}", found.problems.join("\n  "))
    };
    format!("{}\n\n{judgement}", table.text())
}

/// Percent-encodes everything that could mean something in a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_arrives_as_it_was_typed() {
        for key in ["a b", "a+b", "a&b=c", "100%", "ключ", "a#b?c/d"] {
            let query = format!("key={}", encoded(key));
            assert_eq!(&*hashring::query::key(Some(&query)).unwrap(), key.as_bytes(), "{query}");
        }
    }
}
