//! What the coordinator has heard from the nodes, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use hashring::{Id, NodeName, View};
use kvnode::protocol::{MoveState, MoveStatus, Side, Status};
use kvnode::rules::{Rule, holds};

/// A member that was not heard for this long counts as gone.
pub const GONE: Duration = Duration::from_secs(1);

/// A member that has not answered for this long is not asked by requests either: they fail at once. Longer than what
/// frees a move, because a node that is only slow still serves.
const SILENT: Duration = Duration::from_secs(2);
/// After so many answers in a row they are sent again.
const ANSWERS: u32 = 2;

/// What time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Since the coordinator's start; never goes back.
    pub steady: Duration,
    /// Milliseconds since 1970, informational.
    pub wall_ms: u64,
}

/// All that was heard since the coordinator's start.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    nodes: BTreeMap<NodeName, Seen>,
    /// When the open change, phase and session were first seen by this process.
    stage: Option<((u64, u64, bool), Duration)>,
}

/// What was heard from one node.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Its last words.
    pub status: Option<Status>,
    /// The last words of the folder that answered at its URL before another one did.
    earlier: Option<(Status, Duration)>,
    /// When it was last heard.
    pub heard: Option<Duration>,
    /// Since when it does not answer.
    pub silent_since: Option<Duration>,
    /// Why.
    pub error: Option<String>,
    /// It was silent for too long, and has not answered often enough since.
    down: bool,
    /// How often in a row it has answered.
    answers: u32,
    /// Since when its part in the open change is in trouble.
    trouble_since: Option<Duration>,
}

impl Sight {
    /// A node answered.
    pub fn hear(&mut self, name: &NodeName, status: Status, now: Duration) {
        let seen = self.nodes.entry(name.clone()).or_default();
        let troubled = status.moves.iter().any(|one| one.trouble.is_some());
        seen.trouble_since = if troubled { seen.trouble_since.or(Some(now)) } else { None };
        if seen.status.as_ref().is_some_and(|last| last.id != status.id) {
            seen.earlier = seen.status.take().zip(seen.heard);
        }
        seen.status = Some(status);
        seen.heard = Some(now);
        seen.answers = seen.answers.saturating_add(1);
        seen.down = seen.is_down(now) && seen.answers < ANSWERS;
        seen.silent_since = None;
        seen.error = None;
    }

    /// A node did not answer.
    pub fn miss(&mut self, name: &NodeName, error: String, now: Duration) {
        let seen = self.nodes.entry(name.clone()).or_default();
        seen.silent_since.get_or_insert(now);
        seen.error = Some(error);
        seen.answers = 0;
        seen.down = seen.is_down(now);
    }

    /// Forgets nodes that are no members.
    pub fn keep(&mut self, view: &View) {
        self.nodes.retain(|name, _| view.nodes.contains_key(name));
    }

    /// Notes the stage of the open change; gives since when it has been there.
    pub fn stage_since(&mut self, view: &View, now: Duration) -> Duration {
        let stage = view
            .open
            .as_ref()
            .map(|open| (open.change.id, open.session, open.phase == hashring::view::Phase::Arriving));
        match (stage, self.stage) {
            (Some(stage), Some((known, since))) if stage == known => since,
            (Some(stage), _) => {
                self.stage = Some((stage, now));
                now
            }
            (None, _) => {
                self.stage = None;
                now
            }
        }
    }

    /// How long the open change has been in its present session.
    #[must_use]
    pub fn stage_age(&self, now: Duration) -> Option<Duration> {
        self.stage.map(|(_, since)| now.saturating_sub(since))
    }

    /// What was heard from a node.
    #[must_use]
    pub fn node(&self, name: &NodeName) -> Option<&Seen> {
        self.nodes.get(name)
    }

    /// The last words of a node that speaks for the process that the view names.
    #[must_use]
    pub fn member(&self, view: &View, name: &NodeName) -> Option<&Status> {
        let node = view.nodes.get(name)?;
        let status = self.nodes.get(name)?.status.as_ref()?;
        (node.id == Some(status.id) && node.boot == Some(status.boot)).then_some(status)
    }

    /// Whether the process that the view names serves, and was heard within the last second.
    #[must_use]
    pub fn is_up(&self, view: &View, name: &NodeName, now: Duration) -> bool {
        self.member(view, name).is_some_and(|status| status.serving)
            && self.nodes.get(name).and_then(|seen| seen.heard).is_some_and(|heard| heard + GONE > now)
    }

    /// Whether requests for a node should fail at once instead of trying. Such a node comes back with a few answers in
    /// a row, so that a network which comes and goes does not make requests wait again and again.
    #[must_use]
    pub fn is_down(&self, name: &NodeName, now: Duration) -> bool {
        self.nodes.get(name).is_some_and(|seen| seen.is_down(now))
    }

    /// Whether a node's part in the open change has been in trouble for longer than a second.
    #[must_use]
    pub fn is_stuck(&self, name: &NodeName, now: Duration) -> bool {
        self.nodes.get(name).and_then(|seen| seen.trouble_since).is_some_and(|since| since + GONE <= now)
    }

    /// A node's words on its part in one move of a session.
    #[must_use]
    pub fn part(
        &self,
        view: &View,
        session: u64,
        side: Side,
        name: &NodeName,
        peer: &NodeName,
    ) -> Option<&MoveStatus> {
        let moves = &self.member(view, name)?.moves;
        let bound = |one: &MoveStatus| one.session == session || !holds(Rule::CaughtUpIsBound);
        moves.iter().find(|one| bound(one) && one.side == side && one.peer == *peer)
    }

    /// The state of the old owner in one move of a session.
    #[must_use]
    pub fn source(&self, view: &View, session: u64, from: &NodeName, to: &NodeName) -> Option<&MoveState> {
        self.part(view, session, Side::Source, from, to).map(|one| &one.state)
    }
}

impl Seen {
    /// The last words of the member with this folder, whoever answers at its URL now; of a member whose folder is not known
    /// yet, of whoever does. And when they were heard.
    #[must_use]
    pub fn own_words(&self, folder: Option<Id>) -> Option<(&Status, Duration)> {
        let last = self.status.as_ref().zip(self.heard);
        let earlier = self.earlier.as_ref().map(|(status, heard)| (status, *heard));
        last.into_iter().chain(earlier).find(|(status, _)| folder.is_none_or(|folder| status.id == folder))
    }

    fn is_down(&self, now: Duration) -> bool {
        self.down || self.silent_since.is_some_and(|since| since + SILENT <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_down_after_a_silence_and_up_again_after_some_answers() {
        let (mut sight, name) = (Sight::default(), "n1".parse().unwrap());
        let at = Duration::from_millis;
        let silent = || "no answer".to_owned();
        assert!(!sight.is_down(&name, at(0)), "nothing is known yet");
        sight.miss(&name, silent(), at(100));
        assert!(!sight.is_down(&name, at(2099)));
        assert!(sight.is_down(&name, at(2100)));
        // Also where no question fell into the time since then.
        sight.hear(&name, status(), at(2200));
        assert!(sight.is_down(&name, at(2200)), "one answer may be luck");
        sight.miss(&name, silent(), at(2300));
        assert!(sight.is_down(&name, at(2300)), "it was");
        sight.hear(&name, status(), at(2400));
        sight.hear(&name, status(), at(2500));
        assert!(!sight.is_down(&name, at(2500)));
        sight.miss(&name, silent(), at(2600));
        sight.hear(&name, status(), at(2700));
        assert!(!sight.is_down(&name, at(2700)), "a short silence needs no proof");
    }

    #[test]
    fn what_a_node_said_of_itself_is_kept_while_another_one_answers_at_its_url() {
        let (mut sight, name) = (Sight::default(), "n1".parse().unwrap());
        let records = |sight: &Sight| {
            let seen = sight.node(&name).unwrap();
            [Some(Id(1)), Some(Id(2)), None].map(|id| seen.own_words(id).map(|(status, _)| status.records))
        };
        sight.hear(&name, Status { records: 763, ..status() }, Duration::ZERO);
        assert_eq!(records(&sight), [Some(763), None, Some(763)]);
        for records in [754, 755] {
            sight.hear(&name, Status { id: Id(2), records, ..status() }, Duration::ZERO);
        }
        assert_eq!(records(&sight), [Some(763), Some(755), Some(755)]);
        sight.hear(&name, Status { records: 764, ..status() }, Duration::ZERO);
        assert_eq!(records(&sight), [Some(764), Some(755), Some(764)]);
    }

    fn status() -> Status {
        let (id, cluster) = (Id(1), None);
        Status {
            name: "n1".parse().unwrap(),
            id,
            boot: id,
            known_boots: Vec::new(),
            cluster,
            history: None,
            decider: None,
            epoch: 1,
            points: None,
            serving: true,
            records: 0,
            bytes: 0,
            refusal: None,
            moves: Vec::new(),
            cleaned: None,
            vitals: None,
        }
    }
}
