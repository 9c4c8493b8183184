//! `GET /admin/changes`, and `GET`, `PATCH` and `DELETE` of one of them.

use std::time::{Duration, UNIX_EPOCH};

use hashring::View;
use hashring::view::{self, FinishedChange, OpenChange, Outcome, Receipt};
use http::StatusCode;
use kvnode::problem::{Kind, Problem};

use crate::admin::answer::{self, Answer, Fault};
use crate::admin::documents::{Change, ChangeState, Changes};
use crate::admin::fields::Fields;
use crate::admin::query::Query;
use crate::admin::{Call, Parts};
use crate::control::{Adjust, Cancelled, ChangeProgress, Control, Count, MoveProgress, Progress};

/// `GET /admin/changes`.
pub(super) fn list<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    answer::json(StatusCode::OK, &all(&parts.control.view(), &parts.control.progress()))
}

/// `GET /admin/changes/ID`.
pub(super) fn show<C: Control>(parts: &Parts<C>, call: &Call, id: &str) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    answer::json(StatusCode::OK, &find(parts, number(id)?)?)
}

/// `PATCH /admin/changes/ID`.
pub(super) async fn adjust<C: Control>(parts: &Parts<C>, call: &Call, id: &str) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    let id = number(id)?;
    let mut fields = Fields::of(&call.headers, &call.body)?;
    let asked = ["paused", "rate", "force_seal"].iter().any(|name| fields.has(name));
    let adjust = Adjust {
        paused: fields.boolean("paused"),
        rate: super::orders::rate(&mut fields),
        force_seal: fields.parsed("force_seal", str::parse),
    };
    if !asked {
        fields.wrong(
            "paused",
            "neither this nor `rate` nor `force_seal` is there, so there is nothing to change",
        );
    }
    fields.finish()?;
    parts.control.adjust(id, adjust).await?;
    answer::json(StatusCode::OK, &find(parts, id)?)
}

/// `DELETE /admin/changes/ID`.
pub(super) async fn cancel<C: Control>(parts: &Parts<C>, call: &Call, id: &str) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    let id = number(id)?;
    Fields::of(&call.headers, &call.body)?.finish()?;
    match parts.control.cancel(id).await? {
        Cancelled::Dropped => answer::json(StatusCode::OK, &find(parts, id)?),
        Cancelled::Reverse(reverse) => {
            let document = find(parts, reverse)?;
            Ok(answer::at_change(answer::json(StatusCode::ACCEPTED, &document)?, reverse))
        }
    }
}

/// The document of one change.
pub(super) fn find<C: Control>(parts: &Parts<C>, id: u64) -> Result<Change, Fault> {
    let all = all(&parts.control.view(), &parts.control.progress());
    all.changes.into_iter().find(|change| change.id == id).ok_or_else(|| unknown(&id.to_string()))
}

/// Every change that is remembered.
pub(super) fn all(view: &View, progress: &Progress) -> Changes {
    let open = view.open.iter().map(|open| of_open(open, progress.changes.get(&open.change.id)));
    let queued = view.queue.iter().map(|change| {
        let state = if change.paused { ChangeState::Paused } else { ChangeState::Queued };
        with_progress(of(change, state), progress.changes.get(&change.id))
    });
    let finished = view.finished.iter().rev().map(of_finished);
    Changes { changes: open.chain(queued).chain(finished).collect() }
}

fn of(change: &view::Change, state: ChangeState) -> Change {
    Change {
        id: change.id,
        kind: change.kind,
        node: change.node.clone(),
        weight: change.weight,
        state,
        phase: None,
        reason: None,
        blocked: None,
        requested_at: time(change.requested_ms),
        started_at: None,
        finished_at: None,
        reverses: change.reverses,
        force: change.force,
        lost: change.lost.clone(),
        keys: Count::default(),
        bytes: Count::default(),
        rate: change.rate,
        bytes_per_second: None,
        eta_seconds: None,
        longest_hold_us: None,
        moves: Vec::new(),
        receipt: Vec::new(),
    }
}

fn of_open(open: &OpenChange, progress: Option<&ChangeProgress>) -> Change {
    let held = open.change.paused || open.stopped.is_some();
    let document = Change {
        phase: Some(open.phase),
        reason: open.stopped.clone(),
        started_at: Some(time(open.started_ms)),
        longest_hold_us: longest_hold(&open.receipts),
        receipt: open.receipts.clone(),
        ..of(&open.change, if held { ChangeState::Paused } else { ChangeState::Running })
    };
    with_progress(document, progress)
}

fn with_progress(document: Change, progress: Option<&ChangeProgress>) -> Change {
    let Some(progress) = progress.cloned() else { return document };
    Change {
        keys: progress.keys,
        bytes: progress.bytes,
        bytes_per_second: progress.bytes_per_second,
        eta_seconds: progress.eta_seconds,
        longest_hold_us: progress.longest_hold_us.max(document.longest_hold_us),
        blocked: progress.blocked,
        moves: progress.moves,
        ..document
    }
}

fn of_finished(finished: &FinishedChange) -> Change {
    let state = match finished.outcome {
        Outcome::Done => ChangeState::Done,
        Outcome::Cancelled => ChangeState::Cancelled,
        Outcome::Failed => ChangeState::Failed,
    };
    let all = |number: u64| Count { done: number, total: Some(number) };
    let receipts = &finished.receipts;
    Change {
        reason: finished.reason.clone(),
        started_at: Some(time(finished.started_ms)),
        finished_at: Some(time(finished.finished_ms)),
        keys: all(receipts.iter().map(|receipt| receipt.target.records).sum()),
        bytes: all(receipts.iter().map(|receipt| receipt.target.bytes).sum()),
        longest_hold_us: longest_hold(receipts),
        moves: receipts.iter().map(|receipt| moved(receipt, all)).collect(),
        receipt: receipts.clone(),
        ..of(&finished.change, state)
    }
}

fn moved(receipt: &Receipt, all: impl Fn(u64) -> Count) -> MoveProgress {
    MoveProgress {
        from: receipt.from.clone(),
        to: receipt.to.clone(),
        state: "done".to_owned(),
        ranges: None,
        keys: all(receipt.target.records),
        bytes: all(receipt.target.bytes),
        trouble: None,
    }
}

fn longest_hold(receipts: &[Receipt]) -> Option<u64> {
    receipts.iter().filter_map(|receipt| receipt.hold_us).max()
}

fn time(ms: u64) -> String {
    // A clock beyond the year 9999 cannot be shown, and there is nobody to tell.
    const LAST: u64 = 253_402_300_799_999;
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms.min(LAST))).to_string()
}

fn number(id: &str) -> Result<u64, Fault> {
    id.parse().map_err(|_| unknown(id))
}

fn unknown(id: &str) -> Fault {
    Problem::new(Kind::UnknownChange)
        .detail(format!("there is no change {id}, or it ended long ago: only the last ones are remembered"))
        .into()
}
