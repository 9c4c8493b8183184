//! The newest view, and which workers have taken it over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashring::View;
use tokio::sync::watch;

use super::Routing;

/// Where the coordinator publishes and the workers look.
#[derive(Debug)]
pub struct Bridge {
    current: Mutex<Arc<Routing>>,
    /// The epoch of `current`: what a worker compares with its own, once per request.
    epoch: AtomicU64,
    /// The same, for whoever has to be woken: idle workers, and requests that wait for a newer view.
    published: watch::Sender<u64>,
    /// Per worker: the epoch that it routes by.
    seats: Mutex<Vec<Arc<AtomicU64>>>,
    /// Rings whenever a worker has taken over a view, or has gone.
    adopted: watch::Sender<()>,
}

/// A worker's place at the bridge: it says which view the worker routes by.
#[derive(Debug)]
pub struct Seat {
    bridge: Arc<Bridge>,
    adopted: Arc<AtomicU64>,
}

impl Bridge {
    /// A bridge that begins with `view`.
    #[must_use]
    pub fn new(view: View) -> Arc<Self> {
        let routing = Routing::new(view, None);
        Arc::new(Self {
            epoch: AtomicU64::new(routing.epoch()),
            published: watch::Sender::new(routing.epoch()),
            current: Mutex::new(Arc::new(routing)),
            seats: Mutex::default(),
            adopted: watch::Sender::new(()),
        })
    }

    /// Makes `view` the one to route by. Builds its ring, so it takes milliseconds on a large cluster.
    ///
    /// A view that is not newer is left out: two publishers may overtake each other, and routing never goes
    /// back.
    pub fn publish(&self, view: View) {
        let previous = self.current();
        let routing = Arc::new(Routing::new(view, Some(&previous)));
        let epoch = routing.epoch();
        {
            let mut current = lock(&self.current);
            if epoch <= current.epoch() {
                return;
            }
            *current = routing;
            self.epoch.store(epoch, Ordering::Release);
        }
        self.published.send_if_modified(|last| {
            let newer = *last < epoch;
            *last = epoch.max(*last);
            newer
        });
    }

    /// What to route by now.
    #[must_use]
    pub fn current(&self) -> Arc<Routing> {
        Arc::clone(&lock(&self.current))
    }

    /// The epoch of [`Bridge::current`], without a lock.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Waits until there is a view newer than `epoch`, and says which.
    pub async fn wait_newer(&self, epoch: u64) -> u64 {
        let mut published = self.published.subscribe();
        // The sender is `self`, so the channel cannot close while we wait.
        published.wait_for(|&newest| newest > epoch).await.map_or(epoch, |newest| *newest)
    }

    /// The oldest epoch that any worker still routes by; the newest one where there are no workers.
    #[must_use]
    pub fn epoch_seen_by_all_workers(&self) -> u64 {
        let oldest = lock(&self.seats).iter().map(|seat| seat.load(Ordering::Acquire)).min();
        oldest.unwrap_or_else(|| self.generation())
    }

    /// Waits until every worker routes by `epoch` or a newer view. Idle workers take views over, too.
    pub async fn wait_seen_by_all_workers(&self, epoch: u64) {
        let mut adopted = self.adopted.subscribe();
        while self.epoch_seen_by_all_workers() < epoch {
            // The sender is `self`, so the channel cannot close while we wait.
            let _ = adopted.changed().await;
        }
    }

    /// A place for one more worker.
    #[must_use]
    pub fn seat(self: &Arc<Self>) -> Seat {
        // Until it says otherwise, the worker counts as knowing nothing.
        let adopted = Arc::new(AtomicU64::new(0));
        lock(&self.seats).push(Arc::clone(&adopted));
        Seat { bridge: Arc::clone(self), adopted }
    }
}

impl Seat {
    /// Whether there is a newer view than the one this worker routes by: one atomic load.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.adopted.load(Ordering::Relaxed) < self.bridge.generation()
    }

    /// What to take over.
    #[must_use]
    pub fn newest(&self) -> Arc<Routing> {
        self.bridge.current()
    }

    /// Says that from now on this worker routes nothing by a view older than `epoch`. Requests that it has sent
    /// already may still be in flight.
    pub fn adopt(&self, epoch: u64) {
        self.adopted.store(epoch, Ordering::Release);
        self.bridge.adopted.send_replace(());
    }

    /// The bridge, to wait for newer views.
    #[must_use]
    pub fn bridge(&self) -> &Arc<Bridge> {
        &self.bridge
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.bridge.seats).retain(|seat| !Arc::ptr_eq(seat, &self.adopted));
        self.bridge.adopted.send_replace(());
    }
}

/// The data behind these locks is replaced whole, so a panic elsewhere cannot have left it half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashring::Id;

    fn view(epoch: u64) -> View {
        View { epoch, ..View::first(Id(1), Id(2), 16) }
    }

    #[test]
    fn routing_never_goes_back_to_an_older_view() {
        let bridge = Bridge::new(view(5));
        bridge.publish(view(7));
        bridge.publish(view(6));
        assert_eq!((bridge.current().epoch(), bridge.generation()), (7, 7));
    }

    #[test]
    fn the_slowest_worker_decides_what_all_have_seen() {
        let bridge = Bridge::new(view(5));
        assert_eq!(bridge.epoch_seen_by_all_workers(), 5);
        let (quick, slow) = (bridge.seat(), bridge.seat());
        assert_eq!(bridge.epoch_seen_by_all_workers(), 0);
        quick.adopt(5);
        slow.adopt(5);
        bridge.publish(view(6));
        assert!(quick.is_behind());
        quick.adopt(6);
        assert!(!quick.is_behind());
        assert_eq!(bridge.epoch_seen_by_all_workers(), 5);
        drop(slow);
        assert_eq!(bridge.epoch_seen_by_all_workers(), 6);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_the_publish_and_by_the_last_worker() {
        let bridge = Bridge::new(view(1));
        let seat = bridge.seat();
        seat.adopt(1);
        let waiter = tokio::spawn({
            let bridge = Arc::clone(&bridge);
            async move {
                let newest = bridge.wait_newer(1).await;
                bridge.wait_seen_by_all_workers(newest).await;
                newest
            }
        });
        tokio::task::yield_now().await;
        bridge.publish(view(3));
        seat.bridge().wait_newer(2).await;
        assert!(!waiter.is_finished());
        seat.adopt(3);
        assert_eq!(waiter.await.unwrap(), 3);
    }
}
