//! The ground to build on: everything that is found out, locked or bound before any part runs, so that a start that
//! cannot succeed leaves things as they were.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use hashring::ring::DEFAULT_POINTS;
use hashring::view::Node;
use hashring::{Id, View};
use tokio::runtime::Handle;

use super::Failed;
use crate::cluster::store::ViewStore;
use crate::config::secret::Secret;
use crate::config::{ListedNode, Nodes, Settings};
use crate::data::{self, ListenError};
use crate::local::{Launch, Supervisor};

/// What was found.
pub(super) struct Ground {
    /// The admin plane's own socket, where one is configured.
    pub(super) admin_listener: Option<TcpListener>,
    /// The data folder, in full.
    pub(super) data: PathBuf,
    /// The cluster's secret.
    pub(super) secret: Secret,
    /// Without children as yet.
    pub(super) supervisor: Supervisor,
    /// Whether it may be asked to start nodes.
    pub(super) starts_nodes: bool,
    /// Locked.
    pub(super) store: ViewStore,
    /// The view that stands, or the first one of a new cluster.
    pub(super) view: View,
}

impl Ground {
    /// Looks for all of it.
    pub(super) fn find(settings: &Settings) -> Result<Self, Failed> {
        check_port(settings.data_path.listen)?;
        let admin_listener = settings.admin_listen.map(bind_admin).transpose()?;
        let mut store = ViewStore::open(&settings.data)?;
        let data = settings.data.canonicalize().unwrap_or_else(|_| settings.data.clone());
        let stored = store.load()?;
        if let Some(view) = &stored {
            check(view, settings, &data)?;
        }
        let secret = match &settings.cluster_secret {
            Some(secret) => secret.clone(),
            None => Secret::of_folder(&data)?,
        };
        let supervisor = supervisor(settings, secret.clone());
        let view = match stored {
            Some(view) => view,
            None => first(&mut store, settings, &supervisor)?,
        };
        let starts_nodes = starts_nodes(&view, settings);
        Ok(Self { admin_listener, data, secret, supervisor, starts_nodes, store, view })
    }
}

/// The data path listens last, but a port in use is no reason to start nodes first.
fn check_port(address: SocketAddr) -> Result<(), Failed> {
    let refused = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse(address),
        io::ErrorKind::PermissionDenied => ListenError::Denied(address),
        _ => ListenError::Other { address, source },
    };
    TcpListener::bind(address).map(drop).map_err(|error| data::StartError::Listen(refused(error)).into())
}

fn bind_admin(address: SocketAddr) -> Result<TcpListener, Failed> {
    TcpListener::bind(address).map_err(|cause| Failed::AdminListener { address, cause })
}

fn supervisor(settings: &Settings, secret: Secret) -> Supervisor {
    let listen = settings.data_path.listen;
    // Port 0 stays 0: everything free.
    let first_port = if listen.port() == 0 { 0 } else { listen.port().checked_add(1).unwrap_or(0) };
    let launch = Launch::of_this_program(&settings.local, &settings.log, secret);
    // Nodes serve whoever reaches them, so those of our own are reachable only from here.
    Supervisor::new(launch, Ipv4Addr::LOCALHOST.into(), first_port, Handle::current())
}

/// Refuses settings that do not fit the cluster as it stands, and warns of those that have no effect on it.
fn check(view: &View, settings: &Settings, data: &Path) -> Result<(), Failed> {
    if let Some(configured) = settings.points.filter(|points| *points != view.points) {
        return Err(Failed::Points { data: data.to_owned(), cluster: view.points, configured });
    }
    let unknown = |listed: &&ListedNode| !view.nodes.contains_key(&listed.name);
    if let Nodes::Listed(listed) = &settings.nodes {
        for node in listed.iter().filter(unknown) {
            tracing::warn!(
                "[[node]] {} is in the configuration but not in the cluster: the list counts only for a new cluster; \
                 add it with: keyway add-server {}",
                node.name,
                node.url
            );
        }
    }
    Ok(())
}

/// The first view of a new cluster, written before any of its nodes is started.
fn first(store: &mut ViewStore, settings: &Settings, supervisor: &Supervisor) -> Result<View, Failed> {
    let mut view = View::first(random()?, random()?, settings.points.unwrap_or(DEFAULT_POINTS));
    match &settings.nodes {
        Nodes::Own(number) => own_nodes(&mut view, *number, supervisor)?,
        Nodes::Listed(listed) => {
            for node in listed {
                view.nodes.insert(node.name.clone(), new_node(node.url.clone(), node.weight, false));
            }
        }
    }
    store.swap(0, &view)?;
    tracing::info!(cluster = %view.cluster, "a new cluster");
    Ok(view)
}

/// Whether this proxy starts nodes of its own when it is asked to. Where the nodes are elsewhere, one of our own
/// would listen where they cannot reach it.
fn starts_nodes(view: &View, settings: &Settings) -> bool {
    matches!(settings.nodes, Nodes::Own(1..)) || view.nodes.values().any(|node| node.own)
}

fn own_nodes(view: &mut View, number: u32, supervisor: &Supervisor) -> Result<(), Failed> {
    let mut taken = BTreeSet::new();
    for index in 1..=number {
        let address = supervisor.free_address(&taken).map_err(Failed::NodePorts)?;
        taken.insert(address.port());
        let name = format!("n{index}").parse().map_err(|error| system(io::Error::other(error)))?;
        view.nodes.insert(name, new_node(format!("http://{address}"), 1, true));
        view.next_own = index + 1;
    }
    Ok(())
}

/// A node that has never said hello.
fn new_node(url: String, weight: u16, own: bool) -> Node {
    Node { id: None, boot: None, grant: 0, url, weight, own }
}

/// An identity that nobody else has.
pub(super) fn random() -> Result<Id, Failed> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| system(io::Error::other(error)))?;
    Ok(Id(u128::from_le_bytes(bytes)))
}

fn system(cause: io::Error) -> Failed {
    Failed::System { what: "make a new cluster", cause }
}
