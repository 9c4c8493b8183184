//! The signals that ask us to stop: Ctrl-C, and what service managers send.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failed;

/// Both of them.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on they do not end the process by themselves.
    pub(super) fn new() -> Result<Self, Failed> {
        let of = |kind| signal(kind).map_err(|cause| Failed::System { what: "listen to signals", cause });
        Ok(Self { interrupt: of(SignalKind::interrupt())?, terminate: of(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
