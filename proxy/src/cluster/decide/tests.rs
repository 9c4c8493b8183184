//! Nodes that never come back, at every stage of a change: there is a way out, and it loses no more than it must.

use hashring::Id;
use kvnode::protocol::MoveStatus;

use super::*;
use crate::cluster::requests::{Found, adjust, cancel, submit};
use crate::control::{Accepted, Adjust, Order, Refusal, RemoveServer, Reweight, Terms};

const NOW: Now = Now { steady: Duration::from_secs(100), wall_ms: 0 };

/// A cluster and what is heard from it.
struct Story {
    view: View,
    sight: Sight,
}

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

impl Story {
    /// n1, n2 and n3 serve.
    fn new() -> Self {
        let mut view = View::first(Id(1), Id(2), 8);
        for i in 1..=3_u128 {
            let url = format!("http://127.0.0.1:{}", 5000 + i);
            let node = Node { id: Some(Id(i)), boot: Some(Id(10 * i)), grant: 1, url, weight: 1, own: false };
            view.nodes.insert(name(&format!("n{i}")), node);
        }
        let mut story = Self { view, sight: Sight::default() };
        for node in ["n1", "n2", "n3"] {
            story.says(node, Vec::new(), None);
        }
        story
    }

    fn says(&mut self, node: &str, moves: Vec<MoveStatus>, cleaned: Option<u64>) {
        let member = &self.view.nodes[&name(node)];
        let status = Status {
            name: name(node),
            id: member.id.unwrap(),
            boot: member.boot.unwrap(),
            known_boots: Vec::new(),
            cluster: Some(self.view.cluster),
            history: Some(self.view.history),
            decider: self.view.decider(),
            epoch: self.view.epoch,
            points: Some(8),
            serving: true,
            records: 0,
            bytes: 0,
            refusal: None,
            moves,
            cleaned,
            vitals: None,
        };
        self.sight.hear(&name(node), status, NOW.steady);
    }

    /// n3 dies over a change that has switched, is given up, and stays a member, as its removal is cancelled; the old
    /// owners have cleaned. The number of the change.
    fn loses_n3_for_good(&mut self) -> u64 {
        self.dies("n3");
        self.sealed("n1");
        self.sealed("n2");
        self.removes_by_force("n3").unwrap();
        let waits = self.view.queue.front().unwrap().id;
        self.view = cancel(&self.view, waits, NOW).unwrap().0;
        self.goes_on();
        let change = self.view.cleaning.as_ref().unwrap().change;
        for node in ["n1", "n2"] {
            self.says(node, Vec::new(), Some(change));
        }
        change
    }

    /// Nothing was heard of it for long.
    fn dies(&mut self, node: &str) {
        let status = self.sight.node(&name(node)).and_then(|seen| seen.status.clone()).unwrap();
        self.sight.hear(&name(node), Status { moves: Vec::new(), ..status }, Duration::from_secs(1));
        self.sight.miss(&name(node), "connection refused".to_owned(), Duration::from_secs(2));
    }

    fn asks(&mut self, order: &Order, up: bool) -> Result<Accepted, Refusal> {
        let (next, accepted) =
            submit(&self.view, order, &Terms::default(), &Found::Node { up, last: Some((7, 70, 99)) }, NOW)?;
        self.view = next.unwrap_or_else(|| self.view.clone());
        Ok(accepted)
    }

    fn removes_by_force(&mut self, node: &str) -> Result<Accepted, Refusal> {
        self.asks(&Order::RemoveServer(RemoveServer { name: name(node), force: true }), false)
    }

    fn force_seals(&mut self, node: &str, up: bool) -> Result<(), Refusal> {
        let id = self.view.open.as_ref().unwrap().change.id;
        let order = Adjust { force_seal: Some(name(node)), ..Adjust::default() };
        self.view = adjust(&self.view, id, &order, up)?;
        Ok(())
    }

    /// Decides until nothing more follows.
    fn goes_on(&mut self) {
        loop {
            let plan = self.view.open_plan().unwrap_or_default();
            let Some(next) = decide(&self.view, &plan, &mut self.sight, NOW).unwrap() else { return };
            self.view = next;
        }
    }

    /// n3 gets more weight: n1 and n2 give ranges to it, and the new ring serves.
    fn switched() -> Self {
        let mut story = Self::new();
        story.asks(&Order::Reweight(Reweight { name: name("n3"), weight: 2 }), true).unwrap();
        story.goes_on();
        let Some(open) = story.view.open.as_mut() else { panic!("{:?}", story.view) };
        open.phase = Phase::Switched;
        story.view.nodes.get_mut(&name("n3")).unwrap().weight = 2;
        story
    }

    /// The same, carried out without the seal of n2, which is dead: n1 and n2 are to clean. Gives the change.
    fn ended_without_n2() -> (Self, u64) {
        let mut story = Self::switched();
        story.dies("n2");
        story.sealed("n1");
        story.force_seals("n2", false).unwrap();
        story.acts_for(&["n1", "n2"]);
        story.goes_on();
        let change = story.view.cleaning.as_ref().unwrap().change;
        (story, change)
    }

    fn part(&self, side: Side, peer: &str, state: MoveState) -> MoveStatus {
        let session = self.view.open.as_ref().unwrap().session;
        let (peer, total, trouble) = (name(peer), None, None);
        MoveStatus { session, peer, side, state, records: 0, bytes: 0, total, trouble }
    }

    fn sealed(&mut self, node: &str) {
        let part = self.part(Side::Source, "n3", MoveState::Sealed { hold_us: 5 });
        self.says(node, vec![part], None);
    }

    fn acts_for(&mut self, peers: &[&str]) {
        let parts = peers.iter().map(|peer| self.part(Side::Target, peer, MoveState::Acting)).collect();
        self.says("n3", parts, None);
    }
}

#[test]
fn a_change_that_has_switched_waits_for_the_seal_of_a_dead_node_until_it_is_forced() {
    let mut story = Story::switched();
    story.dies("n2");
    story.sealed("n1");
    story.acts_for(&["n1"]);
    story.goes_on();
    assert!(story.view.open.is_some(), "nobody but n2 can say that it has sealed");

    story.force_seals("n2", false).unwrap();
    story.goes_on();
    assert!(story.view.open.is_some(), "n3 does not act for the ranges of n2 yet");
    story.acts_for(&["n1", "n2"]);
    story.goes_on();
    assert_eq!(story.view.finished.back().unwrap().outcome, Outcome::Done);
    let cleaning = story.view.cleaning.as_ref().unwrap();
    assert!(cleaning.nodes.contains(&name("n2")), "it deletes its old copy when it is back");
}

#[test]
fn a_seal_is_forced_only_of_a_stopped_old_owner_after_the_switch() {
    let slug = |story: &mut Story, node, up| story.force_seals(node, up).unwrap_err().kind.slug();
    let mut story = Story::switched();
    assert_eq!(slug(&mut story, "n2", true), "not-stopped");
    assert_eq!(slug(&mut story, "n3", false), "no-seal-awaited");
    story.view.open.as_mut().unwrap().phase = Phase::Moving;
    assert_eq!(slug(&mut story, "n2", false), "not-switched");
    story.asks(&Order::Reweight(Reweight { name: name("n1"), weight: 2 }), true).unwrap();
    let order = Adjust { force_seal: Some(name("n2")), ..Adjust::default() };
    assert_eq!(adjust(&story.view, 2, &order, false).unwrap_err().kind.slug(), "not-switched", "it waits");
    assert_eq!(adjust(&story.view, 9, &order, false).unwrap_err().kind.slug(), "unknown-change");
}

#[test]
fn a_new_owner_that_is_removed_by_force_after_the_switch_leaves_the_old_owners_their_copies() {
    let mut story = Story::switched();
    story.dies("n3");
    story.sealed("n1");
    story.sealed("n2");
    story.goes_on();
    assert!(story.view.open.is_some());

    story.removes_by_force("n3").unwrap();
    story.goes_on();
    let cleaning = story.view.cleaning.clone().unwrap();
    assert!(story.view.cleaning_plan().unwrap().moves.is_empty(), "n1 and n2 hold the only copies");
    for node in ["n1", "n2"] {
        story.says(node, Vec::new(), Some(cleaning.change));
    }
    story.goes_on();
    assert!(!story.view.nodes.contains_key(&name("n3")), "{:?}", story.view);
    assert!(story.view.open.is_none() && story.view.cleaning.is_none());
}

#[test]
fn a_forced_removal_does_not_wait_for_what_the_dead_node_should_delete() {
    let (mut story, change) = Story::ended_without_n2();
    story.removes_by_force("n2").unwrap();
    story.goes_on();
    assert!(story.view.nodes.contains_key(&name("n2")), "n1 has not deleted its part yet");
    story.says("n1", Vec::new(), Some(change));
    story.goes_on();
    assert!(!story.view.nodes.contains_key(&name("n2")));
    assert!(story.view.open.is_none() && story.view.cleaning.is_none());
}

#[test]
fn dead_nodes_that_are_removed_by_force_do_not_wait_for_one_another() {
    for deleted in [true, false] {
        let (mut story, change) = Story::ended_without_n2();
        if deleted {
            story.says("n1", Vec::new(), Some(change));
            story.goes_on();
        }
        story.dies("n1");
        story.removes_by_force("n1").unwrap();
        story.removes_by_force("n2").unwrap();
        story.goes_on();
        let left: Vec<&str> = story.view.nodes.keys().map(NodeName::as_str).collect();
        assert_eq!(left, ["n3"], "n1 had deleted its part: {deleted}");
    }
}

#[test]
fn a_dead_node_can_be_given_up_although_all_others_are_to_leave_later() {
    let mut story = Story::new();
    for node in ["n1", "n3"] {
        story.asks(&Order::RemoveServer(RemoveServer { name: name(node), force: false }), true).unwrap();
    }
    story.dies("n2");
    story.removes_by_force("n2").unwrap();
    story.goes_on();
    assert!(!story.view.nodes.contains_key(&name("n2")), "{:?}", story.view.queue);
}

#[test]
fn a_node_that_is_back_when_its_forced_removal_begins_hands_its_keys_over() {
    let mut story = Story::new();
    story.dies("n2");
    story.removes_by_force("n2").unwrap();
    story.says("n2", Vec::new(), None);
    story.goes_on();
    let open = story.view.open.as_ref().unwrap();
    assert_eq!((open.change.force, open.phase), (false, Phase::Moving));
}

#[test]
fn a_dead_node_that_says_hello_hands_its_keys_over_even_before_it_serves() {
    let (mut story, _) = Story::ended_without_n2();
    story.removes_by_force("n2").unwrap();
    let status = story.sight.node(&name("n2")).and_then(|seen| seen.status.clone()).unwrap();
    let known_boots = vec![status.boot, Id(99)];
    let hello = Status { boot: Id(99), known_boots, serving: false, ..status };
    story.sight.hear(&name("n2"), hello, NOW.steady);
    story.goes_on();
    assert_eq!(story.view.nodes[&name("n2")].boot, Some(Id(99)));
    assert!(!story.view.queue.front().unwrap().force, "it may serve as soon as it has heard of that");
}

#[test]
fn a_removal_that_waits_for_its_dead_node_says_how_to_make_it_a_forced_one() {
    let mut story = Story::new();
    story.asks(&Order::RemoveServer(RemoveServer { name: name("n2"), force: false }), true).unwrap();
    story.goes_on();
    story.dies("n2");
    let refusal = story.removes_by_force("n2").unwrap_err();
    assert_eq!(refusal.kind.slug(), "removed-without-force");
    assert!(refusal.detail.contains("DELETE /admin/changes/1"), "{}", refusal.detail);
}

#[test]
fn a_member_that_acted_on_another_line_of_decisions_stops_everything_however_old_that_is() {
    let mut story = Story::new();
    let (here, elsewhere) = (Id(70), Id(71));
    let fork = story.view.successor().decided_by(here);
    // Another process went on from the same copy; n2 has heard of it only.
    story.view = fork.successor().decided_by(elsewhere);
    story.says("n2", Vec::new(), None);
    story.view = (0..5).fold(fork, |view, _| view.successor().decided_by(here));
    for node in ["n1", "n3"] {
        story.says(node, Vec::new(), None);
    }
    let plan = Plan::default();
    let halt = decide(&story.view, &plan, &mut story.sight, NOW).unwrap_err();
    assert_eq!((halt.node.as_str(), halt.why), ("n2", " of another line of decisions"));

    let next = prevail(&story.view, &story.sight, Id(72), NOW).unwrap();
    assert!(decide(&next, &plan, &mut story.sight, NOW).is_ok());
}

#[test]
fn what_prevails_is_above_all_that_any_member_has_acted_on_and_hears_each_first() {
    let mut story = Story::new();
    story.view.epoch = 100;
    story.says("n3", Vec::new(), None);
    story.view.epoch = 7;
    let next = prevail(&story.view, &story.sight, Id(72), NOW).unwrap();
    assert_eq!(next.epoch, 101);
    assert!(next.descends_from(100, Some(Id(71))) && next.begins_to_prevail());
    story.sight = Sight::default();
    assert_eq!(prevail(&story.view, &story.sight, Id(72), NOW), None);
}

#[test]
fn an_idempotency_key_stands_for_one_order_with_all_its_terms() {
    let mut story = Story::new();
    story.dies("n2");
    let terms = Terms { idempotency: Some("k".to_owned()), ..Terms::default() };
    let found = Found::Node { up: false, last: None };
    let removal = |force| Order::RemoveServer(RemoveServer { name: name("n2"), force });
    let (next, _) = submit(&story.view, &removal(false), &terms, &found, NOW).unwrap();
    let view = next.unwrap();
    assert_eq!(submit(&view, &removal(false), &terms, &found, NOW).unwrap().1, Accepted::Same(1));
    assert_eq!(
        submit(&view, &removal(true), &terms, &found, NOW).unwrap_err().kind.slug(),
        "idempotency-key-reused"
    );
}

#[test]
fn a_node_that_leaves_stays_where_a_new_owner_was_given_up_because_it_has_the_only_copy() {
    let mut story = Story::new();
    story.asks(&Order::RemoveServer(RemoveServer { name: name("n1"), force: false }), true).unwrap();
    story.goes_on();
    story.view.open.as_mut().unwrap().phase = Phase::Switched;
    story.view.nodes.get_mut(&name("n1")).unwrap().weight = 0;
    story.dies("n3");
    let sealed = ["n2", "n3"].map(|peer| story.part(Side::Source, peer, MoveState::Sealed { hold_us: 5 }));
    story.says("n1", sealed.into(), None);
    let acts = story.part(Side::Target, "n1", MoveState::Acting);
    story.says("n2", vec![acts], None);
    story.removes_by_force("n3").unwrap();
    story.goes_on();
    assert!(story.view.open.is_none(), "{:?}", story.view.open);
    assert_eq!(story.view.nodes[&name("n1")].weight, 0);
    let cleaned = story.view.cleaning_plan().unwrap();
    assert!(cleaned.moves.iter().all(|one| one.to == name("n2")), "what went to n3 is kept");
}

#[test]
fn a_forced_removal_goes_before_changes_that_wait_for_its_node_to_delete() {
    let (mut story, change) = Story::ended_without_n2();
    story.asks(&Order::Reweight(Reweight { name: name("n1"), weight: 2 }), true).unwrap();
    story.removes_by_force("n2").unwrap();
    story.says("n1", Vec::new(), Some(change));
    story.goes_on();
    assert!(!story.view.nodes.contains_key(&name("n2")), "{:?}", story.view.queue);
    assert_eq!(story.view.open.as_ref().unwrap().change.node, name("n1"));
}

#[test]
fn old_owners_delete_what_they_kept_for_a_node_that_is_back() {
    let mut story = Story::switched();
    let before = story.view.epoch;
    let change = story.loses_n3_for_good();
    let status = story.sight.node(&name("n3")).and_then(|seen| seen.status.clone()).unwrap();
    story.sight.hear(&name("n3"), Status { epoch: before, ..status }, NOW.steady);
    story.goes_on();
    assert!(story.view.cleaning.is_none() && story.view.lost.contains_key(&name("n3")), "late words");

    story.says("n3", Vec::new(), None);
    story.goes_on();
    let cleaning = story.view.cleaning.clone().unwrap();
    assert_ne!(cleaning.change, change, "who has cleaned after the change is asked again");
    let moves = story.view.cleaning_plan().unwrap().moves;
    assert_eq!(moves.len(), 2);
    assert!(moves.iter().all(|one| one.to == name("n3")), "{moves:?}");
    assert!(story.view.lost.is_empty());
}

#[test]
fn a_given_up_new_owner_may_come_back_so_the_old_one_must_have_heard_of_the_switch() {
    let mut story = Story::switched();
    story.dies("n3");
    story.sealed("n1");
    story.removes_by_force("n3").unwrap();
    story.goes_on();
    assert!(story.view.open.is_some(), "n2 may still serve what n3 owns");
    let sealing = story.part(Side::Source, "n3", MoveState::Sealing);
    story.says("n2", vec![sealing], None);
    story.goes_on();
    assert!(story.view.open.is_none());
}

#[test]
fn a_change_whose_target_ran_full_rests_until_an_operator_resumes_it() {
    let mut story = Story::new();
    story.asks(&Order::Reweight(Reweight { name: name("n3"), weight: 2 }), true).unwrap();
    story.goes_on();
    let first = story.view.open.clone().unwrap();
    let reason = "the disk of n3 is full".to_owned();
    let full = story.part(Side::Source, "n3", MoveState::Void { reason, sequel: Sequel::Person });
    story.says("n1", vec![full.clone()], None);
    story.goes_on();
    let rests = story.view.open.clone().unwrap();
    assert!(rests.session > first.session, "what was copied is wiped, so that its node has room again");
    assert!(rests.stopped.as_ref().is_some_and(|why| why.contains("n3 is full")), "{:?}", rests.stopped);

    story.says("n1", vec![MoveStatus { session: rests.session, ..full }], None);
    story.goes_on();
    assert_eq!(story.view.open.as_ref(), Some(&rests), "nothing begins by itself");
    let order = Adjust { paused: Some(false), ..Adjust::default() };
    story.view = adjust(&story.view, rests.change.id, &order, true).unwrap();
    story.goes_on();
    let again = story.view.open.as_ref().unwrap();
    assert!(again.stopped.is_none() && again.session > rests.session, "{again:?}");
}

#[test]
fn a_trusted_old_view_carries_on_with_nothing() {
    let mut story = Story::new();
    story.asks(&Order::Reweight(Reweight { name: name("n3"), weight: 2 }), true).unwrap();
    story.goes_on();
    story.asks(&Order::Reweight(Reweight { name: name("n1"), weight: 2 }), true).unwrap();
    let next = prevail(&story.view, &story.sight, Id(72), NOW).unwrap();
    assert!(next.open.is_none() && next.queue.is_empty() && next.cleaning.is_none());
    assert!(next.finished.iter().all(|ended| ended.outcome == Outcome::Failed));
    assert_eq!(next.finished.len(), 2);
    assert!(next.next_change >= next.epoch, "no number of the lost line is used again");
}

#[test]
fn what_a_lost_node_took_outlives_a_removal_of_it_that_is_begun_and_cancelled() {
    let mut story = Story::switched();
    story.loses_n3_for_good();
    story.asks(&Order::RemoveServer(RemoveServer { name: name("n3"), force: false }), false).unwrap();
    story.goes_on();
    let open = story.view.open.as_ref().unwrap();
    assert_eq!(open.phase, Phase::Moving);
    story.view = cancel(&story.view, open.change.id, NOW).unwrap().0;
    assert!(story.view.cleaning_plan().unwrap().moves.is_empty(), "n1 and n2 hold the only copies");
}
