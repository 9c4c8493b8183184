//! Threads that give way to those that answer clients: on a machine whose processors are all busy, work in the
//! background would otherwise hold up every hop of a request for as long as it may run at a time.

use std::io;
use std::thread;

/// How much later such a thread comes (`nice(2)`): a tenth of a processor where others want all of it, so that the work
/// gets done under any load.
const LATER: i32 = 10;

/// Runs `work` in a thread that gives way.
///
/// # Errors
/// The system gives no more threads.
pub(crate) fn run<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<thread::JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Elsewhere it would be of the whole process. Where it is not allowed, the work is done all the same.
        if cfg!(target_os = "linux")
            && let Err(error) = rustix::process::nice(LATER)
        {
            tracing::debug!(%error, "a thread cannot give way");
        }
        work()
    })
}
