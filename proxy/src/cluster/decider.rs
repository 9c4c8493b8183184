//! The thread that decides: it alone changes the view, and nobody hears of a decision before it is on disk.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hashring::view::Phase;
use hashring::{Id, NodeName, Plan, View};
use kvnode::fail_points::reached;
use kvnode::problem;
use kvnode::protocol::{MoveState, Status};
use tokio::sync::{oneshot, watch};

use super::decide::{decide, may_decide, prevail, refusal};
use super::sight::{Now, Sight};
use super::store::{StoreError, ViewStore};
use crate::control::Refusal;
use crate::local::{ChildSpec, ChildState, Supervisor};
use crate::view::Bridge;

/// Time passes for decisions at least this often.
const TICK: Duration = Duration::from_millis(100);

/// For each node, the time between two looks at what was heard: a look goes over all nodes, and each is heard by itself.
const LOOK: Duration = Duration::from_micros(100);

/// Something for the decider to do.
type Errand = Box<dyn FnOnce(&mut Decider) + Send>;

/// What the decider shows to everyone.
#[derive(Debug)]
pub(super) struct Board {
    /// The last decision.
    pub(super) view: watch::Sender<Arc<View>>,
    /// What was heard, and the open change's plan.
    pub(super) heard: Mutex<(Sight, Arc<Plan>)>,
    /// Why nothing is decided any more, if so.
    pub(super) halted: Mutex<Option<String>>,
    /// The view file cannot be trusted any more: the process must stop.
    pub(super) failed: watch::Sender<Option<String>>,
    /// The process ends: whoever waits for a change is answered now.
    pub(super) ending: watch::Sender<bool>,
    start: Instant,
}

/// The entrance to the decider.
#[derive(Debug, Clone)]
pub(super) struct Errands {
    sender: Sender<Errand>,
}

/// The state of the thread.
pub(super) struct Decider {
    /// Names this process in its decisions.
    pub(super) process: Id,
    /// The first decision is that this view prevails, if any node has acted on another.
    pub(super) prevails: bool,
    /// Every member had its chance to say that it knows a later view.
    pub(super) cleared: bool,
    pub(super) store: ViewStore,
    pub(super) view: Arc<View>,
    pub(super) bridge: Arc<Bridge>,
    pub(super) local: Option<Local>,
    pub(super) board: Arc<Board>,
    pub(super) sight: Sight,
    pub(super) plan: Arc<Plan>,
}

/// The nodes that this proxy runs itself.
#[derive(Debug, Clone)]
pub(super) struct Local {
    pub(super) supervisor: Supervisor,
    /// Each node has a folder of its name in here.
    pub(super) folder: PathBuf,
    pub(super) runtime: tokio::runtime::Handle,
}

impl Board {
    pub(super) fn new(view: Arc<View>) -> Self {
        Self {
            view: watch::Sender::new(view),
            heard: Mutex::default(),
            halted: Mutex::default(),
            failed: watch::Sender::new(None),
            ending: watch::Sender::new(false),
            start: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now { steady: self.start.elapsed(), wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX) }
    }

    pub(super) fn halted(&self) -> Option<String> {
        self.halted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Errands {
    pub(super) fn new() -> (Self, Receiver<Errand>) {
        let (sender, receiver) = channel();
        (Self { sender }, receiver)
    }

    /// A node answered, or did not.
    pub(super) fn hear(&self, name: NodeName, heard: Result<Status, String>) {
        self.run(Box::new(move |decider| {
            let now = decider.board.now().steady;
            decider.log_news(&name, &heard);
            match heard {
                Ok(status) => decider.sight.hear(&name, status, now),
                Err(error) => decider.sight.miss(&name, error, now),
            }
        }));
    }

    /// Makes the next view by `edit`, unless it refuses; durable on return.
    pub(super) async fn edit<R: Send + 'static>(
        &self,
        edit: impl FnOnce(&View, Now) -> Result<(Option<View>, R), Refusal> + Send + 'static,
    ) -> Result<R, Refusal> {
        let (sender, answer) = oneshot::channel();
        self.run(Box::new(move |decider| {
            let _ = sender.send(decider.edit(edit));
        }));
        answer.await.unwrap_or_else(|_| Err(Refusal::new(problem::Kind::Stopping, "the proxy is stopping")))
    }

    fn run(&self, errand: Errand) {
        // The decider is gone only when the process is stopping.
        let _ = self.sender.send(errand);
    }
}

impl Decider {
    /// Runs until every entrance is gone.
    pub(super) fn run(mut self, errands: &Receiver<Errand>) {
        self.show();
        self.keep_children();
        let mut looked = Instant::now();
        loop {
            match errands.recv_timeout(TICK) {
                Ok(errand) => errand(&mut self),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let pause = LOOK * u32::try_from(self.view.nodes.len()).unwrap_or(u32::MAX);
            while let Ok(errand) =
                errands.recv_timeout((looked + pause.min(TICK)).duration_since(Instant::now()))
            {
                errand(&mut self);
            }
            looked = Instant::now();
            self.decide();
            self.show();
        }
    }

    fn decide(&mut self) {
        let now = self.board.now();
        if self.prevails {
            let Some(next) = prevail(&self.view, &self.sight, self.process, now) else { return };
            if may_decide(&self.view, &self.sight, now).is_err() {
                if self.stand(next).is_err() {
                    return;
                }
                tracing::warn!(
                    epoch = self.view.epoch,
                    "this view prevails over whatever nodes have acted on"
                );
            }
            self.prevails = false;
        }
        if !self.cleared {
            match may_decide(&self.view, &self.sight, now) {
                Ok(true) => self.cleared = true,
                Ok(false) => return self.set_halted(None),
                Err(halt) => return self.set_halted(Some(halt.to_string())),
            }
        }
        loop {
            if let Some(next) = self.moved_child() {
                if self.stand(next).is_err() {
                    return;
                }
                continue;
            }
            match decide(&self.view, &self.plan, &mut self.sight, self.board.now()) {
                Ok(None) => return self.set_halted(None),
                Ok(Some(next)) => {
                    if self.stand(next).is_err() {
                        return;
                    }
                }
                Err(halt) => return self.set_halted(Some(halt.to_string())),
            }
        }
    }

    fn edit<R>(
        &mut self,
        edit: impl FnOnce(&View, Now) -> Result<(Option<View>, R), Refusal>,
    ) -> Result<R, Refusal> {
        if let Some(halted) = self.board.halted() {
            return Err(Refusal::new(problem::Kind::Halted, halted));
        }
        if !self.cleared {
            return Err(Refusal::new(
                problem::Kind::Starting,
                "the proxy has just started and hears its nodes first: ask again in a second",
            ));
        }
        let (next, result) = edit(&self.view, self.board.now())?;
        if let Some(next) = next {
            self.stand(next)
                .map_err(|error| Refusal::new(problem::Kind::ViewNotWritten, error.to_string()))?;
        }
        Ok(result)
    }

    /// Puts a decision on disk, then tells everyone.
    fn stand(&mut self, next: View) -> Result<(), StoreError> {
        let next = next.decided_by(self.process);
        reached(|| format!("coordinator.{}.decided", step(&self.view, &next)));
        if let Err(error) = self.store.swap(self.view.epoch, &next) {
            tracing::error!(%error, "a decision could not be written");
            if matches!(error, StoreError::Broken { .. }) {
                self.board.failed.send_replace(Some(error.to_string()));
            }
            return Err(error);
        }
        reached(|| format!("coordinator.{}.written", step(&self.view, &next)));
        log(&self.view, &next);
        let same_plan = match (&self.view.open, &next.open) {
            (Some(old), Some(new)) => old.change.id == new.change.id && !self.plan.moves.is_empty(),
            _ => false,
        };
        if !same_plan {
            self.plan = Arc::new(next.open_plan().unwrap_or_default());
        }
        self.view = Arc::new(next);
        self.sight.keep(&self.view);
        self.bridge.publish((*self.view).clone());
        // Before the children: who stops one reads here which are still wanted.
        self.board.view.send_replace(self.view.clone());
        self.keep_children();
        Ok(())
    }

    /// An own node that had to take another port than the view says.
    fn moved_child(&self) -> Option<View> {
        let statuses = self.local.as_ref()?.supervisor.statuses();
        let moved = self.view.nodes.iter().find_map(|(name, node)| {
            let child = statuses.get(name).filter(|child| node.own && child.state == ChildState::Ready)?;
            (child.url() != node.url).then(|| (name.clone(), child.url()))
        });
        let (name, url) = moved?;
        let mut next = self.view.successor();
        if let Some(node) = next.nodes.get_mut(&name) {
            node.url = url;
        }
        Some(next)
    }

    /// Starts what the view wants to run; stops what it does not want once nobody routes there any more.
    fn keep_children(&self) {
        let Some(local) = self.local.clone() else { return };
        let specs = specs(&self.view, &local);
        let leaving = local.supervisor.statuses().keys().any(|name| !self.view.nodes.contains_key(name));
        if !leaving {
            return local.supervisor.ensure(specs);
        }
        let (bridge, board, epoch) = (self.bridge.clone(), self.board.clone(), self.view.epoch);
        local.runtime.clone().spawn(async move {
            bridge.wait_seen_by_all_workers(epoch).await;
            let view = board.view.borrow().clone();
            local.supervisor.ensure(self::specs(&view, &local));
        });
    }

    /// Lets everyone see what was heard, and requests fail fast where a node is silent.
    fn show(&self) {
        let now = self.board.now().steady;
        let halted = self.board.halted().is_some();
        for target in &self.bridge.current().targets {
            let status = self.sight.node(&target.name).and_then(|seen| seen.status.as_ref());
            // One that is not admitted, and will not be in a moment, has no reason to keep requests waiting.
            let barred = self.view.nodes.get(&target.name).zip(status).is_some_and(|(node, status)| {
                let unknown = halted && node.boot != Some(status.boot);
                unknown || refusal(&self.view, &target.name, node, status).is_some()
            });
            target.health.set_down(barred || self.sight.is_down(&target.name, now));
        }
        let mut heard = self.board.heard.lock().unwrap_or_else(PoisonError::into_inner);
        *heard = (self.sight.clone(), self.plan.clone());
    }

    /// Says once what an operator should know of a node.
    fn log_news(&self, name: &NodeName, heard: &Result<Status, String>) {
        let seen = self.sight.node(name);
        match heard {
            // One that was never heard is still starting; what it is waited for is in its change or in the ring.
            Err(error) => {
                if seen.is_some_and(|seen| seen.heard.is_some() && seen.silent_since.is_none()) {
                    tracing::warn!(node = %name, error, "a node does not answer");
                }
            }
            Ok(status) => {
                let last = seen.and_then(|seen| seen.status.as_ref());
                if seen.is_some_and(|seen| seen.heard.is_some() && seen.silent_since.is_some()) {
                    tracing::info!(node = %name, "a node answers again");
                }
                if let Some(refusal) = &status.refusal
                    && last.is_none_or(|last| last.refusal != status.refusal)
                {
                    tracing::warn!(node = %name, refusal, "a node refuses the view");
                }
                for one in &status.moves {
                    let MoveState::Void { reason, .. } = &one.state else { continue };
                    if last.is_none_or(|last| !last.moves.contains(one)) {
                        tracing::warn!(from = %name, to = %one.peer, session = one.session, reason, "a session is void");
                    }
                }
            }
        }
    }

    fn set_halted(&self, halted: Option<String>) {
        let mut board = self.board.halted.lock().unwrap_or_else(PoisonError::into_inner);
        if *board != halted {
            if let Some(reason) = &halted {
                tracing::error!(reason, "no decisions are made");
            }
            *board = halted;
        }
    }
}

fn specs(view: &View, local: &Local) -> Vec<ChildSpec> {
    let own = view.nodes.iter().filter(|(_, node)| node.own);
    own.filter_map(|(name, node)| {
        let listen = node.url.strip_prefix("http://")?.parse().ok()?;
        Some(ChildSpec { name: name.clone(), listen, data: local.folder.join(name.as_str()) })
    })
    .collect()
}

/// What a decision does, in a word, for tests.
fn step(before: &View, after: &View) -> &'static str {
    let phase = |view: &View| view.open.as_ref().map(|open| open.phase);
    match (phase(before), phase(after)) {
        (None, Some(_)) => "begin",
        (Some(_), None) => "finish",
        (Some(Phase::Arriving), Some(Phase::Moving)) => "move",
        (Some(Phase::Moving), Some(Phase::Switched)) => "switch",
        _ if before.queue.len() < after.queue.len() => "queue",
        _ if before.cleaning.is_some() && after.cleaning.is_none() => "clean",
        _ => "other",
    }
}

fn log(before: &View, after: &View) {
    let open = after.open.as_ref();
    if let Some(ended) = after.finished.back().filter(|ended| before.finished.back() != Some(*ended)) {
        let (change, outcome) = (&ended.change, ended.outcome);
        let reason = ended.reason.as_deref().unwrap_or("");
        tracing::info!(epoch = after.epoch, change = change.id, kind = ?change.kind, node = %change.node, ?outcome, reason,
            "change ended");
    } else if let Some(stopped) = open.and_then(|open| open.stopped.as_ref())
        && before.open.as_ref().is_some_and(|open| open.stopped.is_none())
    {
        tracing::error!(
            epoch = after.epoch,
            stopped,
            "the change is stopped until a person has looked at it"
        );
    } else if let Some(open) = open.filter(|open| Some(*open) != before.open.as_ref()) {
        let (change, phase, session) = (&open.change, open.phase, open.session);
        tracing::info!(epoch = after.epoch, change = change.id, kind = ?change.kind, node = %change.node, ?phase, session,
            "change goes on");
    } else {
        tracing::debug!(epoch = after.epoch, "decided");
    }
}
