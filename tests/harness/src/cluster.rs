//! A whole Keyway as a user starts it: the proxy with its kvnodes as child processes.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::admin::Admin;
use crate::binary;
use crate::client::Client;
use crate::family::{self, Child};
use crate::launch::Launch;
use crate::namespace::Place;
use crate::process::{Process, Refusal};
use crate::scratch::Scratch;
use crate::wait::eventually;

/// How long a stop may take: what is in flight is finished first.
const STOP: Duration = Duration::from_secs(30);

/// How a cluster is to be started; the default is what a user gets who configures nothing.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    nodes: Option<u32>,
    config: Option<String>,
    data: Option<PathBuf>,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    fail_points: bool,
    places: Vec<(PathBuf, Vec<String>)>,
    token: Option<String>,
}

impl Setup {
    /// The default: three nodes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// So many nodes of its own at the first start.
    #[must_use]
    pub fn nodes(mut self, nodes: u32) -> Self {
        self.nodes = Some(nodes);
        self
    }

    /// A configuration file with this text.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config = Some(toml.to_owned());
        self
    }

    /// A data folder outside the story's own.
    #[must_use]
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first process that gets to this moment is killed or stopped, by `kill` or `stop`; it leaves its process
    /// id in `marker`.
    #[must_use]
    pub fn fail_point(mut self, point: &str, action: &str, marker: &Path) -> Self {
        self.fail_points = true;
        self.env("FAIL_POINT", &format!("{point}={action}@{}", marker.display()))
    }

    /// On a disk, or at a site of a network.
    #[must_use]
    pub fn on(mut self, place: &impl Place) -> Self {
        self.places.push(place.namespace().enter());
        self
    }

    /// At an address that is not only this machine's: then the admin API wants a token.
    #[must_use]
    pub fn listen(self, address: IpAddr) -> Self {
        const TOKEN: &str = "a-token-of-the-tests";
        let listening = self.flag("--listen", &format!("{address}:0")).env("KEYWAY_ADMIN_TOKEN", TOKEN);
        Self { token: Some(TOKEN.to_owned()), ..listening }
    }

    /// A flag without a value.
    #[must_use]
    pub fn switch(mut self, flag: &str) -> Self {
        self.arguments.push(flag.to_owned());
        self
    }

    /// A flag and its value.
    #[must_use]
    pub fn flag(mut self, flag: &str, value: &str) -> Self {
        self.arguments.extend([flag.to_owned(), value.to_owned()]);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// Where it does not get ready.
    pub async fn start(self) -> Cluster {
        let scratch = Arc::new(Scratch::new());
        let launch = self.launch(&scratch);
        let proxy = started(&launch).await;
        let client = Client::new(address(&proxy, "listen"));
        let mut admin = Client::new(address(&proxy, "admin"));
        if let Some(token) = &self.token {
            admin = admin.bearing(token);
        }
        let admin = Admin::new(admin);
        Cluster { proxy, client, admin, setup: self, known: Vec::new(), scratch }
    }

    /// Starts it where it is expected to refuse.
    ///
    /// # Panics
    /// Where it gets ready.
    pub async fn refused(self) -> Refusal {
        let scratch = Scratch::new();
        let launch = self.launch(&scratch);
        match Process::start(&launch).await {
            Err(refusal) => refusal,
            Ok(process) => panic!("it started, but should have refused: {}", process.ready),
        }
    }

    fn launch(&self, scratch: &Scratch) -> Launch {
        let data = self.data.clone().unwrap_or_else(|| scratch.path("keyway-data"));
        let mut launch = Launch::keyway("keyway", scratch).arg("serve");
        if self.fail_points {
            launch = launch.program(binary::with_fail_points());
        }
        // An option given twice is a mistake; a test that gives its own address means that one.
        if !self.arguments.iter().any(|argument| argument == "--listen") {
            launch = launch.flag("--listen", "127.0.0.1:0");
        }
        launch = launch.flag("--data", data).args(&self.arguments);
        if let Some(nodes) = self.nodes {
            launch = launch.flag("--nodes", nodes.to_string());
        }
        if let Some(toml) = &self.config {
            launch = launch.flag("--config", scratch.file("keyway.toml", toml));
        }
        let launch = self.environment.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
        self.places.iter().cloned().fold(launch, Launch::inside)
    }
}

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    /// The proxy's process.
    pub proxy: Process,
    client: Client,
    admin: Admin,
    setup: Setup,
    /// Children that were seen, so that none survives the story even where the product lets one live on.
    known: Vec<Child>,
    scratch: Arc<Scratch>,
}

impl Cluster {
    /// Starts what a user gets who configures nothing: a proxy and three nodes.
    pub async fn start() -> Self {
        Setup::new().start().await
    }

    /// A client of the data plane; all its clones follow the proxy when it is started again.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The admin API.
    #[must_use]
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Where data requests go.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.client.address()
    }

    /// Where admin requests go.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.client().address()
    }

    /// The data folder, as the ready line says it.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        let named = self.proxy.ready["data"].as_str();
        named.unwrap_or_else(|| panic!("no \"data\" in the ready line {}", self.proxy.ready)).into()
    }

    /// The file that holds the cluster's secret.
    #[must_use]
    pub fn secret_file(&self) -> PathBuf {
        self.data().join("secret")
    }

    /// The story's folder.
    #[must_use]
    pub fn scratch(&self) -> &Arc<Scratch> {
        &self.scratch
    }

    /// The nodes in the ready line: name and URL.
    #[must_use]
    pub fn announced(&self) -> Vec<(String, String)> {
        let nodes = self.proxy.ready["nodes"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        nodes.iter().map(|node| (text(&node["name"]), text(&node["url"]))).collect()
    }

    /// The proxy's child processes.
    pub fn children(&mut self) -> Vec<Child> {
        let now = family::children(self.proxy.pid());
        for child in &now {
            if !self.known.contains(child) {
                self.known.push(child.clone());
            }
        }
        now
    }

    /// The process of one of the proxy's own nodes.
    ///
    /// # Panics
    /// Where there is none.
    pub fn child(&mut self, node: &str) -> Child {
        let children = self.children();
        let found = children.iter().find(|child| child.has("--name", node)).cloned();
        found.unwrap_or_else(|| panic!("the proxy has no child process with --name {node}: {children:?}"))
    }

    /// `kill -9` for one of the proxy's own nodes. The proxy starts it again by itself.
    pub fn kill_node(&mut self, node: &str) -> Child {
        let child = self.child(node);
        child.signal(Signal::KILL);
        child
    }

    /// Waits until the proxy has started a node again that it knew as `before`, and all of the ring serves.
    pub async fn started_again(&mut self, node: &str, before: &Child) {
        eventually(Duration::from_secs(30), &format!("{node} is started again"), || {
            let found =
                self.children().into_iter().find(|child| child.has("--name", node) && child != before);
            async move { found.map(drop).ok_or_else(|| "no such child process".to_owned()) }
        })
        .await;
        self.admin.ready(Duration::from_secs(30)).await;
    }

    /// SIGTERM, and waits: it must end by itself, with success, and take its children along.
    pub async fn stop(&mut self) {
        let children = self.children();
        self.proxy.terminate();
        let status = self.proxy.ended(STOP).await;
        assert!(status.success(), "the proxy drained and ended with {status}, not with success");
        gone(&children, "after a drain", Duration::from_secs(1)).await;
    }

    /// `kill -9` for the proxy; its children must follow.
    pub async fn kill(&mut self) {
        let children = self.children();
        self.proxy.kill();
        gone(&children, "after kill -9 of the proxy", Duration::from_secs(10)).await;
    }

    /// SIGSTOP for the proxy and its children, and waits until none of them acts any more.
    pub async fn stand_still(&mut self) {
        // The proxy first: it starts children.
        family::stand_still(&[self.proxy.pid()]).await;
        let children: Vec<_> = self.children().iter().map(|child| child.pid).collect();
        family::stand_still(&children).await;
    }

    /// `kill -9` for the proxy and its children at once.
    pub async fn kill_all(&mut self) {
        let children = self.children();
        children.iter().for_each(|child| child.signal(Signal::KILL));
        self.proxy.kill();
        gone(&children, "after kill -9 of all", Duration::from_secs(10)).await;
    }

    /// Starts it again on the same data, after [`Cluster::stop`] or [`Cluster::kill`].
    pub async fn start_again(&mut self) {
        self.proxy = started(&self.setup.launch(&self.scratch)).await;
        self.client.follow(address(&self.proxy, "listen"));
        self.admin.client().follow(address(&self.proxy, "admin"));
    }

    /// Stops it and starts it again.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.children();
        self.proxy.kill();
        for child in &self.known {
            child.signal(Signal::KILL);
        }
    }
}

/// Waits until none of these processes is left.
pub async fn gone(children: &[Child], when: &str, limit: Duration) {
    eventually(limit, &format!("no child process left {when}"), || {
        let left: Vec<&Child> = children.iter().filter(|child| child.alive()).collect();
        let outcome = if left.is_empty() { Ok(()) } else { Err(format!("still there: {left:?}")) };
        async move { outcome }
    })
    .await;
}

/// The log of the proxy (and of its nodes, which share its stderr).
#[must_use]
pub fn log(scratch: &Scratch) -> String {
    read(&scratch.log("keyway"))
}

fn read(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

async fn started(launch: &Launch) -> Process {
    Process::start(launch).await.unwrap_or_else(|refusal| {
        panic!("keyway ended with {} instead of getting ready:\n{}", refusal.status, refusal.said)
    })
}

fn address(proxy: &Process, field: &str) -> SocketAddr {
    let text = proxy.ready[field].as_str();
    let text = text.unwrap_or_else(|| panic!("no {field:?} in the ready line {}", proxy.ready));
    text.parse().unwrap_or_else(|error| panic!("{field:?} in the ready line is no address: {error}"))
}
