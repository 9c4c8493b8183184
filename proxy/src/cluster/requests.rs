//! What operators ask for, turned into the next view, or refused with a reason. Pure.

use std::collections::{BTreeMap, BTreeSet};

use hashring::ring::{MAX_MEMBERS, MAX_RING_POINTS};
use hashring::view::{Change, Kind, Loss, Lost, Newcomer, Outcome, Phase};
use hashring::{Member, NodeName, Plan, Ring, View};
use kvnode::problem;
use kvnode::protocol::Status;
use kvnode::rules::{Rule, holds};

use super::decide::{drop_open, never_begun};
use super::sight::Now;
use crate::control::{Accepted, Adjust, Adopt, Cancelled, Order, Refusal, RemoveServer, Reweight, Terms};

/// Why a change ended that an operator cancelled.
const CANCELLED: &str = "cancelled by an operator";

/// What the shell found out before it asks.
#[derive(Debug, Clone)]
pub enum Found {
    /// A node of our own would listen here.
    Port {
        /// Its URL.
        url: String,
        /// Names whose folders are there already: a new node begins in one that it makes itself.
        taken: BTreeSet<NodeName>,
    },
    /// What answered at the URL.
    Answer(Box<Status>),
    /// Whether the node in question answers, and the records, bytes and seconds since then of its last words.
    Node {
        /// It answers.
        up: bool,
        /// What it reported last.
        last: Option<(u64, u64, u64)>,
    },
}

/// The next view with the order queued, or that nothing needs to be done.
///
/// # Errors
/// [`Refusal`] where the order cannot be carried out.
pub fn submit(
    view: &View,
    order: &Order,
    terms: &Terms,
    found: &Found,
    now: Now,
) -> Result<(Option<View>, Accepted), Refusal> {
    if let Some(accepted) = repeated(view, order, terms)? {
        return Ok((None, accepted));
    }
    let mut next = view.successor();
    if let Order::RemoveServer(RemoveServer { name, force: true }) = order {
        give_up(&mut next, name);
    }
    let draft = match (order, found) {
        (Order::AddServer(add), Found::Answer(status)) => {
            let Some(adopt) = &add.adopt else { return Err(mistaken()) };
            match adopted(view, adopt, status)? {
                Ok(newcomer) => Draft::add(status.name.clone(), add.weight, newcomer),
                Err(accepted) => return Ok((None, accepted)),
            }
        }
        (Order::AddServer(add), Found::Port { url, taken }) => {
            let name = own_name(&mut next, taken)?;
            let newcomer = Newcomer { url: url.clone(), id: None, own: true, erase: false };
            Draft::add(name, add.weight, newcomer)
        }
        (Order::RemoveServer(remove), Found::Node { up, last }) => match removal(view, remove, *up, *last)? {
            Ok(draft) => draft,
            Err(accepted) => {
                let gave_up = next.open != view.open;
                return Ok((gave_up.then_some(next), accepted));
            }
        },
        (Order::Reweight(reweight), _) => match reweighting(view, reweight)? {
            Ok(draft) => draft,
            Err(accepted) => return Ok((None, accepted)),
        },
        _ => return Err(mistaken()),
    };
    keep_ring_small(view, &draft)?;
    let change = draft.change(&mut next, terms, now);
    let id = change.id;
    next.queue.push_back(change);
    Ok((Some(next), Accepted::Queued(id)))
}

/// Pauses, resumes or limits a change, or lets it end without the seal of a node that is stopped. `up`: whether that
/// node answers.
///
/// # Errors
/// [`Refusal`] where there is no such change, it has ended, or it waits for no seal of that node.
pub fn adjust(view: &View, id: u64, adjust: &Adjust, up: bool) -> Result<View, Refusal> {
    let mut next = view.successor();
    if let Some(name) = &adjust.force_seal {
        force_seal(&mut next, id, name, up)?;
    }
    let mut resumed = false;
    let change = match next.open.as_mut() {
        Some(open) if open.change.id == id => {
            resumed = adjust.paused == Some(false);
            Some(&mut open.change)
        }
        _ => next.queue.iter_mut().find(|change| change.id == id),
    };
    let Some(change) = change else { return Err(not_running(view, id)) };
    change.paused = adjust.paused.unwrap_or(change.paused);
    change.rate = adjust.rate.unwrap_or(change.rate);
    if resumed && let Some(open) = next.open.as_mut() {
        let stopped = open.stopped.take();
        open.mismatches = 0;
        // Tried again from the beginning: how the last attempt ended must not stop this one.
        if stopped.is_some() && open.phase == Phase::Moving {
            open.session = next.epoch;
        }
    }
    Ok(next)
}

/// Lets the new owners act although this old owner has not sealed. They have every write that it acknowledged; what
/// would be unsafe is that it still answers.
fn force_seal(next: &mut View, id: u64, name: &NodeName, up: bool) -> Result<(), Refusal> {
    let refuse = |kind, detail| Err(Refusal::new(kind, detail));
    let plan = next.open_plan().unwrap_or_default();
    let waits = next.queue.iter().any(|change| change.id == id);
    let open = next.open.as_mut().filter(|open| open.change.id == id);
    if open.is_none() && !waits {
        return Err(not_running(next, id));
    }
    let Some(open) = open.filter(|open| open.phase == Phase::Switched) else {
        let detail = format!(
            "change {id} has not switched, so no seal is waited for: DELETE /admin/changes/{id} cancels it, and nothing is lost"
        );
        return refuse(problem::Kind::NotSwitched, detail);
    };
    if !plan.moves.iter().any(|one| one.from == *name) {
        return refuse(problem::Kind::NoSealAwaited, format!("{name} gives nothing away in change {id}"));
    }
    if up {
        return refuse(
            problem::Kind::NotStopped,
            format!("{name} answers: it seals by itself; stop it first"),
        );
    }
    open.given_up.insert(name.clone());
    Ok(())
}

/// Who removes a dead node by force asserts that it is stopped: a change that has switched ends without it.
fn give_up(next: &mut View, name: &NodeName) {
    let plan = next.open_plan().unwrap_or_default();
    let Some(open) = next.open.as_mut().filter(|open| open.phase == Phase::Switched) else { return };
    if plan.moves.iter().any(|one| one.from == *name || one.to == *name) {
        open.given_up.insert(name.clone());
    }
    if plan.moves.iter().any(|one| one.to == *name) {
        next.lost.insert(name.clone(), Lost { since: next.epoch, back: false, kept: None });
    }
}

/// Drops a change before its switch, or queues its reverse first.
///
/// # Errors
/// [`Refusal`] where there is no such change, or it has ended.
pub fn cancel(view: &View, id: u64, now: Now) -> Result<(View, Cancelled), Refusal> {
    if let Some(open) = view.open.as_ref().filter(|open| open.change.id == id) {
        if open.phase != Phase::Switched || !holds(Rule::CancelReverses) {
            return Ok((drop_open(view, Outcome::Cancelled, CANCELLED.to_owned(), now), Cancelled::Dropped));
        }
        if let Some(reverse) = view.queue.iter().find(|change| change.reverses == Some(id)) {
            return Ok((view.clone(), Cancelled::Reverse(reverse.id)));
        }
        let mut next = view.successor();
        let kind = if open.change.kind == Kind::AddServer { Kind::RemoveServer } else { Kind::Reweight };
        let draft =
            Draft { kind, node: open.change.node.clone(), weight: open.before, newcomer: None, lost: None };
        let mut reverse = draft.change(&mut next, &Terms::default(), now);
        reverse.reverses = Some(id);
        let id = reverse.id;
        next.queue.push_front(reverse);
        return Ok((next, Cancelled::Reverse(id)));
    }
    let mut next = view.successor();
    let Some(at) = next.queue.iter().position(|change| change.id == id) else {
        return Err(not_running(view, id));
    };
    if let Some(change) = next.queue.remove(at) {
        next = never_begun(next, change, Outcome::Cancelled, CANCELLED, now);
    }
    Ok((next, Cancelled::Dropped))
}

/// A change without its number.
struct Draft {
    kind: Kind,
    node: NodeName,
    weight: u16,
    newcomer: Option<Newcomer>,
    /// A dead node goes by force, and this with it.
    lost: Option<Loss>,
}

impl Draft {
    fn add(node: NodeName, weight: u16, newcomer: Newcomer) -> Self {
        Self { kind: Kind::AddServer, node, weight, newcomer: Some(newcomer), lost: None }
    }

    fn change(self, next: &mut View, terms: &Terms, now: Now) -> Change {
        let id = next.next_change;
        next.next_change += 1;
        Change {
            id,
            kind: self.kind,
            node: self.node,
            weight: self.weight,
            requested_ms: now.wall_ms,
            idempotency: terms.idempotency.clone(),
            newcomer: self.newcomer,
            reverses: None,
            force: self.lost.is_some(),
            lost: self.lost,
            paused: terms.paused,
            rate: terms.rate,
        }
    }
}

fn unended(view: &View) -> impl Iterator<Item = &Change> {
    view.open.iter().map(|open| &open.change).chain(&view.queue)
}

/// The change that an `Idempotency-Key` names already.
fn repeated(view: &View, order: &Order, terms: &Terms) -> Result<Option<Accepted>, Refusal> {
    let Some(key) = &terms.idempotency else { return Ok(None) };
    let ended = view.finished.iter().map(|ended| &ended.change);
    let Some(change) = unended(view).chain(ended).find(|change| change.idempotency.as_ref() == Some(key))
    else {
        return Ok(None);
    };
    let same = match order {
        Order::AddServer(add) => {
            let joins = change.newcomer.as_ref().filter(|newcomer| !newcomer.own);
            let as_adopted = match (&add.adopt, joins) {
                (None, None) => true,
                (Some(adopt), Some(joins)) => {
                    let named = adopt.name.as_ref().is_none_or(|name| *name == change.node);
                    (&adopt.url, adopt.erase) == (&joins.url, joins.erase) && named
                }
                _ => false,
            };
            change.kind == Kind::AddServer && change.weight == add.weight && as_adopted
        }
        Order::RemoveServer(remove) => {
            change.kind == Kind::RemoveServer && (&change.node, change.force) == (&remove.name, remove.force)
        }
        Order::Reweight(reweight) => {
            change.kind == Kind::Reweight && change.node == reweight.name && change.weight == reweight.weight
        }
    };
    if same {
        return Ok(Some(Accepted::Same(change.id)));
    }
    let detail = format!("this Idempotency-Key was used for change {}, which is another order", change.id);
    Err(Refusal::new(problem::Kind::IdempotencyKeyReused, detail))
}

/// What a running node joins as; or that it is one of us, or on its way.
fn adopted(view: &View, adopt: &Adopt, status: &Status) -> Result<Result<Newcomer, Accepted>, Refusal> {
    let refuse = |kind, detail: String| Err(Refusal::new(kind, detail));
    let (name, url) = (&status.name, &adopt.url);
    if let Some(wanted) = adopt.name.as_ref().filter(|wanted| *wanted != name) {
        let detail =
            format!("the node at {url} was started as {name}, not {wanted}: a node keeps its own name");
        return refuse(problem::Kind::NameDiffers, detail);
    }
    let id_of = |change: &Change| change.newcomer.as_ref().and_then(|newcomer| newcomer.id);
    if let Some(change) = unended(view).find(|change| id_of(change) == Some(status.id)) {
        return Ok(Err(Accepted::Same(change.id)));
    }
    if let Some((member, node)) = view.node_by_id(status.id) {
        let weight = node.weight;
        return Ok(Err(Accepted::AlreadySo(format!(
            "this node is a member already, as {member} with weight {weight}; \
             PATCH /admin/nodes/{member} {{\"weight\":2}} gives it another"
        ))));
    }
    let promised = unended(view).any(|change| change.kind == Kind::AddServer && change.node == *name);
    if view.nodes.contains_key(name) || promised {
        let detail = format!("another node has the name {name}: start this one with a name of its own");
        return refuse(problem::Kind::NameInUse, detail);
    }
    if let Some(cluster) = status.cluster.filter(|cluster| *cluster != view.cluster) {
        let detail = format!("the node at {url} belongs to another cluster ({cluster})");
        return refuse(problem::Kind::OtherCluster, detail);
    }
    let was_removed = view.removed.iter().any(|removed| removed.id == Some(status.id));
    if (was_removed || status.cluster.is_some()) && !adopt.erase {
        let detail = format!(
            "{name} was removed from this cluster and its folder still holds {} records: \"erase\": true lets it join \
             again, empty",
            status.records
        );
        return refuse(problem::Kind::WasRemoved, detail);
    }
    if status.records > 0 && !(was_removed && adopt.erase) {
        let detail = format!(
            "the node at {url} holds {} records of its own: only an empty node can join; start it on a new folder",
            status.records
        );
        return refuse(problem::Kind::NotEmpty, detail);
    }
    if let Some((other, _)) = view.nodes.iter().find(|(_, node)| node.url == *url) {
        return refuse(problem::Kind::UrlInUse, format!("{url} is the address of {other}"));
    }
    Ok(Ok(Newcomer { url: url.clone(), id: Some(status.id), own: false, erase: adopt.erase }))
}

fn removal(
    view: &View,
    remove: &RemoveServer,
    up: bool,
    last: Option<(u64, u64, u64)>,
) -> Result<Result<Draft, Accepted>, Refusal> {
    let name = &remove.name;
    if remove.force && up {
        let detail = format!("{name} answers: remove it without force, so that its keys move");
        return Err(Refusal::new(problem::Kind::NotDead, detail));
    }
    let leaving = unended(view).find(|change| change.kind == Kind::RemoveServer && change.node == *name);
    if let Some(change) = leaving {
        let switched = view
            .open
            .as_ref()
            .is_some_and(|open| open.change.id == change.id && open.phase == Phase::Switched);
        if remove.force && !change.force && !switched {
            let id = change.id;
            let detail = format!(
                "change {id} removes {name} already, but not by force: DELETE /admin/changes/{id} cancels it, then ask again"
            );
            return Err(Refusal::new(problem::Kind::RemovedWithoutForce, detail));
        }
        return Ok(Err(Accepted::Same(change.id)));
    }
    let arriving = unended(view).any(|change| change.kind == Kind::AddServer && change.node == *name);
    if !view.nodes.contains_key(name) && !arriving {
        if view.removed.iter().any(|removed| removed.name == *name) {
            return Ok(Err(Accepted::AlreadySo(format!("{name} was removed before"))));
        }
        return Err(unknown_node(view, name));
    }
    // One that goes by force goes first, so what waits does not count; it is checked again when it begins.
    let weights = if remove.force { serving(view) } else { planned(view) };
    keep_one(&weights, name)?;
    let lost = remove.force.then(|| Loss {
        ranges: arcs_of(view, name),
        keys: last.map(|(records, ..)| records),
        bytes: last.map(|(_, bytes, _)| bytes),
        reported_seconds_ago: last.map(|(.., age)| age),
    });
    Ok(Ok(Draft { kind: Kind::RemoveServer, node: name.clone(), weight: 0, newcomer: None, lost }))
}

fn reweighting(view: &View, reweight: &Reweight) -> Result<Result<Draft, Accepted>, Refusal> {
    let (name, weight) = (&reweight.name, reweight.weight);
    match planned(view).get(name) {
        None => return Err(unknown_node(view, name)),
        Some(planned) if *planned == weight => {
            let under_way = unended(view).filter(|change| change.node == *name).last();
            let accepted = match under_way {
                Some(change) => Accepted::Same(change.id),
                None => Accepted::AlreadySo(format!("{name} has weight {weight}")),
            };
            return Ok(Err(accepted));
        }
        Some(_) => {}
    }
    if weight == 0 {
        keep_one(&planned(view), name)?;
    }
    Ok(Ok(Draft { kind: Kind::Reweight, node: name.clone(), weight, newcomer: None, lost: None }))
}

/// How many arcs of the ring a node owns once everything that waits is done.
fn arcs_of(view: &View, name: &NodeName) -> usize {
    let with = planned_members(view);
    let without: Vec<Member> = with.iter().filter(|member| member.name != *name).cloned().collect();
    let ring = |members: Vec<Member>| Ring::new(view.points, members);
    Plan::between(&ring(with), &ring(without)).moves.iter().map(|one| one.ranges.len()).sum()
}

/// The members of the ring once everything that waits is done.
pub(super) fn planned_members(view: &View) -> Vec<Member> {
    planned(view).into_iter().map(|(name, weight)| Member { name, weight }).collect()
}

/// The weights once everything that waits is done.
fn planned(view: &View) -> BTreeMap<NodeName, u16> {
    let mut weights = serving(view);
    for change in unended(view) {
        match change.kind {
            Kind::RemoveServer => {
                weights.remove(&change.node);
            }
            Kind::AddServer | Kind::Reweight => {
                weights.insert(change.node.clone(), change.weight);
            }
        }
    }
    weights
}

fn serving(view: &View) -> BTreeMap<NodeName, u16> {
    view.nodes.iter().map(|(name, node)| (name.clone(), node.weight)).collect()
}

fn keep_one(weights: &BTreeMap<NodeName, u16>, leaving: &NodeName) -> Result<(), Refusal> {
    if weights.iter().any(|(name, weight)| name != leaving && *weight > 0) {
        return Ok(());
    }
    let detail = format!("no other node would be left to hold the keys of {leaving}: add one first");
    Err(Refusal::new(problem::Kind::LastNode, detail))
}

/// A ring beyond the limits of `hashring` would own nothing.
fn keep_ring_small(view: &View, draft: &Draft) -> Result<(), Refusal> {
    let mut weights = planned(view);
    weights.insert(draft.node.clone(), draft.weight);
    let points: u64 = weights.values().map(|weight| u64::from(view.points) * u64::from(*weight)).sum();
    if points <= MAX_RING_POINTS && weights.len() <= MAX_MEMBERS {
        return Ok(());
    }
    let detail =
        format!("the ring would have {points} points, more than {MAX_RING_POINTS}: give nodes lower weights");
    Err(Refusal::new(problem::Kind::RingTooLarge, detail))
}

fn own_name(next: &mut View, taken: &BTreeSet<NodeName>) -> Result<NodeName, Refusal> {
    loop {
        let name: NodeName = format!("n{}", next.next_own).parse().map_err(|_| mistaken())?;
        next.next_own += 1;
        let promised = unended(next).any(|change| change.node == name);
        let removed = next.removed.iter().any(|removed| removed.name == name);
        if !(next.nodes.contains_key(&name) || promised || removed || taken.contains(&name)) {
            return Ok(name);
        }
    }
}

fn unknown_node(view: &View, name: &NodeName) -> Refusal {
    let names: Vec<&str> = view.nodes.keys().map(NodeName::as_str).collect();
    let detail = format!("there is no node {name}; the nodes are {}", names.join(", "));
    Refusal::new(problem::Kind::UnknownNode, detail)
}

fn not_running(view: &View, id: u64) -> Refusal {
    if view.finished.iter().any(|ended| ended.change.id == id) {
        return Refusal::new(problem::Kind::ChangeEnded, format!("change {id} has ended"));
    }
    Refusal::new(problem::Kind::UnknownChange, format!("there is no change {id}"))
}

/// The shell asked with something that does not belong to the order.
fn mistaken() -> Refusal {
    Refusal::new(problem::Kind::MalformedOrder, "the order lacks what it needs")
}
