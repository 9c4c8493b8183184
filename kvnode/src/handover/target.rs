//! The new owner's side of one move: make ready, take in, count, act once the old owner has sealed.
//!
//! Pure: it judges a message against what it remembers; the core applies what it lets pass.

use hashring::view::Tally;
use hashring::{Id, NodeName};
use serde::{Deserialize, Serialize};

use super::message::{Frame, Message, Verdict};
use crate::protocol::{MoveState, MoveStatus, Side};
use crate::rules::{Rule, holds};

/// What the new owner remembers of a session, on disk; written in one commit with what it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// The epoch that decided this attempt.
    pub session: u64,
    /// The old owner.
    pub from: NodeName,
    /// Its process, as it opened the session.
    pub source_boot: Id,
    /// The last message that was applied.
    pub sequence: u64,
    /// The ranges are wiped: pages may come.
    pub ready: bool,
    /// The old owner serves nothing of them any more.
    pub sealed: bool,
    /// Records taken in by pages.
    pub records: u64,
    /// Bytes taken in by pages.
    pub bytes: u64,
    /// The count of the mark. Not remembered: a restart loses it, and a probe that finds none ends the session.
    #[serde(skip)]
    pub count: Count,
}

/// The count that a mark asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Count {
    /// No mark came to this process.
    #[default]
    None,
    /// It is under way.
    Running,
    /// It is done.
    Done(Tally),
    /// It could not be done, for this reason.
    Failed(String),
}

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Begin the session: wipe, then be ready. The sender asks again meanwhile.
    Begin,
    /// Apply its frames and remember its number, in one commit.
    Apply,
    /// Answer only.
    Answer(Verdict),
}

/// What the receiver's view says about the sender's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The session is older than the view, or the sender moves nothing to this node in it.
    Past,
    /// The view with this session is not here yet.
    Future,
    /// The old ring serves.
    Moving,
    /// The new ring serves.
    Switched,
}

/// Judges a message by the session that is remembered, if any, and by the view.
#[must_use]
pub fn judge(inbound: Option<&Inbound>, message: &Message, standing: Standing) -> Judgement {
    let stale = |reason: &str| Judgement::Answer(Verdict::Stale(reason.to_owned()));
    let busy = |reason: &str| Judgement::Answer(Verdict::Busy(reason.to_owned()));
    match standing {
        Standing::Past => return stale("this session is over"),
        Standing::Future => return busy("waiting for the view of this session"),
        Standing::Moving | Standing::Switched => {}
    }
    let opens = message.frames == [Frame::Open];
    let known =
        inbound.filter(|one| one.session == message.session && one.source_boot == message.source_boot);
    match known {
        None if opens && standing == Standing::Moving => Judgement::Begin,
        // The old owner was restarted after the switch: its writes under way are gone with it, unanswered.
        None if message.frames == [Frame::Seal]
            && standing == Standing::Switched
            && inbound.is_some_and(|one| one.session == message.session) =>
        {
            Judgement::Apply
        }
        None => stale("this session was opened by another process"),
        Some(known) if !known.ready => {
            if opens {
                busy("wiping what is left of an earlier attempt")
            } else {
                stale("not ready")
            }
        }
        Some(known) if message.sequence <= known.sequence => Judgement::Answer(Verdict::Applied),
        Some(Inbound { count: Count::None, .. }) if message.frames == [Frame::Probe] => {
            stale("the count was lost in a restart")
        }
        Some(Inbound { count: Count::Failed(reason), .. }) if message.frames == [Frame::Probe] => {
            stale(&format!("it cannot count what has come: {reason}"))
        }
        Some(known) if message.sequence == known.sequence + 1 => Judgement::Apply,
        Some(_) => stale("a message is missing"),
    }
}

impl Inbound {
    /// A session that begins: nothing is ready.
    #[must_use]
    pub fn begin(message: &Message) -> Self {
        Self {
            session: message.session,
            from: message.from.clone(),
            source_boot: message.source_boot,
            // The opening message counts as applied once the session is ready.
            sequence: message.sequence,
            ready: !holds(Rule::ReadyAfterWipe),
            sealed: false,
            records: 0,
            bytes: 0,
            count: Count::None,
        }
    }

    /// What was counted at the mark, once it is known.
    #[must_use]
    pub fn tally(&self) -> Option<Tally> {
        if let Count::Done(tally) = &self.count { Some(*tally) } else { None }
    }

    /// For the coordinator; `acts`: the new ring serves, and the old owner has sealed or need not.
    #[must_use]
    pub fn status(&self, acts: bool) -> MoveStatus {
        let state = match (self.ready, acts) {
            (_, true) => MoveState::Acting,
            (false, false) => MoveState::Opening,
            (true, false) => MoveState::Copying,
        };
        MoveStatus {
            session: self.session,
            peer: self.from.clone(),
            side: Side::Target,
            state,
            records: self.records,
            bytes: self.bytes,
            total: None,
            trouble: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sequence: u64, frames: Vec<Frame>) -> Message {
        let from = "n1".parse().unwrap();
        Message { session: 9, sequence, from, source_id: Id(1), source_boot: Id(11), frames }
    }

    fn inbound(ready: bool) -> Inbound {
        Inbound { ready, ..Inbound::begin(&message(1, vec![Frame::Open])) }
    }

    fn is_stale(judgement: &Judgement) -> bool {
        matches!(judgement, Judgement::Answer(Verdict::Stale(_)))
    }

    fn is_busy(judgement: &Judgement) -> bool {
        matches!(judgement, Judgement::Answer(Verdict::Busy(_)))
    }

    #[test]
    fn a_session_begins_only_by_being_opened_and_only_before_the_switch() {
        let open = message(1, vec![Frame::Open]);
        assert_eq!(judge(None, &open, Standing::Moving), Judgement::Begin);
        assert!(is_stale(&judge(None, &open, Standing::Switched)));
        assert!(is_stale(&judge(None, &open, Standing::Past)));
        assert!(is_busy(&judge(None, &open, Standing::Future)));
        assert!(is_stale(&judge(None, &message(2, vec![Frame::Mark]), Standing::Moving)));
    }

    #[test]
    fn nothing_is_taken_in_while_the_wipe_goes_on() {
        let wiping = inbound(false);
        assert!(is_busy(&judge(Some(&wiping), &message(1, vec![Frame::Open]), Standing::Moving)));
        assert!(is_stale(&judge(Some(&wiping), &message(2, vec![Frame::Mark]), Standing::Moving)));
    }

    #[test]
    fn each_message_is_applied_once_and_none_is_skipped() {
        let ready = inbound(true);
        let at = |sequence| judge(Some(&ready), &message(sequence, vec![Frame::Mark]), Standing::Moving);
        assert_eq!(at(1), Judgement::Answer(Verdict::Applied));
        assert_eq!(at(2), Judgement::Apply);
        assert!(is_stale(&at(3)));
    }

    #[test]
    fn another_process_of_the_old_owner_may_only_seal_and_only_after_the_switch() {
        let ready = inbound(true);
        let from_new_boot = |frames| Message { source_boot: Id(12), ..message(1, frames) };
        assert_eq!(
            judge(Some(&ready), &from_new_boot(vec![Frame::Seal]), Standing::Switched),
            Judgement::Apply
        );
        assert!(is_stale(&judge(Some(&ready), &from_new_boot(vec![Frame::Seal]), Standing::Moving)));
        assert!(is_stale(&judge(Some(&ready), &from_new_boot(vec![Frame::Mark]), Standing::Switched)));
        assert_eq!(
            judge(Some(&ready), &from_new_boot(vec![Frame::Open]), Standing::Moving),
            Judgement::Begin
        );
    }

    #[test]
    fn a_count_that_failed_or_that_a_restart_lost_ends_the_session_and_says_which() {
        let probe = message(2, vec![Frame::Probe]);
        assert!(is_stale(&judge(Some(&inbound(true)), &probe, Standing::Moving)));
        let counting = Inbound { count: Count::Running, ..inbound(true) };
        assert_eq!(judge(Some(&counting), &probe, Standing::Moving), Judgement::Apply);
        let failed = Inbound { count: Count::Failed("record k is damaged".to_owned()), ..inbound(true) };
        let Judgement::Answer(Verdict::Stale(said)) = judge(Some(&failed), &probe, Standing::Moving) else {
            panic!("a count that failed is never done");
        };
        assert!(said.contains("record k is damaged"), "{said}");
    }
}
