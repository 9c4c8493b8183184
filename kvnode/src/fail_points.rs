//! Named moments at which a test may kill or stop this process. Compiled out unless the feature `fail-points` is on.
//!
//! `FAIL_POINT=target.seal.synced=kill@/folder/marker`: the first process that reaches the moment creates the
//! marker, with its process id in it, and dies as by `kill -9`; with `stop` it stands still until somebody sends
//! SIGCONT. Every other process, and this one when it was started again, goes on.

/// This moment is reached. `name` is only made where somebody may want to know.
#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub fn reached(_name: impl FnOnce() -> String) {}

#[cfg(feature = "fail-points")]
pub use acting::reached;

#[cfg(feature = "fail-points")]
mod acting {
    use std::fs::File;
    use std::io::Write;
    use std::path::PathBuf;
    use std::sync::OnceLock;

    use rustix::process::{Signal, getpid, kill_process};

    /// What to do where.
    struct Order {
        point: String,
        signal: Signal,
        marker: PathBuf,
    }

    /// This moment is reached: does what was ordered for it, once.
    pub fn reached(name: impl FnOnce() -> String) {
        static ORDER: OnceLock<Option<Order>> = OnceLock::new();
        let Some(order) = ORDER.get_or_init(ordered) else { return };
        if name() != order.point {
            return;
        }
        let Ok(mut marker) = File::create_new(&order.marker) else { return };
        let _ = write!(marker, "{}", getpid().as_raw_nonzero());
        let _ = kill_process(getpid(), order.signal);
    }

    fn ordered() -> Option<Order> {
        let text = std::env::var("FAIL_POINT").ok()?;
        let (point, rest) = text.split_once('=')?;
        let (signal, marker) = rest.split_once('@')?;
        let signal = if signal == "kill" { Signal::KILL } else { Signal::STOP };
        Some(Order { point: point.to_owned(), signal, marker: marker.into() })
    }
}
