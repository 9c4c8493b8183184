//! The threads of the data path: started together, stopped together.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::time::Instant;

use super::access::{self, Access, AccessSettings, Output, Spans};
use super::admin::Admin;
use super::listen::{ListenError, listen};
use super::settings::Settings;
use super::worker::{Stop, Worker};
use crate::config::secret::Secret;
use crate::metrics::{Metrics, WorkerMetrics};
use crate::view::{Bridge, Seat};

/// The running data path. Dropping it cuts every connection; [`DataPath::drain`] is the polite way.
#[derive(Debug)]
pub struct DataPath {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    stop: watch::Sender<Stop>,
    threads: Vec<JoinHandle<()>>,
    /// Writes the access log; it has to outlive the workers.
    _access_log: Option<Output>,
    /// Sends spans; it has to outlive the workers.
    _spans: Option<Spans>,
}

/// Why the data path did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// See [`ListenError`].
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// No thread, or no runtime for it.
    #[error("cannot start a worker: {0}")]
    Worker(#[from] io::Error),
    /// No access log.
    #[error("cannot write the access log {}: {cause}; name another file in [access_log], or leave it out", file.display())]
    AccessLog {
        /// Where it was to go.
        file: PathBuf,
        /// Why it cannot.
        cause: io::Error,
    },
    /// No spans, and why.
    #[error("{0}")]
    Spans(String),
}

impl DataPath {
    /// Listens, and starts to serve. When this returns, clients can connect.
    ///
    /// The nodes are shown `secret`. Without `admin`, requests for admin paths are answered with 404.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(
        settings: &Settings,
        bridge: &Arc<Bridge>,
        secret: &Secret,
        admin: Option<Admin>,
    ) -> Result<Self, StartError> {
        let listeners = listen(settings.listen, settings.workers)?;
        let address = listeners.first().map_or(Ok(settings.listen), TcpListener::local_addr)?;
        let metrics = Metrics::new(listeners.len());
        let access_log = access_log(&settings.access, &metrics)?;
        let teller = settings.access.slow.map(|_| access::teller()).transpose()?;
        let spans = Spans::start().map_err(StartError::Spans)?;
        let stop = watch::Sender::new(None);
        let mut threads = Vec::with_capacity(listeners.len());
        let admins = std::iter::repeat_n(admin, listeners.len());
        for (number, ((listener, metrics), admin)) in
            listeners.into_iter().zip(metrics.workers()).zip(admins).enumerate()
        {
            let plan = Plan {
                listener,
                settings: settings.clone(),
                secret: Bytes::copy_from_slice(secret.expose().as_bytes()),
                seat: bridge.seat(),
                metrics: Arc::clone(metrics),
                admin,
                access: Access::new(
                    &settings.access,
                    access_log.as_ref().map(Output::lines),
                    teller.clone(),
                    spans.as_ref().map(Spans::tracer),
                ),
                stop: stop.subscribe(),
            };
            let (ready, started) = mpsc::channel();
            let name = format!("data-{number}");
            threads.push(thread::Builder::new().name(name).spawn(move || plan.carry_out(&ready))?);
            started.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended at once")))?;
        }
        Ok(Self { address, metrics, stop, threads, _access_log: access_log, _spans: spans })
    }

    /// Where clients connect.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Stops: no new connections, every request in flight gets its answer, then connections are closed. After
    /// `limit`, what is left is cut.
    pub async fn drain(mut self, limit: Duration) {
        self.stop.send_replace(Some(Instant::now() + limit));
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a worker of the data path had panicked");
                }
            }
        });
        // It fails only when the runtime itself is going down.
        let _ = joined.await;
    }
}

/// What a worker's thread begins with.
struct Plan {
    listener: TcpListener,
    settings: Settings,
    secret: Bytes,
    seat: Seat,
    metrics: Arc<WorkerMetrics>,
    admin: Option<Admin>,
    access: Option<Access>,
    stop: watch::Receiver<Stop>,
}

fn access_log(settings: &AccessSettings, metrics: &Arc<Metrics>) -> Result<Option<Output>, StartError> {
    let start = |_| {
        let file = settings.file.as_deref();
        Output::start(file, metrics).map_err(|cause| StartError::AccessLog {
            file: file.map(Path::to_owned).unwrap_or_else(|| PathBuf::from("stdout")),
            cause,
        })
    };
    settings.form.map(start).transpose()
}

impl Plan {
    fn carry_out(self, ready: &mpsc::Sender<io::Result<()>>) {
        let prepared = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
            .and_then(|runtime| {
                let listener = {
                    let _inside = runtime.enter();
                    tokio::net::TcpListener::from_std(self.listener)?
                };
                Ok((runtime, listener))
            });
        // Whoever started us waits for exactly this.
        let _ = match prepared {
            Err(error) => ready.send(Err(error)),
            Ok((runtime, listener)) => {
                let worker =
                    Worker::new(self.settings, self.secret, self.seat, self.metrics, self.admin, self.access);
                let started = ready.send(Ok(()));
                runtime.block_on(worker.run(listener, self.stop));
                started
            }
        };
    }
}
