//! The cluster and its events, in the order of a virtual clock.

mod coordinator;
mod losses;
mod network;
mod nodes;
mod operators;
mod traffic;
mod verdict;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use hashring::view::{Node as Member, OpenChange, Phase};
use hashring::{Id, NodeName, Position, View};
use keyway::cluster::decide::{decide, may_decide, prevail};
use keyway::cluster::requests::{Found, adjust, cancel, submit};
use keyway::cluster::sight::{Now as CoordinatorNow, Sight};
use keyway::control::{AddServer, Adjust, Adopt, Order, RemoveServer, Reweight, Terms};
use kvnode::core::{BeatIn, Command, Effect, Now, Outlook};
use kvnode::fence::address;
use kvnode::node::{Refused, Route, Written};
use kvnode::protocol::Status;
use kvnode::store::engine::{Engine, Limit, Source, Space};
use kvnode::store::ranges::{count, page};
use kvnode::store::record::{Record, StoreKey};

use crate::clients::{Client, History, Seen};
use crate::dice::Dice;
use crate::linear::Action;
use crate::losses::{Extent, Loss, judge};
use crate::process::{Node, Waiter};

use self::losses::Given;

/// How a run is shaped.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Virtual time with changes and faults.
    pub busy: Duration,
    /// Nodes at the start.
    pub nodes: u64,
    /// Clients.
    pub clients: usize,
    /// Keys.
    pub keys: u64,
    /// Crashes, freezes and cuts happen.
    pub faults: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self { busy: Duration::from_secs(40), nodes: 3, clients: 6, keys: 24, faults: true }
    }
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Operations that were answered.
    pub answered: u64,
    /// Changes that were carried out.
    pub changes: usize,
    /// Keys that were lost with a disk.
    pub lost: usize,
    /// Keys that an old owner served again, because the disk of the new one was lost.
    pub given_back: usize,
    /// A line for every decision and fault.
    pub trace: String,
}

impl Report {
    /// Sums up runs; their traces are left out.
    pub fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.changes += other.changes;
        self.lost += other.lost;
        self.given_back += other.given_back;
    }
}

const TICK: Duration = Duration::from_millis(50);
/// Healthy processes must have finished everything within this time.
const QUIET: Duration = Duration::from_secs(60);
/// No message takes longer.
const SLOWEST: Duration = Duration::from_millis(2500);
/// How many older copies of the view lie around.
const BACKUPS: usize = 12;
const COORDINATOR: &str = "coordinator";
/// Clients reach a node also when the coordinator does not.
const CLIENTS: &str = "clients";
/// A process does not wake itself more often.
const TURN: Duration = Duration::from_micros(400);
/// A commit and its sync take at most this long, and now and then that.
const COMMIT: Duration = Duration::from_micros(600);
const SLOW_COMMIT: Duration = Duration::from_millis(40);
/// Small, so that pages end within ranges, and between records of one.
const PAGE: Limit = Limit { entries: 3, bytes: 120 };

#[expect(clippy::large_enum_variant, reason = "there are few events at a time")]
enum Event {
    Command(NodeName, Id, Command<Waiter>),
    Wake(NodeName),
    Committed(NodeName, Id),
    Coordinate(u64),
    Heard(u64, NodeName, Result<Box<Status>, String>),
    Step(usize, u64),
    Send(usize, u64),
    ReadAt(usize, u64, NodeName, Id, Route),
    Load(usize, u64, NodeName, Id, Route, u64),
    ReadAnswer(usize, u64, Duration, Result<Option<u64>, Refused>),
    WriteAnswer(usize, u64, Duration, Result<Written, Refused>),
    GiveUp(usize, u64),
    Fault,
    Request,
    ForceSeal,
    LoseDisk(NodeName),
    RemoveByForce(NodeName),
    FoundAgain(NodeName),
    NewestCopy,
    Restart(NodeName),
    CoordinatorUp,
}

struct World {
    dice: Dice,
    shape: Shape,
    now: Duration,
    events: BTreeMap<(Duration, u64), Event>,
    scheduled: u64,
    view: View,
    before: View,
    /// Older copies of the view, as backups have them.
    past: VecDeque<View>,
    /// The newest copy, while an older one was put back.
    newest: Option<View>,
    /// An operator says that the view prevails.
    prevails: bool,
    /// A line of decisions prevailed: what the other one had moved lies around until its ranges come back.
    prevailed: bool,
    /// Somebody is on the way to put the newest copy back.
    recovering: bool,
    sight: Sight,
    /// Counts the coordinator's lives; even = it is down.
    life: u64,
    nodes: BTreeMap<NodeName, Node>,
    cuts: BTreeMap<(String, String), Duration>,
    clients: Vec<Client>,
    keys: Vec<Bytes>,
    history: History,
    /// When an old copy of the view was put back last.
    forked_at: Duration,
    /// When the ring was switched last.
    switched_at: Duration,
    /// What nodes had taken over before they were given up.
    given: Given,
    /// What was lost with their disks.
    losses: BTreeMap<Bytes, Vec<Loss>>,
    /// Records that nobody reaches any more: the node that took them over was lost, and who has them owns others.
    stranded: BTreeSet<(NodeName, StoreKey)>,
    healing: bool,
    trace: String,
}

/// Runs one seed.
///
/// # Errors
/// What went wrong, with the trace of the run.
pub fn run(seed: u64, shape: &Shape) -> Result<Report, String> {
    let mut world = World::new(seed, shape.clone());
    world.begin();
    let result = world.play();
    let trace = std::mem::take(&mut world.trace);
    result.map_err(|error| format!("seed {seed}: {error}\n--- trace\n{trace}"))?;
    Ok(Report {
        answered: world.history.answered,
        changes: world
            .view
            .finished
            .iter()
            .filter(|ended| ended.outcome == hashring::view::Outcome::Done)
            .count(),
        lost: world.lost(|extent| matches!(extent, Extent::Whole(_))),
        given_back: world.lost(|extent| matches!(extent, Extent::SinceSwitch(..))),
        trace,
    })
}

impl World {
    fn new(seed: u64, shape: Shape) -> Self {
        let mut view = View::first(Id(1), Id(2), 16);
        let mut nodes = BTreeMap::new();
        for i in 1..=shape.nodes {
            let name = name(i);
            nodes.insert(name.clone(), Node::new(name.clone(), Id(u128::from(100 + i))));
            let url = format!("http://{name}");
            view.nodes.insert(name, Member { id: None, boot: None, grant: 0, url, weight: 1, own: false });
        }
        view.next_own = u32::try_from(shape.nodes).unwrap_or(0) + 1;
        Self {
            dice: Dice::new(seed),
            now: Duration::ZERO,
            events: BTreeMap::new(),
            scheduled: 0,
            before: view.clone(),
            past: VecDeque::new(),
            newest: None,
            prevails: false,
            prevailed: false,
            recovering: false,
            view,
            sight: Sight::default(),
            life: 1,
            nodes,
            cuts: BTreeMap::new(),
            clients: vec![Client::default(); shape.clients],
            keys: (0..shape.keys).map(|i| Bytes::from(format!("key{i}"))).collect(),
            history: History::default(),
            forked_at: Duration::ZERO,
            switched_at: Duration::ZERO,
            given: Given::new(),
            losses: BTreeMap::new(),
            stranded: BTreeSet::new(),
            healing: false,
            trace: String::new(),
            shape,
        }
    }

    fn lost(&self, which: impl Fn(&Extent) -> bool) -> usize {
        self.losses.values().flatten().filter(|loss| which(&loss.extent)).count()
    }

    fn begin(&mut self) {
        let names: Vec<NodeName> = self.nodes.keys().cloned().collect();
        for name in names {
            self.start_node(&name);
        }
        self.after(Duration::ZERO, Event::Coordinate(1));
        for client in 0..self.clients.len() {
            self.after(Duration::from_millis(200), Event::Step(client, 0));
        }
        self.after(Duration::from_secs(1), Event::Request);
        if self.shape.faults {
            self.after(Duration::from_secs(2), Event::Fault);
        }
    }

    fn play(&mut self) -> Result<(), String> {
        self.play_until(|world| world.now >= world.shape.busy)?;
        self.heal();
        let limit = self.now + QUIET;
        self.play_until(|world| world.now >= limit || world.is_quiet())?;
        if !self.is_quiet() {
            let open = self.view.open.as_ref().map(|open| (open.change.id, open.phase, open.session));
            let nodes = self.view.nodes.keys().map(|name| (name, self.sight.node(name)));
            let nodes: Vec<String> = nodes.map(|one| format!("{one:?}")).collect();
            return Err(format!(
                "not finished a minute after the last fault: {open:?}\n{}",
                nodes.join("\n")
            ));
        }
        // The nodes' last reports are younger than the last write, and no slow one is under way any more.
        let reported = self.now + SLOWEST + 4 * TICK;
        self.play_until(|world| world.now >= reported)?;
        self.verify_places()?;
        self.read_all()?;
        self.history.versions_grow()?;
        for (key, seen) in &self.history.keys {
            let losses = self.losses.get(key).map_or(&[][..], Vec::as_slice);
            let judged = judge(seen, losses);
            judged.map_err(|error| format!("{key:?} at {}, {losses:?}: {error}", Position::of(key)))?;
        }
        Ok(())
    }

    fn play_until(&mut self, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        while !done(self) {
            let Some(((at, _), event)) = self.events.pop_first() else {
                return Err("nothing happens any more".to_owned());
            };
            self.now = self.now.max(at);
            self.happen(event)?;
        }
        Ok(())
    }

    fn is_quiet(&self) -> bool {
        let view = &self.view;
        let settled = view.open.is_none() && view.queue.is_empty() && view.cleaning.is_none();
        settled
            && view
                .nodes
                .keys()
                .all(|name| self.sight.member(view, name).is_some_and(|status| status.epoch == view.epoch))
            && self.clients.iter().all(|client| client.doing.is_none())
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Command(name, boot, command) => self.deliver(&name, boot, command),
            Event::Wake(name) => self.wake(&name),
            Event::Committed(name, boot) => self.committed(&name, boot),
            Event::Coordinate(life) if life == self.life => self.coordinate()?,
            Event::Coordinate(_) => {}
            Event::Heard(life, name, heard) if life == self.life => {
                match heard {
                    Ok(status) => self.sight.hear(&name, *status, self.now),
                    Err(error) => self.sight.miss(&name, error, self.now),
                }
                self.decide()?;
            }
            Event::Heard(..) => {}
            Event::Step(client, turn) => self.step(client, turn),
            Event::Send(client, turn) => self.send(client, turn),
            Event::ReadAt(client, turn, name, boot, route) => self.read_at(client, turn, &name, boot, &route),
            Event::Load(client, turn, name, boot, route, generation) => {
                self.load(client, turn, &name, boot, &route, generation);
            }
            Event::ReadAnswer(client, turn, served, answer) => {
                self.read_answer(client, turn, served, &answer);
            }
            Event::WriteAnswer(client, turn, served, answer) => {
                self.write_answer(client, turn, served, &answer);
            }
            Event::GiveUp(client, turn) => {
                if self.clients[client].turn == turn && self.clients[client].doing.is_some() {
                    let history = &mut self.history;
                    self.clients[client].give_up(history);
                    self.step_later(client);
                }
            }
            Event::Fault => self.fault(),
            Event::Request => self.request(),
            Event::ForceSeal => self.force_seal(),
            Event::LoseDisk(name) => self.lose_disk(&name),
            Event::RemoveByForce(name) => self.remove_by_force(&name),
            Event::FoundAgain(name) => self.found_again(&name),
            Event::NewestCopy => self.newest_copy(),
            Event::Restart(name) => self.start_node(&name),
            Event::CoordinatorUp => self.coordinator_up(),
        }
        Ok(())
    }
}

fn name(i: u64) -> NodeName {
    format!("n{i}").parse().unwrap_or_else(|_| unreachable!("n<i> is a name"))
}
