//! Runs a test as a story: on its own runtime, with a deadline, beside others or alone.

use std::future::Future;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// Stories share the machine; one that loads it heavily, or watches the clock closely, takes it for itself.
static MACHINE: RwLock<()> = RwLock::new(());

/// Runs `body`, and fails when it has not ended after `limit`. Other stories may run at the same time.
pub fn story<F: Future<Output = ()>>(limit: Duration, body: impl FnOnce() -> F) {
    // A story that failed has poisoned nothing: there is no data behind this lock.
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    run(limit, body);
}

/// Like [`story`], while no other story runs in this process.
pub fn story_alone<F: Future<Output = ()>>(limit: Duration, body: impl FnOnce() -> F) {
    let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    run(limit, body);
}

fn run<F: Future<Output = ()>>(limit: Duration, body: impl FnOnce() -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the story");
    // The panic must rise while the story's processes are still alive: then their logs are shown.
    runtime.block_on(async {
        tokio::select! {
            () = body() => {}
            () = tokio::time::sleep(limit) => panic!("the story did not end within {limit:?}"),
        }
    });
    runtime.shutdown_background();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "did not end within")]
    fn a_story_that_hangs_fails() {
        story(Duration::from_millis(20), std::future::pending::<()>);
    }
}
