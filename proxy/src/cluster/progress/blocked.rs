//! What a change waits for, in plain words, and the way out.

use hashring::view::{Kind, OpenChange, Outcome, Phase};
use hashring::{NodeName, Plan, View};
use kvnode::protocol::{MoveState, Side};

use crate::cluster::decide::{refusal, to_erase};
use crate::cluster::sight::{Now, Sight};

/// What the open change waits for; `None` while it goes on by itself.
pub(super) fn open(view: &View, open: &OpenChange, plan: &Plan, sight: &Sight, now: Now) -> Option<String> {
    if open.phase == Phase::Arriving {
        return Some(arriving(view, open, sight));
    }
    if let Some(silent) = silent(view, open, plan, sight, now) {
        let absence = absence(view, sight, silent, now);
        return Some(missing(open, plan, silent, &absence));
    }
    let id = open.change.id;
    if let Some(stopped) = &open.stopped {
        return Some(format!(
            "stopped: {stopped}; PATCH /admin/changes/{id} {{\"paused\":false}} tries again, DELETE cancels it"
        ));
    }
    if open.change.paused && open.phase == Phase::Moving {
        return Some(format!(
            "paused by an operator; PATCH /admin/changes/{id} {{\"paused\":false}} resumes it"
        ));
    }
    plan.moves.iter().find_map(|one| {
        let part = sight.part(view, open.session, Side::Source, &one.from, &one.to)?;
        match &part.state {
            MoveState::Void { reason, .. } => Some(format!("begins anew: {reason}")),
            _ => {
                let trouble = part.trouble.as_ref()?;
                let out = if open.phase == Phase::Moving {
                    format!("; DELETE /admin/changes/{id} cancels it")
                } else {
                    String::new()
                };
                Some(format!("{trouble}{out}"))
            }
        }
    })
}

/// What the change at this place of the queue waits for.
pub(super) fn in_queue(view: &View, at: usize) -> String {
    let ahead = view.open.as_ref().map(|open| open.change.id);
    match (ahead, &view.cleaning) {
        (Some(id), _) if at == 0 => format!("waits for change {id}"),
        (Some(id), _) => format!("waits for change {id} and {at} more"),
        (None, Some(cleaning)) => {
            let names: Vec<&str> = cleaning.nodes.iter().map(NodeName::as_str).collect();
            let ended = view.finished.iter().find(|ended| ended.change.id == cleaning.change);
            let what = match ended.map(|ended| ended.outcome) {
                Some(Outcome::Done) => format!("what change {} moved away", cleaning.change),
                Some(_) => format!("what change {} had brought", cleaning.change),
                None => "what was kept for a node that is back".to_owned(),
            };
            format!("waits until {} deleted {what}", names.join(", "))
        }
        (None, None) => "about to begin".to_owned(),
    }
}

fn arriving(view: &View, open: &OpenChange, sight: &Sight) -> String {
    let name = &open.change.node;
    let seen = sight.node(name);
    if let Some(records) = seen.and_then(|seen| to_erase(view, name, seen.status.as_ref()?)) {
        return format!("{name} erases what it held as a member before: {records} records are left");
    }
    match seen.and_then(|seen| seen.error.as_ref()) {
        None => format!("waits for {name} to start"),
        Some(trouble) => format!(
            "{name} does not answer yet: {trouble}; DELETE /admin/changes/{} cancels it",
            open.change.id
        ),
    }
}

/// A node that is needed and does not answer.
fn silent<'a>(
    view: &View,
    open: &OpenChange,
    plan: &'a Plan,
    sight: &Sight,
    now: Now,
) -> Option<&'a NodeName> {
    let needed = plan.moves.iter().flat_map(|one| [&one.from, &one.to]);
    needed
        .into_iter()
        .filter(|name| !open.given_up.contains(*name))
        .find(|name| !sight.is_up(view, name, now.steady))
}

/// Why a node has no part in what goes on: nobody answers at its address, or somebody who is not let in.
fn absence(view: &View, sight: &Sight, name: &NodeName, now: Now) -> String {
    let seen = sight.node(name);
    let answers = seen.filter(|seen| seen.silent_since.is_none()).and_then(|seen| seen.status.as_ref());
    let refused =
        view.nodes.get(name).zip(answers).and_then(|(node, status)| refusal(view, name, node, status));
    refused.unwrap_or_else(|| {
        let age = |heard| format!(" for {} s", now.steady.saturating_sub(heard).as_secs());
        let age = seen.and_then(|seen| seen.heard).map_or_else(String::new, age);
        format!("{name} unreachable{age}")
    })
}

fn missing(open: &OpenChange, plan: &Plan, name: &NodeName, absence: &str) -> String {
    let touched = plan.moves.iter().filter(|one| one.from == *name || one.to == *name);
    let ranges: usize = touched.map(|one| one.ranges.len()).sum();
    let id = open.change.id;
    if open.phase != Phase::Switched {
        let stays = format!(
            "{absence}; its {ranges} ranges stay where they are; nothing is lost; \
             DELETE /admin/changes/{id} cancels it"
        );
        if open.change.kind == Kind::RemoveServer && open.change.node == *name {
            return format!(
                "{stays}; if its disk is lost, POST /remove-server {{\"name\":\"{name}\",\"force\":true}} after that \
                 removes it with its keys"
            );
        }
        return stays;
    }
    let waits = format!(
        "{absence}; its {ranges} ranges wait for it; nothing is lost; it goes on when {name} is back"
    );
    if plan.moves.iter().any(|one| one.from == *name) {
        return format!(
            "{waits}; if {name} is stopped and stays so, PATCH /admin/changes/{id} {{\"force_seal\":\"{name}\"}} \
             goes on without it: the new owners have every write that it acknowledged"
        );
    }
    let kept = if open.change.node == *name {
        "the old owners serve again what they had at the switch".to_owned()
    } else {
        format!("what went to it stays on the disk of {} only, which no request reaches", open.change.node)
    };
    format!(
        "{waits}; if its disk is lost, POST /remove-server {{\"name\":\"{name}\",\"force\":true}} gives it up, and {kept}"
    )
}
