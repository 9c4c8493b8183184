//! Clients at work, one change after the other, and faults at random: processes that stand still for a moment or
//! longer, and processes that die. Whatever happens, no acknowledged write is lost and no read is stale.
//!
//! What was acknowledged also goes to a ledger on the disk, by which the cluster is judged once more at the end: that
//! is how a run can be judged whose clients did not survive it.

use std::sync::Arc;
use std::time::Duration;

use harness::history::{Content, History};
use harness::ledger::{self, Ledger};
use harness::workload::Workload;
use harness::{Cluster, secs, story_alone};

use crate::faults::{befall, seed};
use crate::support::all_there;

const KEYS: u32 = 2000;

#[test]
fn no_fault_at_any_moment_of_any_change_loses_or_stales_a_key() {
    story_alone(secs(200), || chaos(secs(40)));
}

/// The soak: `KEYWAY_SOAK_SECONDS` says how long, ten minutes where nothing does.
#[test]
#[ignore = "takes ten minutes or longer: tests/run --long"]
fn while_there_is_time_no_fault_loses_or_stales_a_key() {
    let length = std::env::var("KEYWAY_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    story_alone(secs(length + 300), move || chaos(secs(length)));
}

async fn chaos(length: Duration) {
    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut cluster = Cluster::start().await;
    // Beside the logs, so that it is kept with them when the story fails.
    let ledger = Arc::new(Ledger::create(&cluster.scratch().log("ledger")));
    let history = Arc::new(History::new(Content { size: |_| 20..3000, ..Content::small(seed, KEYS) }));
    let fill = Workload { ledger: Some(Arc::clone(&ledger)), ..Workload::new(8) };
    fill.fill(cluster.client(), &history).await.clean(KEYS as usize);
    // Under faults a request may be refused, or end without an answer; a wrong answer is never forgiven.
    let clients = Workload { seed, reads: 60, ledger: Some(Arc::clone(&ledger)), ..Workload::new(12) }
        .forgive(|failure| match &failure.answer {
            Ok(answer) => answer.is_trouble(),
            Err(_) => true,
        });
    let running = clients.start(cluster.client(), &history);

    let (faults, done) = befall(&mut cluster, &mut random, length).await;
    running.proceed(500).await;
    let report = running.stop().await;
    println!("{faults} faults, {done} changes done\n{report}");
    report.clean(2000);
    assert!(done >= 3, "only {done} changes were done");
    all_there(&cluster, &history).await;
    assert_eq!(ledger::judge(ledger.path(), cluster.client()).await, KEYS as usize);
}
