//! Follows a change until it ends, with a bar that grows for whoever watches.

use std::time::Duration;

use hashring::view::Loss;
use http::Method;
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::news::News;
use super::output::{Output, size};
use super::remarks::remarks;
use super::{DONE, Failed, Outcome, UNFINISHED, WRONG};
use crate::admin::documents::{Change, ChangeState, word};
use crate::control::Count;

/// How often the bar moves.
const PACE: Duration = Duration::from_millis(250);
const WIDTH: u64 = 30;

/// Waits until change `id` has ended, at most for `limit` where there is one.
pub(super) async fn follow(client: &Client, id: u64, limit: Option<Duration>, json: bool) -> Outcome {
    let until = limit.map(|limit| Instant::now() + limit);
    let watched = Output::is_watched() && !json;
    let mut news = News::default();
    loop {
        let reply = client.ask(Method::GET, &format!("/admin/changes/{id}"), None).await?;
        let change: Change = reply.read()?;
        let ended = has_ended(change.state);
        if watched {
            Output::redraw(&line(&change));
        } else if !json && news.is_due(&change, Instant::now()) {
            Output::complain(&line(&change));
        }
        if ended || until.is_some_and(|until| Instant::now() >= until) {
            if watched {
                Output::end_drawing();
            }
            Output::show(&if json { reply.text.trim_end().to_owned() } else { result(&change) })?;
            return Ok(code(change.state));
        }
        sleep(PACE).await;
    }
}

fn has_ended(state: ChangeState) -> bool {
    matches!(state, ChangeState::Done | ChangeState::Cancelled | ChangeState::Failed)
}

fn code(state: ChangeState) -> u8 {
    match state {
        ChangeState::Done => DONE,
        ChangeState::Cancelled | ChangeState::Failed => WRONG,
        ChangeState::Queued | ChangeState::Running | ChangeState::Paused => UNFINISHED,
    }
}

/// How the change is, in one line.
pub(super) fn line(change: &Change) -> String {
    let mut line =
        format!("{} {} {:<7} {}", word(&change.kind), change.node, word(&change.state), bar(change.keys));
    if let Some(speed) = change.bytes_per_second {
        line += &format!("  {}/s", size(speed));
    }
    if let Some(seconds) = change.eta_seconds {
        line += &format!("  {} left", humantime::format_duration(Duration::from_secs(seconds)));
    }
    if let Some(remarks) = remarks(change) {
        line += &format!("  ({remarks})");
    }
    line
}

fn bar(keys: Count) -> String {
    let Some(total) = keys.total.filter(|total| *total > 0) else {
        return format!("{} keys", keys.done);
    };
    let done = keys.done.min(total);
    // Wide numbers: the product of two counts of keys may not fit.
    let full = u128::from(done) * u128::from(WIDTH) / u128::from(total);
    let full = usize::try_from(full).unwrap_or(0);
    let empty = usize::try_from(WIDTH).unwrap_or(0) - full;
    format!("[{}{}] {done} of {total} keys", "#".repeat(full), ".".repeat(empty))
}

/// What became of it.
fn result(change: &Change) -> String {
    let what = format!("change {}: {} {}", change.id, word(&change.kind), change.node);
    match (change.state, &change.lost) {
        (ChangeState::Done, Some(lost)) => format!("{what} is done: given up were {}", loss(lost)),
        (ChangeState::Done, None) => {
            let hold = change.longest_hold_us.map_or(String::new(), |us| format!(", longest hold {us} us"));
            format!("{what} is done: {} keys ({}) moved{hold}", change.keys.done, size(change.bytes.done))
        }
        (state, _) => {
            let reason = change.reason.as_ref().or(change.blocked.as_ref());
            let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
            format!("{what} is {}{reason}", word(&state))
        }
    }
}

/// What a dead node takes with it.
pub(super) fn loss(lost: &Loss) -> String {
    let known = lost.keys.zip(lost.bytes).zip(lost.reported_seconds_ago);
    let held = known.map_or_else(
        || "how many keys is unknown: it was not heard since the proxy started".to_owned(),
        |((keys, bytes), age)| {
            format!("{keys} keys ({}) when it was last heard, {age} s before", size(bytes))
        },
    );
    format!("{} ranges; {held}", lost.ranges)
}

/// What a change that was accepted is told as, when nobody waits for it.
pub(super) fn accepted(change: &Change) -> String {
    if has_ended(change.state) {
        return result(change);
    }
    format!("{}; follow it with: keyway changes {}", result(change), change.id)
}

/// What is said to a command that failed after its change had been accepted.
pub(super) fn lost_sight(id: u64, failed: &Failed) -> Failed {
    let why = failed.message.trim_end_matches('.');
    let message = format!("{why}. Change {id} goes on; see it with: keyway changes {id}");
    Failed { message, code: failed.code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_work_is_done() {
        let of = |done, total| bar(Count { done, total });
        assert_eq!(of(0, Some(4)), format!("[{}] 0 of 4 keys", ".".repeat(30)));
        assert_eq!(of(2, Some(4)), format!("[{}{}] 2 of 4 keys", "#".repeat(15), ".".repeat(15)));
        assert_eq!(of(9, Some(4)), format!("[{}] 4 of 4 keys", "#".repeat(30)));
        assert_eq!(of(u64::MAX, Some(u64::MAX)).matches('#').count(), 30);
        assert_eq!(of(7, None), "7 keys");
        assert_eq!(of(0, Some(0)), "0 keys");
    }

    #[test]
    fn who_lost_sight_of_a_change_is_told_two_sentences() {
        for message in ["it is gone", "It is gone."] {
            let failed = lost_sight(7, &Failed { code: 3, message: message.to_owned() });
            assert!(failed.message.ends_with("is gone. Change 7 goes on; see it with: keyway changes 7"));
        }
    }

    #[test]
    fn only_a_change_that_is_done_counts_as_done() {
        assert_eq!(code(ChangeState::Done), 0);
        assert_eq!((code(ChangeState::Failed), code(ChangeState::Cancelled)), (1, 1));
        assert_eq!((code(ChangeState::Running), code(ChangeState::Paused)), (4, 4));
    }
}
