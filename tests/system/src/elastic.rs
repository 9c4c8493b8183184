//! Real input under load: keys of all sizes are stored, and while clients read and write at full speed two
//! nodes are added and one removed. No client may see an error, and nothing acknowledged may be lost.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::client::Asked;
use harness::history::{Content, History};
use harness::settled::{Settled, settled};
use harness::workload::{Report, Running, Workload};
use harness::{Cluster, Setup, secs};
use serde_json::Value;

use crate::receipt;

/// How much of it.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Keys.
    pub keys: u32,
    /// Clients that read and write at full speed.
    pub clients: u32,
    /// How long the clients work before the first change and after the last.
    pub calm: Duration,
    /// The longest that one change may take.
    pub change: Duration,
    /// Another seed, other values and another order.
    pub seed: u64,
    /// Where to put the data; a folder for temporary files where none is named.
    pub folder: Option<PathBuf>,
}

/// Of how many keys one is large (1 MiB). The very first key is as large as a value may be.
const LARGE_EVERY: u32 = 1000;

/// Half of the keys have values under 200 bytes, one in a hundred of them empty; the others have up to 8 KiB,
/// one in a thousand has 1 MiB, and a single one 8 MiB: about 600 MB for 200,000 keys.
fn size(key: u32) -> Range<usize> {
    match key {
        0 => 8 << 20..(8 << 20) + 1,
        large if large % LARGE_EVERY == LARGE_EVERY / 2 + 1 => 1 << 20..(1 << 20) + 1,
        empty if empty % 200 == 2 => 0..1,
        small if small % 2 == 0 => 1..200,
        _ => 200..8192,
    }
}

/// Runs it, telling `say` what happens.
///
/// # Panics
/// Where any promise is broken.
pub async fn run(scale: Scale, say: impl Fn(&str)) {
    let content = Content { seed: scale.seed, keys: scale.keys, removals: 5, size };
    let history = Arc::new(History::new(content));
    let mut setup = Setup::new();
    if let Some(folder) = &scale.folder {
        setup = setup.data(folder);
    }
    let mut cluster = setup.start().await;
    let load = Workload { seed: scale.seed, ..Workload::new(scale.clients) };

    let bytes = history.content().first_bytes();
    say(&format!(
        "{} keys, {:.0} MB, {} clients, seed {}",
        scale.keys,
        bytes as f64 / 1e6,
        scale.clients,
        scale.seed
    ));
    let filled = load.fill(cluster.client(), &history).await;
    filled.clean(scale.keys as usize);
    say(&format!("stored: {}", throughput(&filled, bytes)));

    let mut running = load.start(cluster.client(), &history);
    running.phase("no change");
    calm(&running, &scale).await;
    for (name, request) in changes(&cluster) {
        running.phase(name);
        let start = Instant::now();
        let change = cluster.admin().carried_out(request, scale.change).await;
        say(&told(name, &change, start.elapsed()));
    }
    running.phase("no change any more");
    calm(&running, &scale).await;
    let report = running.stop().await;
    say(&report.to_string());
    report.clean(scale.clients as usize * 100);

    let before = all_there(&cluster, &load, &history, "after the changes", &say).await;
    cluster.restart().await;
    cluster.admin().ready(secs(60)).await;
    assert_eq!(cluster.admin().ring().await.names(), ["n1", "n3", "n4", "n5"]);
    let after = all_there(&cluster, &load, &history, "after a restart", &say).await;
    assert_eq!(before, after, "a restart changed what is stored");
    cluster.stop().await;
}

fn changes(cluster: &Cluster) -> [(&'static str, Asked); 3] {
    let admin = cluster.admin();
    [
        ("a fourth node is added", admin.add_own()),
        ("a fifth node is added", admin.add_own()),
        ("the second node is removed", admin.remove("n2")),
    ]
}

async fn calm(running: &Running, scale: &Scale) {
    tokio::time::sleep(scale.calm).await;
    running.proceed(u64::from(scale.clients)).await;
}

async fn all_there(
    cluster: &Cluster,
    load: &Workload,
    history: &Arc<History>,
    when: &str,
    say: &impl Fn(&str),
) -> Settled {
    let settled = settled(cluster, load, history, secs(60)).await;
    let records = settled.contents.records;
    say(&format!("{when}: all {} keys read back, verified {records} records", history.len()));
    settled
}

/// How many keys `verify` counted on their owners.
///
/// # Panics
/// Where it does not tell.
#[must_use]
pub fn stored(verified: &Value) -> u64 {
    verified["keys"].as_u64().unwrap_or_else(|| panic!("no count of keys in {verified:#}"))
}

fn told(name: &str, change: &Value, took: Duration) -> String {
    let (records, bytes) = receipt::agreed(change);
    assert!(records > 0, "nothing moved: {change:#}");
    let seconds = took.as_secs_f64();
    let mut text = format!("{name}: {records} records, {:.1} MB in {seconds:.1} s", bytes as f64 / 1e6);
    let _ = write!(
        text,
        " ({:.0} records/s, {:.1} MB/s)",
        records as f64 / seconds,
        bytes as f64 / 1e6 / seconds
    );
    let _ = write!(text, ", longest hold {:.1} ms", receipt::longest_hold_us(change) as f64 / 1000.0);
    text
}

fn throughput(report: &Report, bytes: u64) -> String {
    let seconds = report.phases.iter().map(|(_, seconds, _, _)| seconds).sum::<f64>();
    let rate = report.operations() as f64 / seconds;
    format!("{seconds:.1} s, {rate:.0} keys/s, {:.1} MB/s, all durable", bytes as f64 / 1e6 / seconds)
}
