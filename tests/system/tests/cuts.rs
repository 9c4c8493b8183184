//! The network between the processes of a change, cut at a chosen moment of it: between any two of the proxy, the old
//! owner and the new one, or in one direction only. What is sent is dropped without a word, then the cut heals. The
//! change waits or begins anew, and is carried out by itself; nobody sees a lost, stale or doubled write, and the keys
//! of a node that is not cut off are served all the time.

mod scene;

use std::thread;
use std::time::{Duration, Instant};

use harness::{eventually, secs, story_on_a_network};
use tokio::time::sleep;

use self::scene::Scene;
use self::scene::Who::{self, Bystander, New, Old, Proxy};
use crate::faults::seed;

/// What is lost: all that the first of a pair sends to the second.
type Losses = &'static [(Who, Who)];

const PROXY_AND_OLD: Losses = &[(Proxy, Old), (Old, Proxy)];
const PROXY_AND_NEW: Losses = &[(Proxy, New), (New, Proxy)];
const OLD_AND_NEW: Losses = &[(Old, New), (New, Old)];
const ONE_WAY: [Losses; 6] =
    [&[(Proxy, Old)], &[(Old, Proxy)], &[(Proxy, New)], &[(New, Proxy)], &[(Old, New)], &[(New, Old)]];

/// Longer than what anybody waits for a message or an answer inside the cluster.
const LONG: Duration = secs(3);
/// Shorter: what was under way comes late, and is then as good as ever.
const SHORT: Duration = Duration::from_millis(1200);

#[test]
fn a_cut_while_records_are_copied_loses_nothing() {
    between_any_two("target.page.synced");
}

#[test]
fn a_cut_when_the_old_owner_has_sent_all_loses_nothing() {
    between_any_two("source.count.synced");
}

#[test]
fn a_cut_when_the_switch_is_written_loses_nothing() {
    between_any_two("coordinator.switch.written");
}

#[test]
fn a_cut_before_the_seal_is_sent_loses_nothing() {
    between_any_two("source.send-seal");
}

#[test]
fn a_forwarded_write_that_is_lost_on_the_way_is_applied_at_most_once() {
    cut("source.send-write", &[(Old, New)], LONG);
}

#[test]
fn a_forwarded_write_that_is_held_up_on_the_way_is_applied_once() {
    cut("source.send-write", &[(Old, New)], SHORT);
}

#[test]
fn a_forwarded_write_whose_answer_is_lost_is_applied_once() {
    cut("target.write.synced", &[(New, Old)], LONG);
}

#[test]
fn a_new_owner_that_hears_but_is_not_heard_takes_over_in_the_end() {
    cut("target.view-switched.synced", &[(New, Proxy), (New, Old)], LONG);
}

#[test]
fn an_old_owner_that_is_heard_but_does_not_hear_gives_its_keys_up_in_the_end() {
    cut("coordinator.switch.written", &[(Proxy, Old), (New, Old)], LONG);
}

#[test]
fn cuts_at_random_while_weights_change_lose_nothing() {
    at_random(secs(8), Duration::from_millis(2500));
}

#[test]
fn a_cut_that_has_healed_is_over_for_clients_too_however_long_it_was() {
    let _program = harness::binary::with_fail_points();
    story_on_a_network(secs(120), |network| async move {
        let scene = Scene::set(network, "none").await;
        let clients = scene.load();
        clients.proceed(100).await;
        scene.lose(PROXY_AND_OLD);
        // TCP tries again 6.2 s after it began, and then only after 12.6.
        sleep(Duration::from_millis(6500)).await;
        scene.find(PROXY_AND_OLD);
        scene.all_is_served_within(secs(5)).await;
        clients.stop().await.clean(100);
        scene.nothing_is_lost().await;
    });
}

#[test]
#[ignore = "takes a quarter of an hour: tests/run --long"]
fn a_cut_in_any_direction_at_every_moment_of_a_change_loses_nothing() {
    let mut random = fastrand::Rng::with_seed(seed());
    for point in crate::fail_points::POINTS {
        let losses = random.choice(ONE_WAY).unwrap_or(OLD_AND_NEW);
        println!("{point}: {losses:?} is lost");
        cut(point, losses, LONG);
        let losses = random.choice([PROXY_AND_OLD, PROXY_AND_NEW, OLD_AND_NEW]).unwrap_or(OLD_AND_NEW);
        println!("{point}: {losses:?} is lost");
        cut(point, losses, LONG);
    }
}

#[test]
#[ignore = "takes five minutes: tests/run --long"]
fn cuts_at_random_while_weights_change_lose_nothing_for_long() {
    at_random(secs(300), secs(15));
}

/// The three cuts at this point, each in a cluster of its own.
fn between_any_two(point: &str) {
    let test = thread::current().name().unwrap_or("cut").to_owned();
    let pairs = [("proxy-old", PROXY_AND_OLD), ("proxy-new", PROXY_AND_NEW), ("old-new", OLD_AND_NEW)];
    thread::scope(|scope| {
        // Their names are those of the folders for the logs of one that fails.
        let started = pairs.map(|(name, losses)| {
            let thread = thread::Builder::new().name(format!("{test}.{name}"));
            thread.spawn_scoped(scope, move || cut(point, losses, LONG)).expect("a thread")
        });
        for ended in started.map(thread::ScopedJoinHandle::join) {
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}

/// When this point is reached these losses begin, and end after so long.
fn cut(point: &str, losses: Losses, length: Duration) {
    // Building it takes its time, which is not the story's.
    let _program = harness::binary::with_fail_points();
    story_on_a_network(secs(120), |network| async move {
        let mut scene = Scene::set(network, point).await;
        let clients = scene.load();
        let change = scene.begin();
        scene.reached().await;
        scene.lose(losses);
        scene.reached().await.resume();
        scene.others_are_served(length).await;
        scene.find(losses);
        scene.carried_out(change).await;
        clients.proceed(200).await;
        clients.stop().await.clean(200);
        scene.nothing_is_lost().await;
    });
}

/// For so long one change comes after the other, and one cut, each for at most so long.
fn at_random(length: Duration, longest: Duration) {
    let mut random = fastrand::Rng::with_seed(seed());
    let _program = harness::binary::with_fail_points();
    story_on_a_network(length + secs(150), |network| async move {
        let scene = Scene::set(network, "none").await;
        let clients = scene.load();
        let change = scene.begin();
        // While the new node cannot be reached, the order itself is refused, and rightly so.
        eventually(secs(20), "the order for the change is taken", || async {
            if change.is_finished() { Ok(()) } else { Err("not yet".to_owned()) }
        })
        .await;
        let changes = random.fork();
        let cuts = async {
            let end = Instant::now() + length;
            let mut cuts = 0;
            while Instant::now() < end {
                let (losses, time) = any(&mut random, longest);
                scene.lose(&losses);
                sleep(time).await;
                scene.find(&losses);
                sleep(time.mul_f64(random.f64())).await;
                cuts += 1;
            }
            cuts
        };
        let changed = async {
            scene.carried_out(change).await;
            scene.reweigh(changes, length).await
        };
        let (cuts, changes) = tokio::join!(cuts, changed);
        println!("{cuts} cuts, {changes} changes");
        scene.all_is_served_within(secs(20)).await;
        clients.proceed(200).await;
        clients.stop().await.clean(200);
        scene.nothing_is_lost().await;
    });
}

/// A cut between any two, in one direction or both; half of them are much shorter than the longest.
fn any(random: &mut fastrand::Rng, longest: Duration) -> (Vec<(Who, Who)>, Duration) {
    let mut sites = [Proxy, Old, New, Bystander];
    random.shuffle(&mut sites);
    let mut losses = vec![(sites[0], sites[1])];
    if random.bool() {
        losses.push((sites[1], sites[0]));
    }
    let longest = if random.bool() { longest } else { longest / 10 };
    (losses, longest.mul_f64(random.f64()))
}
