//! What there is to say about a change besides its numbers.

use super::output::size;
use crate::admin::documents::{Change, ChangeState};

/// What was given up for it, what it waits for, or why it ended.
pub(super) fn remarks(change: &Change) -> Option<String> {
    let why = change.blocked.as_ref().or(change.reason.as_ref()).cloned();
    let all: Vec<String> = by_force(change).into_iter().chain(why).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// A removal by force moves nothing: without this its zeros would look as if nothing had been there.
fn by_force(change: &Change) -> Option<String> {
    let plain = "by force".to_owned();
    let lost = change.lost.as_ref().filter(|_| change.force);
    let Some(lost) = lost else { return change.force.then_some(plain) };
    let what = match lost.keys.zip(lost.bytes) {
        Some((0, _)) => return Some(plain),
        Some((keys, bytes)) => format!("{keys} keys ({})", size(bytes)),
        None => "an unknown number of keys".to_owned(),
    };
    match change.state {
        ChangeState::Done => Some(format!("{plain}: {what} given up")),
        ChangeState::Queued | ChangeState::Running | ChangeState::Paused => {
            Some(format!("{plain}: {what} to be given up"))
        }
        ChangeState::Cancelled | ChangeState::Failed => Some(plain),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::sample::change;

    fn forced(state: &str, keys: Option<u64>) -> Option<String> {
        let bytes = keys.map(|keys| keys * 13);
        let lost = json!({"ranges": 9, "keys": keys, "bytes": bytes, "reported_seconds_ago": keys});
        remarks(&change(json!({"state": state, "force": true, "lost": lost})))
    }

    #[test]
    fn what_a_forced_removal_gave_up_is_said() {
        for (state, keys, says) in [
            ("done", Some(735), "by force: 735 keys (9.3 KiB) given up"),
            ("done", Some(0), "by force"),
            ("done", None, "by force: an unknown number of keys given up"),
            ("running", Some(735), "by force: 735 keys (9.3 KiB) to be given up"),
            ("cancelled", Some(735), "by force"),
        ] {
            assert_eq!(forced(state, keys).as_deref(), Some(says));
        }
        assert_eq!(remarks(&change(json!({"force": true}))).as_deref(), Some("by force"));
    }

    #[test]
    fn what_a_change_waits_for_stands_behind_what_is_given_up() {
        let blocked = json!({"state": "queued", "force": true, "blocked": "waits for change 3"});
        assert_eq!(remarks(&change(blocked)).as_deref(), Some("by force; waits for change 3"));
        assert_eq!(remarks(&change(json!({"reason": "it broke"}))).as_deref(), Some("it broke"));
        assert_eq!(remarks(&change(json!({}))), None);
    }
}
