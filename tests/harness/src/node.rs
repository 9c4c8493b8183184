//! A single kvnode, started by the test and not by a proxy.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::Client;
use crate::cluster::Cluster;
use crate::launch::Launch;
use crate::process::{Process, Refusal};
use crate::scratch::Scratch;

/// A running kvnode.
#[derive(Debug)]
pub struct Node {
    /// Its process.
    pub process: Process,
    /// Its name.
    pub name: String,
    /// Its data folder.
    pub data: PathBuf,
    client: Client,
}

impl Node {
    /// How a kvnode of this name is started: on a free port, its data in the story's folder.
    #[must_use]
    pub fn launch(name: &str, scratch: &Scratch) -> Launch {
        Self::launch_at("127.0.0.1:0", name, scratch)
    }

    /// The same at a chosen address: that of a site, or one that it had before.
    #[must_use]
    pub fn launch_at(address: &str, name: &str, scratch: &Scratch) -> Launch {
        Launch::keyway(name, scratch)
            .arg("kvnode")
            .flag("--name", name)
            .flag("--listen", address)
            .flag("--data", scratch.path(name))
    }

    /// A kvnode that belongs to no cluster and serves every key.
    pub async fn alone(name: &str, scratch: &Scratch) -> Self {
        Self::started(&Self::launch(name, scratch)).await
    }

    /// A kvnode that has the cluster's secret, so that the cluster can take it in.
    pub async fn for_cluster(name: &str, cluster: &Cluster) -> Self {
        Self::started(&Self::launch_for(name, cluster)).await
    }

    /// A kvnode that asks the cluster's proxy to take it in.
    pub async fn joining(name: &str, cluster: &Cluster) -> Self {
        let url = format!("http://{}", cluster.admin_address());
        Self::started(&Self::launch_for(name, cluster).flag("--join", url)).await
    }

    /// How a kvnode with the cluster's secret is started.
    #[must_use]
    pub fn launch_for(name: &str, cluster: &Cluster) -> Launch {
        Self::launch(name, cluster.scratch()).env("KEYWAY_CLUSTER_SECRET_FILE", cluster.secret_file())
    }

    /// Starts it.
    ///
    /// # Panics
    /// Where it does not get ready.
    pub async fn started(launch: &Launch) -> Self {
        Self::try_started(launch).await.unwrap_or_else(|refusal| {
            panic!(
                "{} ended with {} instead of getting ready:\n{}",
                launch.name, refusal.status, refusal.said
            )
        })
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`Refusal`] where it ended instead of getting ready.
    pub async fn try_started(launch: &Launch) -> Result<Self, Refusal> {
        let process = Process::start(launch).await?;
        let text = |field: &str| {
            let value = process.ready[field].as_str();
            value.unwrap_or_else(|| panic!("no {field:?} in the ready line {}", process.ready)).to_owned()
        };
        let address: SocketAddr = text("listen").parse().expect("an address in the ready line");
        let (name, data) = (text("name"), text("data").into());
        Ok(Self { name, data, client: Client::new(address), process })
    }

    /// A client of this node.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.client.address())
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The body of the `add-server` request that takes it in.
    #[must_use]
    pub fn introduction(&self) -> Value {
        json!({"name": self.name, "url": self.url()})
    }
}
