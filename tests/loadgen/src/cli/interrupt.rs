//! Ctrl-C: the first ends the run in order, with its figures; the second at once.

use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

/// What is said of a run that was ended so.
pub(crate) const INTERRUPTED: &str = "interrupted";
/// What a shell expects of a process that SIGINT has ended.
const AT_ONCE: i32 = 130;

/// From here on the first Ctrl-C sets `stop`.
pub(crate) fn sets(stop: &Arc<AtomicBool>) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("cannot listen for Ctrl-C: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(wrong)?;
    let mut signals = {
        let _within = runtime.enter();
        // Listens before it returns, so that none is missed.
        signal(SignalKind::interrupt()).map_err(wrong)?
    };
    let stop = Arc::clone(stop);
    let waits = move || {
        runtime.block_on(async {
            while signals.recv().await.is_some() {
                if stop.swap(true, Ordering::Relaxed) {
                    exit(AT_ONCE);
                }
            }
        });
    };
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(waits).map(drop).map_err(wrong)
}
