//! Which lines about a change are worth writing where they stay: in a file, a pipe, the log of a job.

use std::time::Duration;

use tokio::time::Instant;

use super::remarks::remarks;
use crate::admin::documents::{Change, ChangeState};

/// How long nothing is written while nothing changes: a reader must see that somebody is still there.
const EVERY: Duration = Duration::from_secs(30);
/// What a number counts when it only says how much time has passed.
const UNITS: [&str; 8] = ["us", "µs", "ms", "s", "min", "m", "h", "d"];

/// What was told last, and when.
#[derive(Debug, Default)]
pub(super) struct News {
    told: Option<(ChangeState, Option<String>, Instant)>,
}

impl News {
    /// Whether a line is due. It counts as written then.
    pub(super) fn is_due(&mut self, change: &Change, now: Instant) -> bool {
        let says = remarks(change).map(|remarks| timeless(&remarks));
        let is_old = self.told.as_ref().is_some_and(|(state, said, at)| {
            (*state, said) == (change.state, &says) && now.saturating_duration_since(*at) < EVERY
        });
        if !is_old {
            self.told = Some((change.state, says, now));
        }
        !is_old
    }
}

/// The text without its durations: "for 4 s" and "for 5 s" are the same news.
fn timeless(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(begin);
        let (number, after) = split_where(from, |c| !c.is_ascii_digit() && c != '.');
        let (unit, behind) = split_where(after.strip_prefix(' ').unwrap_or(after), |c| !c.is_alphanumeric());
        kept.push_str(before);
        if UNITS.contains(&unit) {
            rest = behind;
        } else {
            kept.push_str(number);
            rest = after;
        }
    }
    kept + rest
}

fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::sample::change;

    fn blocked(by: &str) -> Change {
        change(json!({"state": "running", "blocked": by}))
    }

    #[test]
    fn only_durations_are_left_out() {
        for (text, kept) in [
            ("n2 unreachable for 4 s; its 1365 ranges", "n2 unreachable for ; its 1365 ranges"),
            ("within 2.5s, 10ms or 1m 30s", "within ,  or  "),
            ("3 servers, 4 more; n2 silent", "3 servers, 4 more; n2 silent"),
            ("ends with 7", "ends with 7"),
        ] {
            assert_eq!(timeless(text), kept);
        }
    }

    #[test]
    fn a_change_that_waits_on_is_told_once_in_half_a_minute() {
        let (mut news, begin) = (News::default(), Instant::now());
        let due: Vec<u64> = (0..=65)
            .filter(|second| {
                let now = begin + Duration::from_secs(*second);
                news.is_due(&blocked(&format!("n2 unreachable for {second} s; nothing is lost")), now)
            })
            .collect();
        assert_eq!(due, [0, 30, 60]);
    }

    #[test]
    fn what_is_new_is_told_at_once() {
        let (mut news, now) = (News::default(), Instant::now());
        assert!(news.is_due(&blocked("n2 unreachable for 4 s"), now));
        assert!(news.is_due(&blocked("n3 unreachable for 4 s"), now));
        assert!(news.is_due(&blocked("n3 erases: 300 records are left"), now));
        assert!(news.is_due(&blocked("n3 erases: 200 records are left"), now));
        assert!(news.is_due(&change(json!({"state": "done"})), now));
    }
}
