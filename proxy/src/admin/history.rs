//! The last minutes of the data path: a sample a second, for the stats page.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hashring::NodeName;
use hashring::view::Receipt;
use tokio::task::AbortHandle;

use super::documents::{Sample, Speed};
use crate::control::Control;
use crate::metrics::{HistogramSnapshot, Metrics, NodeSnapshot, Snapshot};

/// The time between two samples.
pub const EVERY: Duration = Duration::from_secs(1);
/// Samples that are kept: five minutes.
const KEPT: usize = 300;
/// Samples of each node that are kept.
const KEPT_OF_NODE: usize = 60;
/// Rates and quantiles "right now" are over so many samples.
const WINDOW: usize = 5;

/// What was sampled, and since when.
#[derive(Debug)]
pub struct History {
    /// Since 1970.
    started_at: Duration,
    started: Instant,
    inner: Mutex<Inner>,
}

/// How many bytes each change has moved, as far as it is known.
type Moved = BTreeMap<u64, u64>;

#[derive(Debug, Default)]
struct Inner {
    samples: VecDeque<Sample>,
    moved: Moved,
    /// The last few sums, oldest first.
    sums: VecDeque<(Instant, Snapshot)>,
    /// Requests a second of each node, oldest first.
    nodes: BTreeMap<NodeName, VecDeque<f64>>,
}

/// The task that takes the samples; it ends when this is dropped.
#[derive(Debug)]
pub struct Sampler(AbortHandle);

impl History {
    /// Nothing sampled yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { started_at: since_1970(), started: Instant::now(), inner: Mutex::default() })
    }

    /// Takes samples from now on, on the present runtime.
    #[must_use]
    pub fn watch<C: Control>(
        self: &Arc<Self>,
        metrics: &Arc<OnceLock<Arc<Metrics>>>,
        control: &Arc<C>,
    ) -> Sampler {
        let (history, metrics, control) = (Arc::clone(self), Arc::clone(metrics), Arc::clone(control));
        let task = tokio::spawn(async move {
            let mut clock = tokio::time::interval(EVERY);
            clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                clock.tick().await;
                if let Some(metrics) = metrics.get() {
                    history.take(Instant::now(), metrics.snapshot(), moved(&*control));
                }
            }
        });
        Sampler(task.abort_handle())
    }

    /// Takes a sample.
    fn take(&self, now: Instant, sum: Snapshot, moved: Moved) {
        let inner = &mut *self.lock();
        let before = std::mem::replace(&mut inner.moved, moved);
        // Another session of a change begins at 0 again.
        let new =
            |(change, bytes): (&u64, &u64)| bytes.saturating_sub(before.get(change).copied().unwrap_or(0));
        let new_bytes: u64 = inner.moved.iter().map(new).sum();
        if let Some((then, before)) = inner.sums.back() {
            let speed = speed(before, &sum, now - *then);
            let sample = Sample {
                n: inner.samples.back().map_or(1, |last| last.n + 1),
                at_ms: in_ms(since_1970()),
                speed,
                moved_bytes_per_second: new_bytes.saturating_mul(1000) / in_ms(now - *then).max(1),
            };
            inner.nodes.retain(|name, _| sum.nodes.contains_key(name));
            for (name, node) in &sum.nodes {
                let before = before.nodes.get(name).map_or(0, NodeSnapshot::requests);
                let history = inner.nodes.entry(name.clone()).or_default();
                push(history, KEPT_OF_NODE, per_second(node.requests().saturating_sub(before), now - *then));
            }
            push(&mut inner.samples, KEPT, sample);
        }
        push(&mut inner.sums, WINDOW + 1, (now, sum));
    }

    /// How fast the data path is right now.
    #[must_use]
    pub fn speed(&self) -> Speed {
        self.over_window(speed)
    }

    /// How fast a node is right now.
    #[must_use]
    pub fn speed_of(&self, name: &NodeName) -> Speed {
        self.over_window(|before, now, time| {
            let Some(now) = now.nodes.get(name) else { return Speed::default() };
            let before = before.nodes.get(name).cloned().unwrap_or_default();
            Speed::new(
                now.requests().saturating_sub(before.requests()),
                now.errors().saturating_sub(before.errors()),
                &now.latency.since(&before.latency),
                time,
            )
        })
    }

    /// Requests a second of a node in the last minute, oldest first.
    #[must_use]
    pub fn requests_of(&self, name: &NodeName) -> Vec<f64> {
        self.lock().nodes.get(name).map(|history| history.iter().copied().collect()).unwrap_or_default()
    }

    /// The samples with a number above `after`, oldest first.
    #[must_use]
    pub fn samples(&self, after: u64) -> Vec<Sample> {
        self.lock().samples.iter().filter(|sample| sample.n > after).cloned().collect()
    }

    /// When the proxy started, since 1970.
    #[must_use]
    pub fn started_at(&self) -> Duration {
        self.started_at
    }

    /// How long it has been running.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    fn over_window(&self, of: impl Fn(&Snapshot, &Snapshot, Duration) -> Speed) -> Speed {
        let inner = self.lock();
        match (inner.sums.front(), inner.sums.back()) {
            (Some((then, before)), Some((now, sum))) if now > then => of(before, sum, *now - *then),
            _ => Speed::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Speed {
    fn new(requests: u64, errors: u64, latency: &HistogramSnapshot, time: Duration) -> Self {
        let ms = |q| (latency.count() > 0).then(|| latency.quantile(q).as_secs_f64() * 1e3);
        Self {
            requests_per_second: per_second(requests, time),
            errors_per_second: per_second(errors, time),
            p50_ms: ms(0.5),
            p99_ms: ms(0.99),
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn speed(before: &Snapshot, now: &Snapshot, time: Duration) -> Speed {
    Speed::new(
        now.requests().saturating_sub(before.requests()),
        now.errors().saturating_sub(before.errors()),
        &now.latency().since(&before.latency()),
        time,
    )
}

/// In whole milliseconds, as the documents have times.
pub(super) fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// To a tenth: more would say more than is known.
fn per_second(count: u64, time: Duration) -> f64 {
    (count as f64 / time.as_secs_f64().max(1e-3) * 10.0).round() / 10.0
}

fn push<T>(kept: &mut VecDeque<T>, most: usize, new: T) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(new);
}

/// Also of changes that ended: most take less time than there is between two samples.
fn moved<C: Control>(control: &C) -> Moved {
    let view = control.view();
    let of_receipts = |receipts: &[Receipt]| receipts.iter().map(|receipt| receipt.target.bytes).sum();
    let ended = view.finished.iter().map(|ended| (ended.change.id, of_receipts(&ended.receipts)));
    let open = control.progress().changes.into_iter().map(|(id, change)| (id, change.bytes.done));
    ended.chain(open).collect()
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::MethodKind;

    /// What was counted after so many requests, each of `us` microseconds, a tenth of them with errors.
    fn counted(requests: u64, us: u64) -> Snapshot {
        let metrics = Metrics::new(1);
        let worker = &metrics.workers()[0];
        let node = worker.node(&"n1".parse().unwrap());
        for n in 0..requests {
            let status = if n % 10 == 9 { 503 } else { 200 };
            let status = http::StatusCode::from_u16(status).unwrap();
            worker.count_answer(MethodKind::Get, status);
            node.count_answer(status);
            worker.latency[0].record(Duration::from_micros(us));
            node.latency.record(Duration::from_micros(us / 2));
        }
        metrics.snapshot()
    }

    #[test]
    fn rates_and_quantiles_are_those_of_the_last_seconds() {
        let (history, start) = (History::new(), Instant::now());
        assert_eq!(history.speed(), Speed::default());
        for second in 0..=10 {
            history.take(
                start + EVERY * second,
                counted(u64::from(second) * 100, 1000),
                [(2, 700), (3, u64::from(second) * 5000)].into(),
            );
        }
        let speed = history.speed();
        assert_eq!((speed.requests_per_second, speed.errors_per_second), (100.0, 10.0));
        assert!((1.0..1.3).contains(&speed.p50_ms.unwrap()), "{speed:?}");
        let name = "n1".parse().unwrap();
        assert_eq!(history.speed_of(&name).errors_per_second, 10.0);
        assert_eq!(history.requests_of(&name), vec![100.0; 10]);
        assert!(history.samples(1).iter().all(|sample| sample.moved_bytes_per_second == 5000));
        assert_eq!(history.samples(8).iter().map(|sample| sample.n).collect::<Vec<_>>(), [9, 10]);
        // Nothing new: no quantiles, and after the window no requests.
        for second in 11..=16 {
            history.take(start + EVERY * second, counted(1000, 1000), Moved::new());
        }
        assert_eq!(history.speed(), Speed::default());
    }

    #[test]
    fn a_change_that_took_less_than_a_second_shows_in_one_sample() {
        let (history, start) = (History::new(), Instant::now());
        let before = [(1, 4_000_000)];
        let after = [(1, 4_000_000), (2, 9_000)];
        for (second, moved) in [&before[..], &before, &after, &after].into_iter().enumerate() {
            let now = start + EVERY * u32::try_from(second).unwrap();
            history.take(now, counted(1, 1), moved.iter().copied().collect());
        }
        let moved: Vec<u64> = history.samples(0).iter().map(|sample| sample.moved_bytes_per_second).collect();
        assert_eq!(moved, [0, 9000, 0]);
    }

    #[test]
    fn no_more_than_five_minutes_are_kept() {
        let (history, start) = (History::new(), Instant::now());
        for second in 0..1000 {
            history.take(start + EVERY * second, counted(1, 1), Moved::new());
        }
        assert_eq!(history.samples(0).len(), KEPT);
        assert_eq!(history.requests_of(&"n1".parse().unwrap()).len(), KEPT_OF_NODE);
    }
}
