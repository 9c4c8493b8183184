//! The one part that knows all parts: it builds them in the order in which they need each other, says that they
//! are ready, waits for the end, and takes them down in reverse.

mod ground;
mod proxy;
mod signals;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::runtime::Builder;

use crate::cluster::store::StoreError;
use crate::config::secret::SecretError;
use crate::config::{Flags, Settings, variables};
use crate::{data, telemetry};
use proxy::Proxy;
use signals::Signals;

/// Exit code: the configuration cannot be used.
const MISCONFIGURED: u8 = 2;

/// Why the proxy does not run. Each message says what to do.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Data(#[from] data::StartError),
    #[error(
        "the cluster in {} was made with points = {cluster}, but {configured} are configured. Every key's place depends \
         on this number, so it cannot be changed: configure points = {cluster}, or leave it out",
        data.display()
    )]
    Points { data: PathBuf, cluster: u32, configured: u32 },
    #[error("cannot listen on {address} for administration: {cause}; choose another with --admin-listen")]
    AdminListener { address: SocketAddr, cause: io::Error },
    #[error("no ports for the nodes: {0}")]
    NodePorts(io::Error),
    #[error("cannot {what}: {cause}")]
    System { what: &'static str, cause: io::Error },
    #[error("the proxy must stop: {0}")]
    Stopped(String),
}

/// Serves until a signal says to stop; the exit code of the process.
#[must_use]
pub fn run(flags: &Flags) -> ExitCode {
    let settings = match Settings::load(flags, |name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(mistakes) => {
            complain(&format!("the configuration cannot be used:\n{mistakes}"));
            return ExitCode::from(MISCONFIGURED);
        }
    };
    telemetry::start(settings.log.format, &settings.log.level);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for (name, meant) in variables::misspelt(names) {
        tracing::warn!("the environment variable {name} is no setting: did you mean {meant}?");
    }
    match on_control_runtime(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            complain(&failed.to_string());
            ExitCode::FAILURE
        }
    }
}

fn on_control_runtime(settings: &Settings) -> Result<(), Failed> {
    // Few threads: everything here waits most of the time. Requests have threads of their own.
    let control = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(|cause| Failed::System { what: "start the control runtime", cause })?;
    let served = control.block_on(serve(settings));
    // Whatever is left must not hold up the end.
    control.shutdown_background();
    served
}

async fn serve(settings: &Settings) -> Result<(), Failed> {
    let mut signals = Signals::new()?;
    let proxy = Proxy::start(settings)?;
    let outcome = tokio::select! {
        why = proxy.work() => Err(Failed::Stopped(why)),
        () = signals.next() => Ok(()),
    };
    tracing::info!("stopping: requests in flight get their answers (ask once more to stop at once)");
    tokio::select! {
        () = proxy.stop(settings.drain) => tracing::info!("stopped"),
        () = signals.next() => tracing::warn!("stopping at once"),
    }
    outcome
}

fn complain(text: &str) {
    // Where stderr is closed, nobody is left to tell.
    let _ = writeln!(io::stderr(), "keyway: {text}");
}
