//! The connections of one runtime, and further threads with a runtime each.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::Limits;
use super::connection::Builders;
use crate::http::{Front, Service};

/// Connections over the limit that are told so; those over this are closed without a word.
const TURNED_AWAY: usize = 64;

/// What all rooms share.
pub(super) struct House<S> {
    builders: Builders,
    front: Arc<Front<S>>,
    places: Arc<Semaphore>,
    extra: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
    drain: Duration,
}

impl<S: Service> House<S> {
    pub(super) fn new(front: Arc<Front<S>>, limits: &Limits, closing: watch::Receiver<bool>) -> Self {
        Self {
            builders: Builders::new(limits),
            front,
            places: Arc::new(Semaphore::new(limits.connections)),
            extra: Arc::new(Semaphore::new(TURNED_AWAY)),
            closing,
            drain: limits.drain,
        }
    }
}

/// The connections that the present runtime serves.
pub(super) struct Room<S> {
    house: Arc<House<S>>,
    connections: JoinSet<()>,
}

impl<S: Service> Room<S> {
    pub(super) fn new(house: Arc<House<S>>) -> Self {
        Self { house, connections: JoinSet::new() }
    }

    /// Serves one more connection, or turns it away where there are too many.
    pub(super) fn take(&mut self, stream: TcpStream) {
        while self.connections.try_join_next().is_some() {}
        let house = Arc::clone(&self.house);
        if let Ok(place) = Arc::clone(&house.places).try_acquire_owned() {
            self.connections.spawn(async move {
                house.builders.serve(stream, Arc::clone(&house.front), house.closing.clone()).await;
                drop(place);
            });
        } else if let Ok(place) = Arc::clone(&house.extra).try_acquire_owned() {
            self.connections.spawn(async move {
                house.builders.turn_away(stream, house.closing.clone()).await;
                drop(place);
            });
        }
    }

    /// Waits for the connections to end, which know that they should, and then ends those that are left.
    pub(super) async fn empty(mut self) {
        let all_done = async { while self.connections.join_next().await.is_some() {} };
        if timeout(self.house.drain, all_done).await.is_err() {
            let left = self.connections.len();
            warn!(left, "requests were still under way at the end of the drain time: closing");
            self.connections.shutdown().await;
        }
    }
}

/// A further thread with its own room.
pub(super) struct Lane {
    streams: mpsc::UnboundedSender<std::net::TcpStream>,
    done: oneshot::Receiver<()>,
}

impl Lane {
    pub(super) fn start<S: Service>(house: Arc<House<S>>) -> io::Result<Self> {
        let (streams, mut arriving) = mpsc::unbounded_channel();
        let (finished, done) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let serving = async move {
            let mut room = Room::new(house);
            while let Some(stream) = arriving.recv().await {
                match TcpStream::from_std(stream) {
                    Ok(stream) => room.take(stream),
                    Err(error) => debug!(%error, "a connection broke before its first byte"),
                }
            }
            room.empty().await;
            let _ = finished.send(());
        };
        std::thread::Builder::new().name("http".to_owned()).spawn(move || {
            // As a task, since the root of a runtime costs one more system call each time it is woken.
            let serving = runtime.spawn(serving);
            runtime.block_on(serving)
        })?;
        Ok(Self { streams, done })
    }

    pub(super) fn take(&self, stream: TcpStream) {
        // Where the lane is gone, so is the connection: its client sees it close.
        if let Ok(stream) = stream.into_std() {
            let _ = self.streams.send(stream);
        }
    }

    /// No more connections come; the result is there when the last one has ended.
    pub(super) fn close(self) -> oneshot::Receiver<()> {
        self.done
    }
}
