//! The coordinator as the rest of the program sees it: it starts the parts and answers the admin plane.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hashring::view::{Change, FinishedChange};
use hashring::{Id, Member, NodeName, Ring, View};
use kvnode::client::Client;
use kvnode::problem;
use kvnode::protocol::{Beat, Status};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::beats::{Asker, inner_headers};
use super::decider::{Board, Decider, Errands, Local};
use super::progress::progress;
use super::requests::{self, Found};
use super::store::ViewStore;
use super::survey;
use crate::config::secret::Secret;
use crate::control::{
    Accepted, AddServer, Adjust, Adopt, Cancelled, Control, Hello, Joined, Leaving, Order, PlanReport,
    Progress, Refusal, RemoveServer, Reweight, Terms, Verification,
};
use crate::local::Supervisor;
use crate::view::Bridge;

/// What the coordinator is given.
#[derive(Debug)]
pub struct Options {
    /// Names this process in its decisions: random at each start.
    pub process: Id,
    /// The view that stands in the store.
    pub view: View,
    /// It prevails over whatever nodes have acted on.
    pub prevails: bool,
    /// Where decisions are written.
    pub store: ViewStore,
    /// Where the data path looks.
    pub bridge: Arc<Bridge>,
    /// Who runs nodes of our own, and the folder that holds theirs.
    pub supervisor: Option<(Supervisor, PathBuf)>,
    /// What nodes are shown.
    pub secret: Secret,
    /// Whether an unknown node that has the secret may join by itself.
    pub auto_join: bool,
    /// Where its tasks run.
    pub runtime: Handle,
}

/// The coordinator. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Coordinator {
    asker: Asker,
    auto_join: bool,
}

impl Coordinator {
    /// Starts deciding: a thread that decides, and a task for every node.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub fn start(options: Options) -> std::io::Result<Self> {
        let Options { process, view, prevails, store, bridge, supervisor, secret, auto_join, runtime } =
            options;
        let view = Arc::new(view);
        let board = Arc::new(Board::new(view.clone()));
        let local =
            supervisor.map(|(supervisor, folder)| Local { supervisor, folder, runtime: runtime.clone() });
        let (errands, received) = Errands::new();
        let plan = Arc::new(view.open_plan().unwrap_or_default());
        let decider = Decider {
            process,
            prevails,
            cleared: false,
            store,
            view,
            bridge,
            local: local.clone(),
            board: board.clone(),
            sight: Default::default(),
            plan,
        };
        std::thread::Builder::new().name("decider".to_owned()).spawn(move || decider.run(&received))?;
        let headers = inner_headers(secret.expose());
        let asker = Asker { client: Client::new(), headers, board, errands, local };
        runtime.spawn(asker.clone().ask_all());
        Ok(Self { asker, auto_join })
    }

    /// Waits until decisions cannot be written any more, and says why: the process must stop.
    pub async fn failed(&self) -> String {
        let mut failed = self.asker.board.failed.subscribe();
        match failed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the coordinator is gone".to_owned(),
        }
    }

    /// Lets everyone go who waits for the end of a change: the process ends first.
    pub fn end_waits(&self) {
        self.asker.board.ending.send_replace(true);
    }

    /// Waits until every member of the ring serves, or the time is up; whether they do.
    pub async fn wait_ready(&self, limit: Duration) -> bool {
        let ready = async {
            while !self.view().nodes.keys().all(|name| self.asker.is_up(name)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(limit, ready).await.is_ok()
    }

    /// Finds out what an order needs to know about the world.
    async fn look(&self, order: &Order) -> Result<Found, Refusal> {
        match order {
            Order::AddServer(AddServer { adopt: Some(adopt), .. }) => {
                Ok(Found::Answer(Box::new(self.probe(&adopt.url).await?)))
            }
            Order::AddServer(AddServer { adopt: None, .. }) => self.free_port(),
            Order::RemoveServer(RemoveServer { name, .. }) | Order::Reweight(Reweight { name, .. }) => {
                Ok(Found::Node { up: self.asker.is_up(name), last: self.last_words(name) })
            }
        }
    }

    /// The records and bytes that a node reported last, and how many seconds ago.
    fn last_words(&self, name: &NodeName) -> Option<(u64, u64, u64)> {
        let board = &self.asker.board;
        let heard = board.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.view().nodes.get(name)?.id;
        let (status, at) = heard.0.node(name)?.own_words(folder)?;
        Some((status.records, status.bytes, board.now().steady.saturating_sub(at).as_secs()))
    }

    async fn probe(&self, url: &str) -> Result<Status, Refusal> {
        let beat = Beat { cluster: self.view().cluster, view: None, expect: None, erase: false };
        self.asker.ask(url, &beat).await.map_err(|error| {
            let detail = format!("{error}; start a kvnode there first, with the secret of this cluster");
            Refusal::new(problem::Kind::NoKvnode, detail).with("url", url)
        })
    }

    fn free_port(&self) -> Result<Found, Refusal> {
        let Some(local) = &self.asker.local else {
            let detail = "this proxy starts no nodes: they are listed in its configuration, or join by themselves; start a \
                          kvnode with --join, or start one and give its URL, {\"url\":\"http://host:port\"} (in Compose: \
                          docker compose up -d --scale kvnode=N)";
            return Err(Refusal::new(problem::Kind::NoLocalNodes, detail));
        };
        let view = self.view();
        let queued =
            view.queue.iter().filter_map(|change| change.newcomer.as_ref()).map(|newcomer| &newcomer.url);
        let urls = view.nodes.values().map(|node| &node.url).chain(queued);
        let taken: BTreeSet<u16> = urls.filter_map(|url| url.rsplit(':').next()?.parse().ok()).collect();
        match local.supervisor.free_address(&taken) {
            Ok(address) => {
                Ok(Found::Port { url: format!("http://{address}"), taken: folders(&local.folder) })
            }
            Err(error) => {
                Err(Refusal::new(problem::Kind::NoFreePort, format!("no port for another node: {error}")))
            }
        }
    }

    /// A member that was started elsewhere is found at its new address.
    async fn relocate(&self, adopt: &Adopt, status: &Status) -> Result<Option<Accepted>, Refusal> {
        let (url, id) = (adopt.url.clone(), status.id);
        let edit = move |view: &View, _| {
            let Some((name, node)) = view.node_by_id(id) else { return Ok((None, None)) };
            if node.url == url {
                return Ok((None, None));
            }
            let name: NodeName = name.clone();
            let mut next = view.successor();
            if let Some(node) = next.nodes.get_mut(&name) {
                node.url.clone_from(&url);
            }
            Ok((
                Some(next),
                Some(Accepted::AlreadySo(format!("{name} is a member, and listens at {url} now"))),
            ))
        };
        self.asker.errands.edit(edit).await
    }
}

/// The names of nodes that have a folder already, whatever is in it.
fn folders(all: &Path) -> BTreeSet<NodeName> {
    // No folder for nodes yet = no folder of a node; one that cannot be read shows itself when the node starts.
    let entries = std::fs::read_dir(all).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

impl Control for Coordinator {
    fn view(&self) -> Arc<View> {
        self.asker.view()
    }

    fn progress(&self) -> Progress {
        let board = &self.asker.board;
        let (sight, plan) = board.heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let children = self.asker.local.as_ref().map(|local| local.supervisor.statuses()).unwrap_or_default();
        progress(&self.view(), &plan, &sight, &children, board.halted().as_deref(), board.now())
    }

    async fn submit(&self, order: Order, terms: Terms) -> Result<Accepted, Refusal> {
        let found = self.look(&order).await?;
        if let (Order::AddServer(AddServer { adopt: Some(adopt), .. }), Found::Answer(status)) =
            (&order, &found)
            && let Some(accepted) = self.relocate(adopt, status).await?
        {
            return Ok(accepted);
        }
        self.asker.errands.edit(move |view, now| requests::submit(view, &order, &terms, &found, now)).await
    }

    async fn dry_run(&self, order: Order) -> Result<PlanReport, Refusal> {
        let found = self.look(&order).await?;
        let view = self.view();
        let now = self.asker.board.now();
        let (next, _) = requests::submit(&view, &order, &Terms::default(), &found, now)?;
        // It would begin when everything that waits is done.
        let before = requests::planned_members(&view);
        let next = next.unwrap_or_else(|| (*view).clone());
        let after = requests::planned_members(&next);
        let stored = self.progress().nodes.into_iter();
        let stored = stored.filter_map(|(name, node)| Some((name, (node.records?, node.bytes?)))).collect();
        let ring = |members: &[Member]| Ring::new(view.points, members.iter().cloned());
        let mut report = PlanReport::between(&ring(&before), &ring(&after), &stored);
        if view.open.is_none() && view.queue.is_empty() {
            survey::count(&self.asker, &view, after, &mut report).await;
        }
        report.lost = next.queue.back().and_then(|change| change.lost.clone());
        Ok(report)
    }

    async fn adjust(&self, change: u64, adjust: Adjust) -> Result<(), Refusal> {
        let up = adjust.force_seal.as_ref().is_some_and(|name| self.asker.is_up(name));
        let edit = move |view: &View, _| Ok((Some(requests::adjust(view, change, &adjust, up)?), ()));
        self.asker.errands.edit(edit).await
    }

    async fn cancel(&self, change: u64) -> Result<Cancelled, Refusal> {
        let edit = move |view: &View, now| {
            let (next, cancelled) = requests::cancel(view, change, now)?;
            Ok(((next.epoch > view.epoch).then_some(next), cancelled))
        };
        self.asker.errands.edit(edit).await
    }

    async fn join(&self, hello: Hello) -> Result<Joined, Refusal> {
        if let Some((_, node)) = self.view().node_by_id(hello.id)
            && node.url == hello.url
        {
            return Ok(Joined::Member);
        }
        if !self.auto_join && self.view().node_by_id(hello.id).is_none() {
            let detail = "nodes do not join by themselves here (join.auto = false): an operator must add it";
            return Err(Refusal::new(problem::Kind::NoAutoJoin, detail));
        }
        let adopt = Adopt { url: hello.url.clone(), name: Some(hello.name), erase: false };
        let order = Order::AddServer(AddServer { weight: 1, adopt: Some(adopt) });
        let accepted = self.submit(order, Terms::default()).await;
        // It may have been away when it was removed, and believes that it is a member: it is told where it is now.
        if let Err(refusal) = &accepted
            && refusal.kind == problem::Kind::WasRemoved
        {
            self.asker.tell_removed(&self.view(), &hello.url, hello.id).await;
        }
        match accepted? {
            Accepted::Queued(id) | Accepted::Same(id) => Ok(Joined::Queued(id)),
            Accepted::AlreadySo(_) => Ok(Joined::Member),
        }
    }

    async fn leave(&self, hello: Hello) -> Result<Leaving, Refusal> {
        let view = self.view();
        let is_member = view.node_by_id(hello.id).is_some_and(|(name, _)| *name == hello.name);
        let comes = |change: &Change| {
            change.node == hello.name
                && change.newcomer.as_ref().is_some_and(|node| node.id == Some(hello.id))
        };
        let is_coming = view.open.iter().map(|open| &open.change).chain(&view.queue).any(comes);
        if !is_member && !is_coming {
            return Ok(Leaving::Gone);
        }
        if !self.auto_join {
            let detail =
                "nodes do not leave by themselves here (join.auto = false): an operator must remove it";
            return Err(Refusal::new(problem::Kind::NoAutoJoin, detail));
        }
        let order = Order::RemoveServer(RemoveServer { name: hello.name, force: false });
        match self.submit(order, Terms::default()).await? {
            Accepted::Queued(id) | Accepted::Same(id) => Ok(Leaving::Queued(id)),
            Accepted::AlreadySo(_) => Ok(Leaving::Gone),
        }
    }

    async fn verify(&self) -> Result<Verification, Refusal> {
        Ok(survey::verify(&self.asker).await)
    }

    async fn wait_finished(&self, change: u64, limit: Duration) -> Option<FinishedChange> {
        let mut views = self.asker.board.view.subscribe();
        let ended = |view: &Arc<View>| view.finished.iter().any(|ended| ended.change.id == change);
        let mut ending = self.asker.board.ending.subscribe();
        let view = tokio::select! {
            view = timeout(limit, views.wait_for(ended)) => view.ok()?.ok()?.clone(),
            _ = ending.wait_for(|ending| *ending) => return None,
        };
        view.finished.iter().find(|ended| ended.change.id == change).cloned()
    }
}
