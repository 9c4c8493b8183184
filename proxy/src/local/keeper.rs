//! Keeps one child running for as long as it is wanted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashring::NodeName;
use tokio::sync::watch;

use super::backoff::Backoff;
use super::child::Child;
use super::{ChildSpec, ChildState, ChildStatus, Shared, ports};

/// A child that was killed, or that an earlier proxy left behind, frees its port within moments.
const PORT_PATIENCE: Duration = Duration::from_secs(2);

/// The task of one child.
pub(super) struct Keeper {
    pub(super) name: NodeName,
    pub(super) shared: Arc<Shared>,
    /// The child that is to run; `None` = none.
    pub(super) wanted: watch::Receiver<Option<ChildSpec>>,
    pub(super) status: ChildStatus,
    pub(super) backoff: Backoff,
}

impl Keeper {
    /// Runs until the child is not wanted any more and has ended.
    pub(super) async fn run(mut self) {
        let mut folder = None;
        loop {
            let wanted = self.wanted.borrow_and_update().clone();
            match wanted {
                Some(spec) => {
                    folder = Some(spec.data.clone());
                    let begin = Instant::now();
                    if let Some(why) = self.live(&spec).await {
                        self.rest(why, begin.elapsed()).await;
                    }
                }
                None => {
                    // A child that never came up may leave an empty folder. Whatever lies in a folder stays there.
                    let _ = folder.take().map(std::fs::remove_dir);
                    if self.shared.forget(&self.name) {
                        return;
                    }
                }
            }
        }
    }

    /// One life of the child: why it ended by itself, or `None` where it was stopped.
    async fn live(&mut self, spec: &ChildSpec) -> Option<String> {
        self.show(|status| status.state = ChildState::Starting);
        let mut child = tokio::select! {
            started = self.start(spec) => match started {
                Ok(child) => child,
                Err(why) => return Some(why),
            },
            // Dropped in the middle of its start, a child is killed.
            () = not_wanted(self.wanted.clone()) => return None,
        };
        let (listen, id, pid) = (child.ready.listen, child.ready.id, child.pid());
        self.shared.ports.give(&self.name, listen.port());
        tracing::info!(node = %self.name, %listen, pid, "node started");
        self.show(|status| {
            status.state = ChildState::Ready;
            status.listen = listen;
            status.id = Some(id);
            status.pid = pid;
        });
        tokio::select! {
            why = child.ended() => return Some(why),
            () = not_wanted(self.wanted.clone()) => {}
        }
        self.show(|status| status.state = ChildState::Stopping);
        child.stop().await;
        tracing::info!(node = %self.name, "node stopped");
        None
    }

    async fn start(&self, spec: &ChildSpec) -> Result<Child, String> {
        // It goes back to where it was last; before its first start, to where it is told.
        let usual = if self.status.id.is_some() { self.status.listen } else { spec.listen };
        let listen = self.free(usual).await?;
        Child::start(&self.shared.launch, spec, listen).await
    }

    /// Waits before the next try.
    async fn rest(&mut self, why: String, up: Duration) {
        let wait = self.backoff.ended(up);
        let looping = self.backoff.crash_looping();
        tracing::warn!(node = %self.name, again_in = ?wait, crash_looping = looping, "node ended: {why}");
        self.show(|status| {
            status.state = if looping { ChildState::CrashLooping } else { ChildState::Waiting };
            status.pid = None;
            status.restarts += 1;
            status.last_end = Some(why);
        });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = not_wanted(self.wanted.clone()) => {}
        }
    }

    /// `usual` once it is free, or another address when a stranger sits there.
    async fn free(&self, usual: SocketAddr) -> Result<SocketAddr, String> {
        let begin = Instant::now();
        while !ports::is_free(usual) {
            if begin.elapsed() > PORT_PATIENCE {
                let other = self.shared.ports.next_free(|_| false).map_err(|error| error.to_string())?;
                tracing::warn!(node = %self.name, "another program listens on {usual}; the node moves to {other}");
                return Ok(other);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(usual)
    }

    fn show(&mut self, change: impl FnOnce(&mut ChildStatus)) {
        change(&mut self.status);
        let status = self.status.clone();
        self.shared.statuses.send_modify(|all| {
            all.insert(self.name.clone(), status);
        });
    }
}

/// Returns once the child is not wanted any more.
async fn not_wanted(mut wanted: watch::Receiver<Option<ChildSpec>>) {
    // An error means that the supervisor is gone, and with it every wish.
    let _ = wanted.wait_for(Option::is_none).await;
}
