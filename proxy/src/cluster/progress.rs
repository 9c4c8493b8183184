//! What is going on, in numbers and in words: from the view and from what was heard. Pure.

mod blocked;

use std::collections::BTreeMap;
use std::time::Duration;

use hashring::view::{OpenChange, Phase};
use hashring::{Move, NodeName, Plan, View};
use kvnode::protocol::{MoveState, MoveStatus, Side};

use super::decide::refusal;
use super::sight::{Now, Sight};
use crate::control::{ChangeProgress, Count, MoveProgress, NodeReport, NodeState, Progress};
use crate::local::{ChildState, ChildStatus};

/// Everything that is going on.
#[must_use]
pub fn progress(
    view: &View,
    plan: &Plan,
    sight: &Sight,
    children: &BTreeMap<NodeName, ChildStatus>,
    halted: Option<&str>,
    now: Now,
) -> Progress {
    let nodes = view
        .nodes
        .keys()
        .map(|name| (name.clone(), node(view, sight, children, (name, halted), now)))
        .collect();
    let mut changes = BTreeMap::new();
    if let Some(open) = &view.open {
        let mut progress = change(view, open, plan, sight, now);
        progress.blocked = halted.map(str::to_owned).or_else(|| blocked::open(view, open, plan, sight, now));
        changes.insert(open.change.id, progress);
    }
    for (at, waiting) in view.queue.iter().enumerate() {
        let blocked = Some(blocked::in_queue(view, at));
        changes.insert(waiting.id, ChangeProgress { blocked, ..ChangeProgress::default() });
    }
    Progress { nodes, changes }
}

fn node(
    view: &View,
    sight: &Sight,
    children: &BTreeMap<NodeName, ChildStatus>,
    (name, halted): (&NodeName, Option<&str>),
    now: Now,
) -> NodeReport {
    let seen = sight.node(name);
    let status = seen.and_then(|seen| seen.status.as_ref());
    let child = children.get(name);
    let looping = child.is_some_and(|child| child.state == ChildState::CrashLooping);
    let member = view.nodes.get(name);
    // What people see is down with the first question that stays unanswered.
    let heard = seen.is_some_and(|seen| seen.silent_since.is_none());
    let up = sight.is_up(view, name, now.steady) && heard && !sight.is_down(name, now.steady);
    let state = match () {
        () if up => NodeState::Up,
        () if looping => NodeState::CrashLooping,
        () if member.is_some_and(|node| node.boot.is_none()) => NodeState::Joining,
        () => NodeState::Down,
    };
    let refused = member.zip(status).and_then(|(node, status)| refusal(view, name, node, status));
    // Where the view itself is in doubt, what it says of a node is no advice.
    let trouble = halted
        .map(str::to_owned)
        .or(refused)
        .or_else(|| seen.and_then(|seen| seen.error.clone()))
        .or_else(|| child.filter(|_| looping).and_then(|child| child.last_end.clone()))
        .or_else(|| status.and_then(|status| status.refusal.clone()));
    let own = seen.and_then(|seen| seen.own_words(member.and_then(|node| node.id))).map(|(status, _)| status);
    NodeReport {
        state,
        trouble: trouble.filter(|_| !up),
        last_heard: seen.and_then(|seen| seen.heard).map(|heard| now.steady.saturating_sub(heard)),
        records: own.map(|status| status.records),
        bytes: own.map(|status| status.bytes),
        vitals: own.and_then(|status| status.vitals.clone()),
    }
}

fn change(view: &View, open: &OpenChange, plan: &Plan, sight: &Sight, now: Now) -> ChangeProgress {
    let moves: Vec<MoveProgress> = plan.moves.iter().map(|one| one_move(view, open, one, sight)).collect();
    let sum = |part: fn(&MoveProgress) -> Count| Count {
        done: moves.iter().map(|one| part(one).done).sum(),
        total: moves.iter().map(|one| part(one).total).sum(),
    };
    let (keys, bytes) = (sum(|one| one.keys), sum(|one| one.bytes));
    let elapsed = sight.stage_age(now.steady).unwrap_or_default();
    let held = open.change.paused || open.stopped.is_some();
    let running = open.phase == Phase::Moving && !held && !elapsed.is_zero() && bytes.done > 0;
    let rate = running.then(|| per_second(bytes.done, elapsed));
    let left = bytes.total.map(|total| total.saturating_sub(bytes.done));
    let holds =
        plan.moves.iter().filter_map(|one| match sight.source(view, open.session, &one.from, &one.to) {
            Some(MoveState::Sealed { hold_us }) => Some(*hold_us),
            _ => None,
        });
    ChangeProgress {
        keys,
        bytes,
        bytes_per_second: rate,
        eta_seconds: rate.zip(left).map(|(rate, left)| left / rate.max(1)),
        longest_hold_us: holds.max(),
        blocked: None,
        moves,
    }
}

fn one_move(view: &View, open: &OpenChange, one: &Move, sight: &Sight) -> MoveProgress {
    let source = sight.part(view, open.session, Side::Source, &one.from, &one.to);
    let target = sight.part(view, open.session, Side::Target, &one.to, &one.from);
    let acting = target.filter(|target| target.state == MoveState::Acting);
    let (records, bytes) = estimate(view, open, one, sight);
    let done = |part: fn(&MoveStatus) -> u64| source.or(target).map_or(0, part);
    MoveProgress {
        from: one.from.clone(),
        to: one.to.clone(),
        state: acting.or(source).map_or("waiting", |part| word(&part.state)).to_owned(),
        ranges: Some(one.ranges.len()),
        keys: Count { done: done(|part| part.records), total: records },
        bytes: Count { done: done(|part| part.bytes), total: bytes },
        trouble: source.and_then(|part| part.trouble.clone()),
    }
}

/// How much will move: a node's keys lie evenly on its part of the ring.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate"
)]
fn estimate(view: &View, open: &OpenChange, one: &Move, sight: &Sight) -> (Option<u64>, Option<u64>) {
    let whole: u128 = view.nodes.get(&one.from).map_or(0, |_| owned(view, open, &one.from));
    let moved: u128 = one.ranges.size();
    let part = moved as f64 / (whole as f64).max(1.0);
    let of = |count: u64| (count as f64 * part.min(1.0)).round() as u64;
    let status = sight.member(view, &one.from);
    (status.map(|status| of(status.records)), status.map(|status| of(status.bytes)))
}

/// How many positions a node owned before the change: its share is proportional to its weight on average.
fn owned(view: &View, open: &OpenChange, name: &NodeName) -> u128 {
    let weight = |name: &NodeName| match view.nodes.get(name) {
        Some(_) if *name == open.change.node => u128::from(open.before),
        Some(node) => u128::from(node.weight),
        None => 0,
    };
    let all: u128 = view.nodes.keys().map(weight).sum();
    (weight(name) << 64) / all.max(1)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a speed"
)]
fn per_second(count: u64, elapsed: Duration) -> u64 {
    (count as f64 / elapsed.as_secs_f64()) as u64
}

fn word(state: &MoveState) -> &'static str {
    match state {
        MoveState::Opening => "opening",
        MoveState::Copying => "copying",
        MoveState::Checking => "checking",
        MoveState::CaughtUp { .. } => "caught-up",
        MoveState::Sealing => "sealing",
        MoveState::Sealed { .. } => "sealed",
        MoveState::Acting => "acting",
        MoveState::Void { .. } => "void",
    }
}
