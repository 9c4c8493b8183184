//! The life of a node's process: open, listen, say so, serve, drain.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hashring::{Id, NodeName};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use super::home::{Home, Resident};
use super::join;
use crate::config::Config;
use crate::http::Front;
use crate::node::{Node, OpenError};
use crate::serve::{BindError, listen, serve};

/// Why the process ends without having been asked to.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the node had to stop: {0}")]
    Ended(String),
    #[error("the system refuses what a node needs: {0}")]
    System(#[from] io::Error),
}

/// The one line on standard output, once the node answers requests; one more where the process becomes another node.
#[derive(Serialize)]
struct Ready<'a> {
    ready: bool,
    name: &'a NodeName,
    id: Id,
    listen: SocketAddr,
    data: PathBuf,
}

/// Runs a node until it is told to stop.
pub(super) fn run(config: Config) -> Result<(), RunError> {
    if config.exit_with_parent {
        exit_with_parent()?;
    }
    // Listening first: a port in use is found out before anything on disk is touched.
    let listener = listen(config.listen)?;
    // One thread for connections (and `http.threads` may add some): moving requests between threads costs more
    // than it gains. The node's writer has its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // As a task, since the root of a runtime costs one more system call each time it is woken.
        tokio::spawn(live(config, listener)).await.unwrap_or_else(|error| Err(io::Error::other(error).into()))
    })
}

async fn live(config: Config, listener: std::net::TcpListener) -> Result<(), RunError> {
    let mut signals = Signals::new()?;
    let mut home = Home::of(&config);
    let mut resident = home.open(&config)?;
    while let Some(next) = reside(&config, &listener, &mut home, resident, &mut signals).await? {
        info!(name = %next.node.name(), "going on as this node");
        resident = next;
    }
    info!("the node has stopped");
    Ok(())
}

/// Serves as one node, until told to stop or until another one is to be served instead.
async fn reside(
    config: &Config,
    listener: &std::net::TcpListener,
    home: &mut Home,
    Resident { node, data }: Resident,
    signals: &mut Signals,
) -> Result<Option<Resident>, RunError> {
    let listen = listener.local_addr()?;
    let url = config.advertise.clone().unwrap_or_else(|| format!("http://{listen}"));
    let me = join::Me { name: node.name().clone(), id: node.id(), url };
    let join = config.join.as_ref().map(|proxy| {
        tokio::spawn(join::ask_until_taken(proxy.clone(), me.clone(), config.http.secret.clone()))
    });
    say_ready(&Ready { ready: true, name: node.name(), id: node.id(), listen, data: absolute(&data)? })?;
    info!(name = %node.name(), id = %node.id(), %listen, "the node is ready");

    let front = Arc::new(Front::new(node.clone(), config.http.clone()));
    let (mut reason, mut next) = (None, None);
    let stop = async {
        tokio::select! {
            name = signals.next() => {
                if let Some(join) = &join {
                    join.abort();
                }
                tokio::select! {
                    () = leave(config, &me, &node) => {}
                    why = node.ended() => reason = Some(why),
                    _ = signals.next() => warn!("stopping as a member: its keys are not served until it runs again"),
                }
                info!(signal = name, "stopping: finishing the requests under way");
                // Who asks a second time does not want to wait.
                tokio::spawn(stop_at_once(Signals::new()));
            }
            why = node.ended() => reason = Some(why),
            other = home.next(config, &node) => next = Some(other),
        }
    };
    serve(listener.try_clone()?, front, &config.serve, stop).await?;
    if let Some(join) = join {
        join.abort();
    }
    if let Some(reason) = reason {
        return Err(RunError::Ended(reason));
    }
    Ok(next)
}

/// Leaves the cluster, where the configuration says so. Meanwhile the node serves.
async fn leave(config: &Config, me: &join::Me, node: &Node) {
    let Some(proxy) = config.join.as_ref().filter(|_| config.leave_on_stop) else { return };
    info!(%proxy, "leaving the cluster: the keys move first (a second signal stops without that)");
    match join::leave(proxy, me, config.http.secret.as_ref(), node).await {
        Ok(()) => info!("the node has left"),
        Err(why) => warn!(%why, "the node stays a member"),
    }
}

async fn stop_at_once(signals: io::Result<Signals>) {
    let Ok(mut signals) = signals else { return };
    let name = signals.next().await;
    warn!(signal = name, "stopping at once");
    std::process::exit(1);
}

fn say_ready(ready: &Ready<'_>) -> io::Result<()> {
    let mut line = serde_json::to_string(ready)?;
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

fn absolute(path: &std::path::Path) -> io::Result<PathBuf> {
    path.canonicalize().or_else(|_| std::path::absolute(path))
}

/// Ends the process when standard input ends: then the parent, which holds the other end, is gone, however it
/// went. Nothing needs to be finished: what was acknowledged is on disk.
fn exit_with_parent() -> io::Result<()> {
    std::thread::Builder::new().name("parent".to_owned()).spawn(|| {
        let mut ignored = [0; 256];
        loop {
            match io::stdin().read(&mut ignored) {
                Ok(0) => std::process::exit(0),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => std::process::exit(0),
                _ => {}
            }
        }
    })?;
    Ok(())
}

/// The signals that ask for an orderly end.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
