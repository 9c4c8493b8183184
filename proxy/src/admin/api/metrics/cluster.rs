//! The ring, the nodes as they report, and the changes.

use std::fmt::Display;
use std::time::Duration;

use hashring::NodeName;
use kvnode::protocol::Vitals;

use super::text::{Kind, Text};
use crate::admin::Parts;
use crate::admin::api::{changes, ring};
use crate::admin::documents::{Change, ChangeState, Node};
use crate::control::{Control, NodeReport, NodeState, Progress};

pub(super) fn write<C: Control>(text: &mut Text, parts: &Parts<C>) {
    let progress = parts.control.progress();
    let ring = ring::document(&parts.bridge.current(), &progress);
    text.family("keyway_epoch", Kind::Gauge, "The number of the last decision.").value(&[], ring.epoch);
    members(text, &ring.nodes);
    reports(text, &progress);
    vitals(text, &progress);
    moves(text, &changes::all(&parts.control.view(), &progress).changes);
}

fn members(text: &mut Text, nodes: &[Node]) {
    let mut each = |name, help, of: fn(&Node) -> f64| {
        let mut family = text.family(name, Kind::Gauge, help);
        for node in nodes {
            family.value(&[("node", node.name.as_str())], of(node));
        }
    };
    each("keyway_node_up", "1 where the node answers and serves.", |node| {
        f64::from(u8::from(node.state == NodeState::Up))
    });
    each("keyway_node_weight", "The node's weight.", |node| f64::from(node.weight));
    each("keyway_node_ring_share", "The node's part of the ring, 0 to 1.", |node| node.share);
}

fn reports(text: &mut Text, progress: &Progress) {
    each(
        text,
        progress,
        "keyway_node_last_heard_seconds",
        Kind::Gauge,
        "How long ago the node answered.",
        |node| node.last_heard.map(|ago| ago.as_secs_f64()),
    );
    each(text, progress, "keyway_node_records", Kind::Gauge, "Records that the node stores.", |node| {
        node.records
    });
    each(
        text,
        progress,
        "keyway_node_stored_bytes",
        Kind::Gauge,
        "Bytes of their keys and values.",
        |node| node.bytes,
    );
}

fn vitals(text: &mut Text, progress: &Progress) {
    type Row = (&'static str, Kind, &'static str, fn(&Vitals) -> Option<f64>);
    let rows: [Row; 8] = [
        ("keyway_node_commits_total", Kind::Counter, "Batches of writes applied and synced.", |v| {
            Some(v.commits as f64)
        }),
        ("keyway_node_commit_seconds_total", Kind::Counter, "The time that these commits took.", |v| {
            Some(Duration::from_micros(v.commit_us).as_secs_f64())
        }),
        ("keyway_node_writes_total", Kind::Counter, "Clients' writes in these commits.", |v| {
            Some(v.writes as f64)
        }),
        ("keyway_node_queued_writes", Kind::Gauge, "Clients' writes that wait for the writer.", |v| {
            Some(v.queued as f64)
        }),
        ("keyway_node_cache_hits_total", Kind::Counter, "Reads answered from memory.", |v| {
            Some(v.cache_hits as f64)
        }),
        ("keyway_node_cache_misses_total", Kind::Counter, "Reads that went to the disk.", |v| {
            Some(v.cache_misses as f64)
        }),
        ("keyway_node_cache_bytes", Kind::Gauge, "Bytes in the read cache.", |v| Some(v.cache_bytes as f64)),
        ("keyway_node_disk_free_bytes", Kind::Gauge, "Free bytes of the node's disk.", |v| {
            v.free_bytes.map(|bytes| bytes as f64)
        }),
    ];
    for (name, kind, help, of) in rows {
        each(text, progress, name, kind, help, |node| node.vitals.as_ref().and_then(of));
    }
}

/// One value for each node that has it.
fn each<V: Display>(
    text: &mut Text,
    progress: &Progress,
    name: &str,
    kind: Kind,
    help: &str,
    of: impl Fn(&NodeReport) -> Option<V>,
) {
    let mut family = text.family(name, kind, help);
    let values = progress.nodes.iter().filter_map(|(name, node)| Some((name, of(node)?)));
    for (node, value) in values {
        family.value(&[("node", NodeName::as_str(node))], value);
    }
}

fn moves(text: &mut Text, changes: &[Change]) {
    let so = |state: ChangeState| changes.iter().filter(|change| change.state == state).count();
    let open = changes.iter().find(|change| change.phase.is_some());
    let ratio = open.map(|open| match open.keys.total {
        Some(total) if total > 0 => (open.keys.done as f64 / total as f64).min(1.0),
        _ => 0.0,
    });
    let hold = changes.iter().find_map(|change| change.longest_hold_us).map(Duration::from_micros);
    for (name, help, value) in [
        ("keyway_change_open", "1 while a change is being carried out.", f64::from(u8::from(open.is_some()))),
        (
            "keyway_change_blocked",
            "1 while the open change waits for something; the stats page says for what.",
            f64::from(u8::from(open.is_some_and(|open| open.blocked.is_some()))),
        ),
        ("keyway_change_paused", "1 while the open change is on hold.", {
            f64::from(u8::from(open.is_some_and(|open| open.state == ChangeState::Paused)))
        }),
        ("keyway_changes_queued", "Changes that wait for their turn.", so(ChangeState::Queued) as f64),
        ("keyway_change_keys_ratio", "Keys that the open change has copied, of all.", ratio.unwrap_or(0.0)),
        (
            "keyway_change_moved_bytes",
            "Bytes that the open change has copied.",
            open.map_or(0.0, |open| open.bytes.done as f64),
        ),
        (
            "keyway_change_longest_hold_seconds",
            "The longest time that the newest change which switched held a write.",
            hold.unwrap_or_default().as_secs_f64(),
        ),
    ] {
        text.family(name, Kind::Gauge, help).value(&[], value);
    }
}
