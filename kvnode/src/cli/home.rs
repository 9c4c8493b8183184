//! Which node this process is: the one that it was started as, or with `--data-under` the one whose data folder it
//! finds free.
//!
//! Such a process is not bound to its node for ever. Whoever runs replicas cannot choose which of them is stopped, so
//! the one that is left may be that of a node which was removed, while the data of a member lies there unused. It stands
//! by then, and takes over a folder that was left.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hashring::NodeName;
use tracing::{error, info, warn};

use crate::config::{Config, Who};
use crate::fence::Standing;
use crate::node::{Node, NodeOptions, OpenError};
use crate::store::folder::Folder;
use crate::store::folders::{Folders, Taken};

/// Between two looks for a folder that was left.
const LOOK: Duration = Duration::from_secs(1);

/// Where the folders are.
#[derive(Debug)]
pub(super) enum Home {
    /// One, for a node of this name.
    Own(NodeName, PathBuf),
    /// Many, of which one is taken.
    Shared(Folders),
}

/// A node that runs, over a folder that this process holds.
#[derive(Debug, Clone)]
pub(super) struct Resident {
    pub(super) node: Node,
    pub(super) data: PathBuf,
}

impl Home {
    pub(super) fn of(config: &Config) -> Self {
        match config.who.clone() {
            Who::Named(name, data) => Self::Own(name, data),
            Who::FirstFree(under) => Self::Shared(Folders::under(under)),
        }
    }

    /// Opens the node's folder, or takes the first free one of a node that was not removed.
    pub(super) fn open(&mut self, config: &Config) -> Result<Resident, OpenError> {
        match self {
            Self::Own(name, data) => start(config, name.clone(), Folder::open(data)?),
            Self::Shared(folders) => loop {
                let taken = folders.take()?;
                if let Some(resident) = admit(config, folders, taken)? {
                    return Ok(resident);
                }
            },
        }
    }

    /// Waits until this process should be another node than `node`, and opens that one. For ever, where it was told who
    /// it is.
    pub(super) async fn next(&mut self, config: &Config, node: &Node) -> Resident {
        if matches!(self, Self::Own(..)) {
            return std::future::pending().await;
        }
        node.until(|standing| matches!(standing, Standing::Member(_) | Standing::Outside)).await;
        if node.is_outside() {
            // It was away when it was removed, and learns it now: it has just chosen wrongly.
            match self.open(config) {
                Ok(resident) => return resident,
                Err(error) => error!(%error, "no other data folder can be taken"),
            }
        }
        loop {
            node.until(|standing| matches!(standing, Standing::Outside)).await;
            warn!(name = %node.name(), "this node was removed; standing by for one whose process is gone");
            while node.is_outside() {
                tokio::time::sleep(LOOK).await;
                if let Some(resident) = self.left(config) {
                    return resident;
                }
            }
        }
    }

    /// A node whose folder no process has held for a while.
    fn left(&mut self, config: &Config) -> Option<Resident> {
        let Self::Shared(folders) = self else { return None };
        let admitted = match folders.take_left(Instant::now()) {
            Ok(Some(taken)) => admit(config, folders, taken),
            Ok(None) => Ok(None),
            Err(error) => Err(error.into()),
        };
        match admitted {
            Ok(resident) => resident,
            Err(error) => {
                warn!(%error, "no data folder can be taken over");
                None
            }
        }
    }
}

/// Starts the node of a folder; `None` where it was removed from its cluster, so that the folder is of no more use.
fn admit(config: &Config, folders: &mut Folders, taken: Taken) -> Result<Option<Resident>, OpenError> {
    let Taken { name, folder, number } = taken;
    let resident = start(config, name.clone(), folder)?;
    if !resident.node.is_outside() {
        return Ok(Some(resident));
    }
    folders.pass_over(number);
    let folder = resident.data.display();
    info!(%name, %folder, "this node was removed: its folder is left as it is, and may be deleted");
    Ok(None)
}

fn start(config: &Config, name: NodeName, folder: Folder) -> Result<Resident, OpenError> {
    let data = folder.path().to_owned();
    let secret = config.http.secret.as_ref();
    let node = Node::open(NodeOptions {
        name,
        folder,
        cache_bytes: config.cache,
        disk_reserve: config.disk_reserve,
        // A proxy's child is told about its cluster in a moment; until then it must not serve as if it stood alone.
        joins: config.join.is_some() || config.exit_with_parent,
        secret: secret.map(|secret| String::from_utf8_lossy(secret.expose()).into_owned()),
    })?;
    Ok(Resident { node, data })
}
