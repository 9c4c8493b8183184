//! What befalls a cluster at random: faults at any moment, and one change after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use harness::admin::{Admin, state};
use harness::{Cluster, eventually, secs};
use tokio::time::sleep;

/// The seed of a story: a new one, or `KEYWAY_TEST_SEED`. It is shown when the story fails. It fixes what is
/// tried, not how the machine interleaves it.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("KEYWAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("KEYWAY_TEST_SEED={seed}");
    seed
}

/// Lets faults and changes happen for so long, and waits until all of the ring serves again. Answers how many
/// faults there were, and how many changes were carried out.
pub(crate) async fn befall(
    cluster: &mut Cluster,
    random: &mut fastrand::Rng,
    length: Duration,
) -> (usize, usize) {
    let done = Arc::new(AtomicUsize::new(0));
    let until = Instant::now() + length;
    let changes = tokio::spawn(change(cluster.admin().clone(), random.fork(), until, Arc::clone(&done)));
    let mut faults = 0;
    while Instant::now() < until {
        fault(cluster, random).await;
        faults += 1;
        sleep(Duration::from_millis(random.u64(0..400))).await;
    }
    changes.await.expect("the changes");
    cluster.admin().ready(secs(60)).await;
    (faults, done.load(Ordering::Relaxed))
}

/// One fault. Short stops are the most telling: a process goes on with what it believed before.
async fn fault(cluster: &mut Cluster, random: &mut fastrand::Rng) {
    let children = cluster.children();
    let Some(victim) = random.choice(&children) else { return };
    match random.u8(0..100) {
        0..70 => {
            victim.pause();
            sleep(Duration::from_millis(random.u64(5..400))).await;
            victim.resume();
        }
        70..80 => {
            victim.pause();
            sleep(Duration::from_millis(random.u64(1000..2500))).await;
            victim.resume();
        }
        80..87 => {
            cluster.proxy.pause();
            sleep(Duration::from_millis(random.u64(5..1500))).await;
            cluster.proxy.resume();
        }
        87..96 => victim.signal(harness::family::KILL),
        _ => {
            cluster.kill().await;
            cluster.start_again().await;
        }
    }
}

/// One change after the other, until the time is up and the last one has ended.
async fn change(admin: Admin, mut random: fastrand::Rng, until: Instant, done: Arc<AtomicUsize>) {
    while Instant::now() < until {
        let Some(place) = ask(&admin, &mut random).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let ended = eventually(secs(90), &format!("the end of {place}"), || async {
            let answer = admin.client().ask("GET", &place).try_send().await.map_err(|lost| lost.0)?;
            let change = answer.expect(200).json();
            let over = matches!(state(&change), "done" | "cancelled" | "failed");
            if over { Ok(change) } else { Err(change.to_string()) }
        })
        .await;
        // A new node that is killed before it has said hello makes its change fail; that is no harm.
        if state(&ended) == "done" {
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Asks for a change and answers its `Location`; none where it was refused or nobody answered.
async fn ask(admin: &Admin, random: &mut fastrand::Rng) -> Option<String> {
    let ring = admin.client().ask("GET", "/admin/ring").try_send().await.ok()?.json();
    let names: Vec<String> = ring["nodes"]
        .as_array()?
        .iter()
        .filter_map(|node| node["name"].as_str().map(str::to_owned))
        .collect();
    let any = random.choice(&names)?;
    let asked = match random.u8(0..3) {
        0 if names.len() < 5 => admin.add_own(),
        1 if names.len() > 2 => admin.remove(any),
        _ => admin.reweight(any, random.u32(1..4)),
    };
    let answer = asked.try_send().await.ok()?;
    (answer.status == 202).then(|| harness::admin::accepted(&answer))
}
