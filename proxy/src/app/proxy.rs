//! The running proxy: all parts, put together.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hashring::NodeName;
use http_body_util::BodyExt;
use serde::Serialize;
use tokio::runtime::Handle;

use super::Failed;
use super::ground::{Ground, random};
use crate::admin::access::Access;
use crate::admin::history::{History, Sampler};
use crate::admin::listener::Listener;
use crate::admin::{Admin, Parts};
use crate::cluster::coordinator::{Coordinator, Options};
use crate::config::Settings;
use crate::control::Control;
use crate::data::{self, DataPath};
use crate::local::Supervisor;
use crate::view::Bridge;

/// How long the nodes may take at start before we say that we are ready without them.
const NODES_START: Duration = Duration::from_secs(15);
/// The folder of our own nodes' data, in the data folder.
const NODES: &str = "nodes";

/// All parts. They are dropped in reverse.
pub(super) struct Proxy {
    data: PathBuf,
    data_path: DataPath,
    admin_listener: Option<Listener>,
    _sampler: Sampler,
    coordinator: Coordinator,
    supervisor: Supervisor,
}

/// The one line on stdout: everything that whoever started us wants to know.
#[derive(Serialize)]
struct Ready<'a> {
    ready: bool,
    listen: SocketAddr,
    admin: SocketAddr,
    data: String,
    nodes: Vec<Named<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a NodeName,
    url: &'a str,
}

impl Proxy {
    /// Starts every part, on the present runtime: who decides, then the admin plane, and last the data path, so that
    /// no client comes too early.
    pub(super) fn start(settings: &Settings) -> Result<Self, Failed> {
        let Ground { admin_listener, data, secret, supervisor, starts_nodes, store, view } =
            Ground::find(settings)?;
        let bridge = Bridge::new(view.clone());
        let coordinator = Coordinator::start(Options {
            process: random()?,
            view,
            prevails: settings.trust_view,
            store,
            bridge: Arc::clone(&bridge),
            supervisor: starts_nodes.then(|| (supervisor.clone(), data.join(NODES))),
            secret: secret.clone(),
            auto_join: settings.join_auto,
            runtime: Handle::current(),
        })
        .map_err(|cause| Failed::System { what: "start the coordinator", cause })?;

        let metrics = Arc::new(OnceLock::new());
        let access = Access::new(settings.admin_token.clone());
        let (history, control) = (History::new(), Arc::new(coordinator.clone()));
        let sampler = history.watch(&metrics, &control);
        let admin = Admin::new(Parts {
            control,
            bridge: Arc::clone(&bridge),
            access: access.clone(),
            secret: secret.clone(),
            metrics: Arc::clone(&metrics),
            history,
        });
        let admin_listener = admin_listener
            .map(|listener| Listener::start(listener, admin.clone()))
            .transpose()
            .map_err(|cause| Failed::System { what: "listen for administration", cause })?;
        let shared = admin_listener.is_none().then(|| data::Admin::new(Handle::current(), service(admin)));
        let data_path = DataPath::start(&settings.data_path, &bridge, &secret, shared)?;
        // Set once, here.
        let _ = metrics.set(Arc::clone(data_path.metrics()));

        let proxy = Self { data, data_path, admin_listener, _sampler: sampler, coordinator, supervisor };
        tracing::info!("clients on {}, data in {}", proxy.data_path.local_addr(), proxy.data.display());
        tracing::info!("{}", access.describe(proxy.admin_address()));
        Ok(proxy)
    }

    /// Says that all is ready, and goes on until decisions cannot be made any more; the answer says why.
    pub(super) async fn work(&self) -> String {
        tokio::select! {
            ready = self.coordinator.wait_ready(NODES_START) => if !ready {
                tracing::warn!("some nodes do not serve yet; their keys are answered with 503 until they do");
            },
            why = self.coordinator.failed() => return why,
        }
        self.announce();
        self.coordinator.failed().await
    }

    /// Stops: no new clients, answers for those that wait (for `drain` at most), then no more children.
    pub(super) async fn stop(self, drain: Duration) {
        self.coordinator.end_waits();
        self.data_path.drain(drain).await;
        drop(self.admin_listener);
        self.supervisor.stop().await;
    }

    fn announce(&self) {
        let view = self.coordinator.view();
        for (name, node) in &view.nodes {
            tracing::info!("node {name} on {}", node.url);
        }
        let ready = Ready {
            ready: true,
            listen: self.data_path.local_addr(),
            admin: self.admin_address(),
            data: self.data.display().to_string(),
            nodes: view.nodes.iter().map(|(name, node)| Named { name, url: &node.url }).collect(),
        };
        // Addresses and texts always have a JSON form; and whoever started us without reading has no use for it.
        let line = serde_json::to_string(&ready).unwrap_or_default();
        let _ = writeln!(io::stdout(), "{line}");
    }

    fn admin_address(&self) -> SocketAddr {
        self.admin_listener.as_ref().map_or_else(|| self.data_path.local_addr(), Listener::address)
    }
}

/// The admin plane in the form in which the data path hands requests over.
fn service(admin: Admin<Coordinator>) -> impl data::AdminService {
    move |request, peer| {
        let admin = admin.clone();
        async move {
            let answer = admin.handle(request, peer).await;
            answer.map(|body| body.map_err(|never| match never {}).boxed_unsync())
        }
    }
}
