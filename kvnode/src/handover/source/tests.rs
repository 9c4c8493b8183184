use super::*;
use crate::node::Operation;

const NOW: Duration = Duration::from_secs(100);
const LATER: Duration = Duration::from_secs(103);

fn source() -> Source<u32> {
    Source::new(Terms {
        change: 3,
        session: 9,
        from: "n1".parse().unwrap(),
        source: (Id(1), Id(11)),
        to: "n2".parse().unwrap(),
        target_id: Id(2),
        ranges: Arc::new(RangeSet::whole()),
    })
}

fn applied(tally: Option<Tally>) -> Result<Ack, String> {
    Ok(Ack { verdict: Verdict::Applied, tally })
}

fn sent(source: &mut Source<u32>) -> Message {
    match source.next(NOW) {
        Some(Step::Send(message)) => message,
        other => panic!("a message was expected, not {other:?}"),
    }
}

/// Sends what is due and acknowledges it; gives its frames.
fn exchange(source: &mut Source<u32>, tally: Option<Tally>) -> Vec<Frame> {
    let message = sent(source);
    source.answered(message.sequence, applied(tally), NOW);
    message.frames
}

fn promised() -> Source<u32> {
    let mut source = source();
    assert_eq!(exchange(&mut source, None), [Frame::Open]);
    source
}

/// Everything is copied, and this side has counted.
fn counted(here: Tally) -> Source<u32> {
    let mut source = promised();
    assert_eq!(source.next(NOW), Some(Step::Read(None)));
    source.read(Vec::new(), true);
    assert_eq!(exchange(&mut source, None), [Frame::Mark]);
    source.counted(here);
    source
}

fn caught_up() -> Source<u32> {
    let mut source = counted(Tally::default());
    assert_eq!(source.next(NOW), None, "probes have a pause between them");
    assert!(matches!(source.next(NOW + PROBE), Some(Step::Send(_))));
    source.answered(3, applied(Some(Tally::default())), NOW);
    assert!(source.judge(NOW).is_empty());
    assert!(matches!(source.status().state, MoveState::CaughtUp { boot: Id(11), target_id: Id(2), .. }));
    source
}

fn delete(key: &[u8], reply: u32) -> Forward<u32> {
    Forward { key: StoreKey::of(key), change: None, version: Version(5), outcome: Written::Deleted, reply }
}

#[test]
fn nothing_is_promised_or_read_before_the_target_is_ready() {
    let mut source = source();
    let open = sent(&mut source);
    assert!(!source.is_promised());
    assert_eq!(source.next(NOW), None);
    source.answered(open.sequence, Ok(Ack { verdict: Verdict::Busy("wiping".into()), tally: None }), NOW);
    assert!(!source.is_promised());
    source.answered(open.sequence, applied(None), NOW);
    assert!(source.is_promised());
}

#[test]
fn a_write_is_applied_here_only_when_the_target_has_it() {
    let mut source = promised();
    source.forward(delete(b"a", 1));
    assert!(source.is_locked(&StoreKey::of(b"a")) && !source.is_locked(&StoreKey::of(b"b")));
    let message = sent(&mut source);
    let (forwards, count) = source.answered(message.sequence, applied(None), NOW);
    assert_eq!((forwards.len(), forwards[0].reply, count), (1, 1, false));
}

#[test]
fn what_waits_for_a_key_comes_out_in_order_when_it_is_free() {
    let mut source = promised();
    let key = StoreKey::of(b"a");
    source.forward(delete(b"a", 1));
    for reply in [2, 3] {
        let write = Write { key: "a".into(), operation: Operation::Delete, conditions: Default::default() };
        source.wait(&key, write, reply);
    }
    let waiting: Vec<u32> = source.unlock(&key).into_iter().map(|(_, reply)| reply).collect();
    assert_eq!(waiting, [2, 3]);
    assert!(!source.is_locked(&key));
}

#[test]
fn a_message_without_an_answer_is_sent_again_with_its_number() {
    let mut source = promised();
    source.forward(delete(b"a", 1));
    let first = sent(&mut source);
    source.answered(first.sequence, Err("broken pipe".into()), NOW);
    assert_eq!(source.next(NOW), Some(Step::Read(None)), "not at once");
    assert_eq!(source.next(NOW + RESEND), Some(Step::Send(first)));
}

#[test]
fn a_silent_target_frees_the_writes_before_it_is_caught_up() {
    let mut source = promised();
    source.forward(delete(b"a", 1));
    source.forward(delete(b"b", 2));
    sent(&mut source);
    assert!(source.judge(NOW).is_empty());
    assert_eq!(source.judge(LATER).len(), 2);
    assert!(source.is_void() && !source.is_promised());
}

#[test]
fn once_caught_up_no_silence_ends_the_session() {
    let mut source = caught_up();
    source.forward(delete(b"a", 1));
    sent(&mut source);
    assert!(source.judge(LATER).is_empty());
    assert!(source.is_promised() && !source.is_void());
}

#[test]
fn different_counts_end_the_session_and_say_so() {
    let mut source = counted(Tally { records: 1, bytes: 2, digest: Id(3) });
    assert!(matches!(source.next(NOW + PROBE), Some(Step::Send(_))));
    source.answered(3, applied(Some(Tally { records: 1, bytes: 2, digest: Id(4) })), NOW);
    source.judge(NOW);
    assert!(matches!(source.status().state, MoveState::Void { sequel: Sequel::Doubt, .. }));
}

#[test]
fn a_target_that_runs_full_is_not_wiped_and_filled_again() {
    for (verdict, sequel) in [(Verdict::Full, Sequel::Person), (Verdict::Busy("slow".into()), Sequel::Again)]
    {
        let mut source = promised();
        source.forward(delete(b"a", 1));
        let message = sent(&mut source);
        source.answered(message.sequence, Ok(Ack { verdict, tally: None }), NOW);
        assert_eq!(source.judge(LATER).len(), 1);
        assert!(matches!(source.status().state, MoveState::Void { sequel: then, .. } if then == sequel));
    }
}

#[test]
fn the_seal_comes_after_the_last_write_under_way() {
    let mut source = caught_up();
    source.forward(delete(b"a", 1));
    source.seal(NOW);
    let frames = exchange(&mut source, None);
    assert!(matches!(frames[..], [Frame::Delete { .. }, Frame::Seal]), "{frames:?}");
    assert!(matches!(source.status().state, MoveState::Sealed { .. }));
}

#[test]
fn what_is_not_caught_up_is_never_sealed() {
    for mut source in [source(), promised(), counted(Tally::default())] {
        source.seal(NOW);
        assert!(!matches!(source.status().state, MoveState::Sealing | MoveState::Sealed { .. }));
        assert!(source.status().trouble.is_some());
    }
}

#[test]
fn a_paused_move_reads_no_pages_but_still_forwards() {
    let mut source = promised();
    source.tune(true, None);
    assert_eq!(source.next(NOW), None);
    source.forward(delete(b"a", 1));
    assert!(matches!(source.next(NOW), Some(Step::Send(_))));
}

#[test]
fn a_rate_limit_spaces_the_pages() {
    let mut source = promised();
    source.tune(false, Some(1000));
    let page = |source: &mut Source<u32>| {
        assert!(matches!(source.next(NOW), Some(Step::Read(_))));
        source.read(vec![(StoreKey::of(b"a"), Bytes::from(vec![0; 1000]))], false);
    };
    page(&mut source);
    assert!(matches!(exchange(&mut source, None)[..], [Frame::Page { .. }]));
    page(&mut source);
    assert_eq!(source.next(NOW), None);
    assert!(source.wake_at().is_some_and(|at| at > NOW + Duration::from_secs(1)));
    assert!(matches!(source.next(LATER), Some(Step::Send(_))));
}

#[test]
fn a_move_on_hold_wants_to_be_woken_by_nobody() {
    let mut source = promised();
    assert_eq!(source.next(NOW), Some(Step::Read(None)));
    source.tune(true, None);
    source.read(vec![(StoreKey::of(b"k"), Bytes::new())], false);
    assert_eq!((source.next(NOW), source.wake_at()), (None, None));
    source.tune(false, None);
    assert!(matches!(source.next(NOW), Some(Step::Send(_))));
}

#[test]
fn what_a_sealing_side_has_sent_is_known_only_with_the_seal_behind_it() {
    let mut source = caught_up();
    source.forward(delete(b"k", 1));
    source.seal(NOW);
    assert!(!source.has_sent_seal(), "the write waits to be sent");
    assert_eq!(sent(&mut source).frames.last(), Some(&Frame::Seal));
    assert!(source.has_sent_seal());
}
