//! The coordinator's decisions: from the view and what was heard, the next view.
//!
//! Pure. A decision is made only here; it stands once the shell has swapped it into the store, and nobody is
//! told before. Each function looks for one kind of decision; the first that finds one wins, so that the order
//! below is the order of importance.

use std::collections::BTreeSet;
use std::time::Duration;

use hashring::view::REMEMBERED_CHANGES;
use hashring::view::{
    Change, Cleaning, FinishedChange, Kind, Lost, Node, OpenChange, Outcome, Phase, Receipt, Removed,
};
use hashring::{Id, NodeName, Plan, View};
use kvnode::protocol::{MoveState, Sequel, Side, Status};
use kvnode::rules::{Rule, holds};

use super::sight::{GONE, Now, Seen, Sight};

/// A new node must say hello within this time after its change began.
pub const ARRIVAL: Duration = Duration::from_secs(10);

/// A member that does not answer for this long is not asked for its epoch any more when an old view is to prevail.
const LONG_SILENCE: Duration = Duration::from_secs(10);

/// A session that failed is followed by the next one no sooner than this.
const SESSION_PAUSE: Duration = Duration::from_millis(500);

/// Two sessions that end in different counts stop the change: a person must look.
const MISMATCHES: u32 = 2;

/// The coordinator must not decide anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{node} has acted on epoch {theirs}{why}, but the view file here is at epoch {ours}: an old copy of the \
     file was restored. Nothing is decided until the newest view.json is put back; see docs/moving.md, \"An old view\""
)]
pub struct Halt {
    /// Who knows better.
    pub node: NodeName,
    /// Its epoch.
    pub theirs: u64,
    /// Our epoch.
    pub ours: u64,
    /// Empty, or how its view differs.
    pub why: &'static str,
}

/// The next view, if anything is to be decided. `plan` is the open change's plan, computed once per change.
///
/// # Errors
/// [`Halt`] where a node knows a later view than the coordinator.
pub fn decide(view: &View, plan: &Plan, sight: &mut Sight, now: Now) -> Result<Option<View>, Halt> {
    let since = sight.stage_since(view, now.steady);
    if !may_decide(view, sight, now)? {
        return Ok(None);
    }
    if let Some(next) = admit(view, plan, sight).or_else(|| notice(view, sight)) {
        return Ok(Some(next));
    }
    Ok(match &view.open {
        None => clean(view, sight).or_else(|| release(view)).or_else(|| begin(view, sight, now)),
        Some(open) => match open.phase {
            Phase::Arriving => arrive(view, open, sight, since, now),
            Phase::Moving => go_on(view, open, plan, sight, since, now),
            Phase::Switched => finish(view, open, plan, sight, now),
        },
    })
}

/// Whether decisions may be made: every member had its chance to say that it knows a later view.
///
/// # Errors
/// [`Halt`] where one does.
pub fn may_decide(view: &View, sight: &Sight, now: Now) -> Result<bool, Halt> {
    check_not_restored(view, sight)?;
    Ok(everyone_had_a_chance(view, sight, now.steady))
}

/// The view that goes on from the one here, whatever nodes have acted on: an operator says that it is the newest there
/// is. `None` while a member may still have to be heard.
///
/// Whatever was under way or waits ends: to carry on with it would wipe, erase or delete by an order of the past.
#[must_use]
pub fn prevail(view: &View, sight: &Sight, process: Id, now: Now) -> Option<View> {
    let silent_for_long =
        |seen: &Seen| seen.silent_since.is_some_and(|since| since + LONG_SILENCE <= now.steady);
    let spoken = |name| sight.node(name).is_some_and(|seen| seen.heard.is_some() || silent_for_long(seen));
    if !view.nodes.keys().all(spoken) {
        return None;
    }
    let statuses = view.nodes.keys().filter_map(|name| sight.node(name)?.status.as_ref());
    let highest = statuses.map(|status| status.epoch).max().unwrap_or(0);
    let mut next = view.prevailing(process, highest);
    // No change of the lost line has such a number.
    next.next_change = next.next_change.max(next.epoch);
    // A node that acted on another line remembers the boots of that line: it is admitted anew.
    for (name, node) in &mut next.nodes {
        let status = sight.node(name).and_then(|seen| seen.status.as_ref());
        if status.is_some_and(|status| !view.descends_from(status.epoch, status.decider)) {
            node.boot = None;
        }
    }
    let reason = "ended by --trust-view";
    if let Some(open) = next.open.take() {
        if open.change.kind == Kind::AddServer && open.phase != Phase::Switched {
            next.nodes.remove(&open.change.node);
        }
        remember(
            &mut next,
            ended(&open, Outcome::Failed, Some(reason.to_owned()), open.receipts.clone(), now),
        );
    }
    while let Some(change) = next.queue.pop_front() {
        next = fail(next, change, reason, now);
    }
    next.cleaning = None;
    next.lost.values_mut().for_each(|lost| lost.kept = None);
    Some(next)
}

fn check_not_restored(view: &View, sight: &Sight) -> Result<(), Halt> {
    for name in view.nodes.keys() {
        let Some(status) = sight.node(name).and_then(|seen| seen.status.as_ref()) else { continue };
        if status.cluster != Some(view.cluster) || status.name != *name {
            continue;
        }
        let other_history = status.history.is_some_and(|history| history != view.history);
        let why = if other_history {
            " of another history"
        } else if !holds(Rule::OneHistory) {
            continue;
        } else if status.epoch > view.epoch {
            ""
        } else if !view.descends_from(status.epoch, status.decider) {
            " of another line of decisions"
        } else {
            continue;
        };
        return Err(Halt { node: name.clone(), theirs: status.epoch, ours: view.epoch, why });
    }
    Ok(())
}

/// Before its first decision the coordinator hears every member, or finds it silent for a second: a member that
/// knows a later view must have had its chance to say so.
fn everyone_had_a_chance(view: &View, sight: &Sight, now: Duration) -> bool {
    view.nodes.keys().all(|name| {
        sight.node(name).is_some_and(|seen| {
            seen.heard.is_some() || seen.silent_since.is_some_and(|since| since + GONE <= now)
        })
    })
}

/// How many records a newcomer still holds that is to be erased first; `None` where none is in the way.
#[must_use]
pub fn to_erase(view: &View, name: &NodeName, status: &Status) -> Option<u64> {
    let open =
        view.open.as_ref().filter(|open| open.change.node == *name && open.phase == Phase::Arriving)?;
    let wanted = open.change.newcomer.as_ref().is_some_and(|newcomer| newcomer.erase);
    let admitted = view.nodes.get(name).is_some_and(|node| node.boot.is_some());
    (wanted && !admitted && status.records > 0).then_some(status.records)
}

/// Why a process that says hello under a member's name may not be admitted, in words; `None` where it may.
#[must_use]
pub fn refusal(view: &View, name: &NodeName, node: &Node, status: &Status) -> Option<String> {
    let at = &node.url;
    if status.name != *name {
        return Some(format!("the node at {at} calls itself {}, not {name}", status.name));
    }
    if let Some(cluster) = status.cluster.filter(|cluster| *cluster != view.cluster) {
        return Some(format!("the node at {at} belongs to another cluster ({cluster})"));
    }
    if node.id.is_some_and(|id| id != status.id) {
        return Some(format!(
            "{name} came back with another data folder: restore the folder with id {}, or remove the node by force \
             (its keys are lost then)",
            node.id.unwrap_or_default()
        ));
    }
    if node.id.is_none() && (status.cluster.is_some() || status.records > 0) {
        return Some(format!("the node at {at} is not empty: it holds {} records", status.records));
    }
    if node.boot.is_some_and(|boot| !status.known_boots.contains(&boot)) {
        return Some(format!(
            "the data folder of {name} was rolled back to an earlier state: put the newest copy back, or remove the \
             node by force (writes since that copy are lost then)"
        ));
    }
    None
}

/// Records the boots of members that said hello, before they may serve.
fn admit(view: &View, plan: &Plan, sight: &Sight) -> Option<View> {
    let mut next: Option<View> = None;
    for (name, node) in &view.nodes {
        let Some(status) = sight.node(name).and_then(|seen| seen.status.as_ref()) else { continue };
        let may_not =
            || refusal(view, name, node, status).is_some() || to_erase(view, name, status).is_some();
        // Its removal by force has begun: others serve its keys.
        let leaves = view.open.as_ref().is_some_and(|open| open.change.force && open.change.node == *name);
        if node.boot == Some(status.boot) || leaves || may_not() {
            continue;
        }
        let next = next.get_or_insert_with(|| view.successor());
        let epoch = next.epoch;
        next.lost.get_mut(name).into_iter().for_each(|lost| lost.back = true);
        // From now on it serves, so its keys can be moved, and must be.
        for change in next.queue.iter_mut().filter(|change| change.node == *name) {
            (change.force, change.lost) = (false, None);
        }
        if let Some(node) = next.nodes.get_mut(name) {
            (node.id, node.boot) = (Some(status.id), Some(status.boot));
            if node.grant == 0 || holds(Rule::GrantAtStart) {
                node.grant = epoch;
            }
        }
        // What the old process promised as an old owner is gone with it.
        let was_source = plan.moves.iter().any(|one| one.from == *name);
        if let Some(open) = next
            .open
            .as_mut()
            .filter(|open| open.phase == Phase::Moving && was_source && holds(Rule::BootEndsSession))
        {
            open.session = epoch;
        }
    }
    next
}

/// Opens the first change that waits, once all is cleaned: what was moved away must not lie where it may come back
/// to. Only dead nodes that are to be removed by force are not waited for.
fn begin(view: &View, sight: &Sight, now: Now) -> Option<View> {
    let gone = |change: &Change| change.force && !sight.is_up(view, &change.node, now.steady);
    let place = first(view, gone).filter(|place| *place < view.queue.len())?;
    let mut next = view.successor();
    let mut change = next.queue.remove(place)?;
    next.cleaning = None;
    // It came back while this waited: its keys can be moved after all.
    if !gone(&change) {
        (change.force, change.lost) = (false, None);
    }
    let epoch = next.epoch;
    let before = view.nodes.get(&change.node).map(|node| node.weight);
    let (before, phase) = match (change.kind, before, &change.newcomer) {
        (Kind::AddServer, None, Some(newcomer)) => {
            let node = Node {
                id: newcomer.id,
                boot: None,
                grant: 0,
                url: newcomer.url.clone(),
                weight: 0,
                own: newcomer.own,
            };
            next.nodes.insert(change.node.clone(), node);
            next.removed.retain(|removed| removed.name != change.node && removed.id != newcomer.id);
            (0, Phase::Arriving)
        }
        (Kind::AddServer, Some(_), _) => {
            return Some(fail(next, change, "a node of this name exists already", now));
        }
        (Kind::AddServer, None, None) => {
            return Some(fail(next, change, "the change names no new node", now));
        }
        (_, None, _) => return Some(fail(next, change, "there is no such node any more", now)),
        (_, Some(before), _) => (before, Phase::Moving),
    };
    let others_serve = view.nodes.iter().any(|(name, node)| *name != change.node && node.weight > 0);
    if change.weight == 0 && !others_serve {
        return Some(fail(next, change, "no other node would be left to hold the keys", now));
    }
    next.open = Some(OpenChange {
        change,
        before,
        started_ms: now.wall_ms,
        phase,
        session: epoch,
        mismatches: 0,
        stopped: None,
        receipts: Vec::new(),
        given_up: BTreeSet::new(),
    });
    Some(next)
}

/// Takes note of nodes that are back although they were given up. Late words of a dead one do not count: it has not
/// acted on the decision that gave it up.
fn notice(view: &View, sight: &Sight) -> Option<View> {
    let is_back = |name: &NodeName, lost: &Lost| {
        !lost.back && sight.member(view, name).is_some_and(|status| status.epoch >= lost.since)
    };
    let back: Vec<&NodeName> =
        view.lost.iter().filter(|(name, lost)| is_back(name, lost)).map(|(name, _)| name).collect();
    if back.is_empty() {
        return None;
    }
    let mut next = view.successor();
    for name in back {
        next.lost.get_mut(name).into_iter().for_each(|lost| lost.back = true);
    }
    Some(next)
}

/// Lets old owners delete what they kept for a node that is back: if that dies later, it must not be taken for what
/// the node had then.
fn release(view: &View) -> Option<View> {
    if view.cleaning.is_some() {
        return None;
    }
    let (name, lost) = view.lost.iter().find(|(_, lost)| lost.back)?;
    let mut next = view.successor();
    next.lost.remove(name);
    if let Some(kept) = &lost.kept {
        let nodes: BTreeSet<NodeName> =
            kept.nodes.iter().filter(|name| view.nodes.contains_key(*name)).cloned().collect();
        // Whoever has cleaned up after the change itself has not done this.
        let change = next.next_change;
        next.next_change += 1;
        next.cleaning = (!nodes.is_empty()).then(|| Cleaning { change, nodes, ..kept.clone() });
    }
    Some(next)
}

/// The place in the queue of the change that may begin. Those of dead nodes come before all others, which would wait
/// for them.
fn first(view: &View, gone: impl Fn(&Change) -> bool) -> Option<usize> {
    let cleaning = view.cleaning.iter().filter(|_| holds(Rule::CleanBeforeNext));
    let left: Vec<&NodeName> = cleaning.flat_map(|cleaning| &cleaning.nodes).collect();
    let places = || view.queue.iter().enumerate();
    let dead: Vec<(usize, &NodeName)> =
        places().filter(|(_, one)| gone(one)).map(|(at, one)| (at, &one.node)).collect();
    let Some((foremost, _)) = dead.first() else { return left.is_empty().then_some(0) };
    // One for which only itself would have to delete something; or any, where all who would are dead.
    let alone = dead.iter().find(|(_, node)| left.iter().all(|name| name == node)).map(|(at, _)| *at);
    let all_dead = left.iter().all(|name| dead.iter().any(|(_, node)| node == name));
    alone.or(all_dead.then_some(*foremost))
}

fn fail(next: View, change: Change, reason: &str, now: Now) -> View {
    never_begun(next, change, Outcome::Failed, reason, now)
}

/// Ends a change that was not opened.
pub(super) fn never_begun(mut next: View, change: Change, outcome: Outcome, reason: &str, now: Now) -> View {
    let ended = FinishedChange {
        change,
        outcome,
        reason: Some(reason.to_owned()),
        started_ms: now.wall_ms,
        finished_ms: now.wall_ms,
        receipts: Vec::new(),
        given_up: BTreeSet::new(),
    };
    remember(&mut next, ended);
    next
}

/// The new node has said hello, or has had its time.
fn arrive(view: &View, open: &OpenChange, sight: &Sight, since: Duration, now: Now) -> Option<View> {
    let name = &open.change.node;
    let node = view.nodes.get(name)?;
    if sight.member(view, name).is_some_and(|status| status.serving && status.cluster == Some(view.cluster)) {
        let mut next = view.successor();
        let epoch = next.epoch;
        if let Some(open) = next.open.as_mut() {
            (open.phase, open.session) = (Phase::Moving, epoch);
        }
        return Some(next);
    }
    let seen = sight.node(name);
    let erasing = seen.and_then(|seen| to_erase(view, name, seen.status.as_ref()?)).is_some()
        && seen.is_some_and(|seen| seen.silent_since.is_none());
    if since + ARRIVAL > now.steady || erasing {
        return None;
    }
    let refused = seen
        .and_then(|seen| seen.status.as_ref())
        .and_then(|status| refusal(view, name, node, status).or_else(|| status.refusal.clone()));
    let silent = seen.and_then(|seen| seen.error.clone());
    let reason = refused.or(silent).unwrap_or_else(|| "it did not say hello".to_owned());
    Some(drop_open(view, Outcome::Failed, format!("{name} did not join within 10 s: {reason}"), now))
}

/// The copy goes on, begins anew, or is done and the new ring may serve.
fn go_on(
    view: &View,
    open: &OpenChange,
    plan: &Plan,
    sight: &Sight,
    since: Duration,
    now: Now,
) -> Option<View> {
    if open.change.force && open.change.weight == 0 {
        return Some(switch(view, open, plan, sight));
    }
    let session = open.session;
    let sources = || plan.moves.iter().map(|one| sight.source(view, session, &one.from, &one.to));
    let caught_up = |state: Option<&MoveState>| matches!(state, Some(MoveState::CaughtUp { .. }));
    let up = |name: &NodeName| sight.is_up(view, name, now.steady);
    let everyone_up = plan.moves.iter().all(|one| up(&one.from) && up(&one.to));

    let voids = sources().filter_map(|state| match state {
        Some(MoveState::Void { reason, sequel }) => Some((reason, *sequel)),
        _ => None,
    });
    if let Some((reason, sequel)) = voids.max_by_key(|(_, sequel)| *sequel) {
        let stopping = match sequel {
            Sequel::Again => None,
            Sequel::Doubt => (open.mismatches + 1 >= MISMATCHES)
                .then(|| format!("twice the two sides counted differently: {reason}")),
            Sequel::Person => Some(reason.clone()),
        };
        let stopping = stopping.filter(|_| open.stopped.is_none());
        let held = open.stopped.is_some() || !everyone_up || since + SESSION_PAUSE > now.steady;
        if stopping.is_none() && held {
            return None;
        }
        let mut next = restart(view);
        if let Some(open) = next.open.as_mut() {
            open.mismatches += u32::from(sequel == Sequel::Doubt);
            open.stopped = stopping;
        }
        return Some(next);
    }
    // An old owner that is caught up waits for its new owner as long as this session stands: end it for all. Others
    // end theirs alone, and who died begins anew when it is back; so a node that stays away costs no decisions.
    let hangs = |one: &hashring::Move| {
        let part = sight.part(view, session, Side::Source, &one.from, &one.to);
        let waits = part.is_some_and(|part| part.trouble.is_some()) && sight.is_stuck(&one.from, now.steady);
        part.is_some_and(|part| caught_up(Some(&part.state))) && (waits || !up(&one.to))
    };
    if plan.moves.iter().any(hangs) {
        return Some(restart(view));
    }
    if open.change.paused || open.stopped.is_some() || !everyone_up || !sources().all(caught_up) {
        return None;
    }
    let as_promised = plan.moves.iter().all(|one| {
        matches!(sight.source(view, session, &one.from, &one.to),
            Some(MoveState::CaughtUp { source, target, boot, target_id })
                if source == target
                    && (!holds(Rule::CaughtUpIsBound)
                        || view.nodes.get(&one.from).is_some_and(|node| node.boot == Some(*boot))
                            && view.nodes.get(&one.to).is_some_and(|node| node.id == Some(*target_id))))
    });
    as_promised.then(|| switch(view, open, plan, sight))
}

/// The same change in a new session: whatever the last one copied and promised is void.
fn restart(view: &View) -> View {
    let mut next = view.successor();
    let epoch = next.epoch;
    if let Some(open) = next.open.as_mut() {
        open.session = epoch;
    }
    next
}

/// The next ring serves.
fn switch(view: &View, open: &OpenChange, plan: &Plan, sight: &Sight) -> View {
    let mut next = view.successor();
    let epoch = next.epoch;
    if let Some(node) = next.nodes.get_mut(&open.change.node) {
        node.weight = open.change.weight;
    }
    for gaining in plan.moves.iter().map(|one| &one.to).collect::<BTreeSet<_>>() {
        if let Some(node) = next.nodes.get_mut(gaining)
            && holds(Rule::GrantAtSwitch)
        {
            node.grant = epoch;
        }
    }
    let receipts =
        plan.moves.iter().filter_map(|one| match sight.source(view, open.session, &one.from, &one.to) {
            Some(&MoveState::CaughtUp { source, target, .. }) => {
                Some(Receipt { from: one.from.clone(), to: one.to.clone(), source, target, hold_us: None })
            }
            _ => None,
        });
    let receipts = receipts.collect();
    if let Some(open) = next.open.as_mut() {
        (open.phase, open.receipts) = (Phase::Switched, receipts);
    }
    next
}

/// Every new owner acts: the change is done.
fn finish(view: &View, open: &OpenChange, plan: &Plan, sight: &Sight, now: Now) -> Option<View> {
    let session = open.session;
    let acts = |one: &hashring::Move| {
        let target = sight.part(view, session, Side::Target, &one.to, &one.from);
        let source = sight.source(view, session, &one.from, &one.to);
        let sealed = matches!(source, Some(MoveState::Sealed { .. })) || open.given_up.contains(&one.from);
        // An old owner that answers tells how long it held writes; one that is gone need not be waited for.
        target.is_some_and(|target| target.state == MoveState::Acting)
            && (sealed || !sight.is_up(view, &one.from, now.steady))
    };
    // A new owner that was given up may come back, and acts then: the old one must have heard of the switch.
    let serves_no_more = |one: &hashring::Move| {
        let source = sight.source(view, session, &one.from, &one.to);
        open.given_up.contains(&one.from)
            || matches!(source, Some(MoveState::Sealing | MoveState::Sealed { .. }))
    };
    let need_not_act =
        |one: &hashring::Move| open.change.force || open.given_up.contains(&one.to) && serves_no_more(one);
    if !plan.moves.iter().all(|one| need_not_act(one) || acts(one)) {
        return None;
    }
    let mut receipts = open.receipts.clone();
    for receipt in &mut receipts {
        if let Some(MoveState::Sealed { hold_us }) = sight.source(view, session, &receipt.from, &receipt.to) {
            receipt.hold_us = Some(*hold_us);
        }
    }
    let mut next = view.successor();
    next.open = None;
    let taken_back = next.queue.front().is_some_and(|reverse| reverse.reverses == Some(open.change.id));
    // Where a new owner was given up, the node that leaves has the only copy of what went there: it stays, without keys
    // of its own, until somebody removes it once more.
    let spares = plan.moves.iter().any(|one| !open.change.force && open.given_up.contains(&one.to));
    let leaves = open.change.kind == Kind::RemoveServer && !taken_back && !spares;
    if leaves && let Some(node) = next.nodes.remove(&open.change.node) {
        // One that handed its keys over was back.
        if open.change.force {
            next.lost.remove(&open.change.node);
        }
        next.lost.get_mut(&open.change.node).into_iter().for_each(|lost| lost.back = true);
        next.removed.push(Removed { name: open.change.node.clone(), id: node.id, change: open.change.id });
    }
    // A removed node keeps its disk as it was.
    let losing = plan.moves.iter().map(|one| &one.from).filter(|name| next.nodes.contains_key(*name));
    let losing: BTreeSet<NodeName> = losing.cloned().collect();
    if let Some((before, after)) = view.open_members().filter(|_| !losing.is_empty()) {
        let spared = if holds(Rule::OldOwnersKeep) { open.given_up.clone() } else { BTreeSet::new() };
        for (name, lost) in next.lost.iter_mut().filter(|(name, _)| open.given_up.contains(*name)) {
            let kept = plan.moves.iter().filter(|one| one.to == *name).map(|one| one.from.clone());
            let nodes = kept.filter(|from| losing.contains(from)).collect();
            let others = plan.moves.iter().map(|one| one.to.clone()).filter(|to| to != name).collect();
            let (change, before, after) = (open.change.id, before.clone(), after.clone());
            lost.kept = Some(Cleaning { change, before, after, nodes, spared: others });
        }
        next.cleaning = Some(Cleaning { change: open.change.id, before, after, nodes: losing, spared });
    }
    remember(&mut next, ended(open, Outcome::Done, None, receipts, now));
    Some(next)
}

/// Takes note of old owners that have deleted what they gave away.
fn clean(view: &View, sight: &Sight) -> Option<View> {
    let cleaning = view.cleaning.as_ref()?;
    let done = |name: &NodeName| {
        !view.nodes.contains_key(name)
            || sight.member(view, name).is_some_and(|status| status.cleaned == Some(cleaning.change))
    };
    if !cleaning.nodes.iter().any(done) {
        return None;
    }
    let mut next = view.successor();
    let left: BTreeSet<NodeName> = cleaning.nodes.iter().filter(|name| !done(name)).cloned().collect();
    next.cleaning = (!left.is_empty()).then(|| Cleaning { nodes: left, ..cleaning.clone() });
    Some(next)
}

/// Drops the open change before its switch: the old ring stays.
pub(super) fn drop_open(view: &View, outcome: Outcome, reason: String, now: Now) -> View {
    let mut next = view.successor();
    let Some(open) = next.open.take() else { return next };
    if open.change.kind == Kind::AddServer {
        next.nodes.remove(&open.change.node);
    }
    // New owners that stay members delete what they have received.
    if open.phase == Phase::Moving
        && let (Some(plan), Some((before, after))) = (view.open_plan(), view.open_members())
    {
        let received = plan.moves.into_iter().map(|one| one.to).filter(|name| next.nodes.contains_key(name));
        let nodes: BTreeSet<NodeName> = received.collect();
        if !nodes.is_empty() {
            let lost = view.lost.iter().filter(|(_, lost)| !lost.back && holds(Rule::LostIsSpared));
            let spared = lost.map(|(name, _)| name.clone()).collect();
            let change = open.change.id;
            next.cleaning = Some(Cleaning { change, before: after, after: before, nodes, spared });
        }
    }
    remember(&mut next, ended(&open, outcome, Some(reason), Vec::new(), now));
    next
}

fn ended(
    open: &OpenChange,
    outcome: Outcome,
    reason: Option<String>,
    receipts: Vec<Receipt>,
    now: Now,
) -> FinishedChange {
    FinishedChange {
        change: open.change.clone(),
        outcome,
        reason,
        started_ms: open.started_ms,
        finished_ms: now.wall_ms,
        receipts,
        given_up: open.given_up.clone(),
    }
}

fn remember(next: &mut View, ended: FinishedChange) {
    next.finished.push_back(ended);
    while next.finished.len() > REMEMBERED_CHANGES {
        next.finished.pop_front();
    }
}

#[cfg(test)]
mod tests;
