//! One node, or one coordinator, alone: told what no sound other side would say, or met by a rare accident. These are
//! last lines of defence, which a simulated cluster hardly ever needs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hashring::view::{Change, Cleaning, Kind, Lost, Node, OpenChange, Phase};
use hashring::{Id, Member, NodeName, Position, View};
use keyway::cluster::decide::decide;
use keyway::cluster::requests::cancel;
use keyway::cluster::sight::{self, Sight};
use kvnode::core::{BeatIn, Command, Core, Identity, Now, Outlook};
use kvnode::handover::message::{Frame, Message};
use kvnode::node::{Operation, Route, Write};
use kvnode::protocol::Status;
use kvnode::store::cache::ReadCache;
use kvnode::store::engine::memory::MemoryEngine;
use kvnode::store::engine::{Source, Space};
use kvnode::store::record::{Record, StoreKey};
use kvnode::version::Version;

const KEYS: u32 = 64;

/// Plays one situation; the error says what the node did wrong.
pub type Scenario = fn() -> Result<(), String>;

/// Every scenario, by what it claims.
pub const ALL: [(&str, Scenario); 5] = [
    ("a node that is told to delete what it owns does not", told_to_delete_what_it_owns),
    ("a node deletes only what went to an owner that has it", keeps_what_a_lost_owner_took),
    ("a cancelled change has nothing deleted that a lost node took", spares_what_a_lost_node_took),
    ("a new boot of an old owner ends the session that the one before had promised", boot_ends_session),
    ("a wipe sees what came in the same batch before it", wipes_what_came_just_before),
];

/// A member n1, which stores [`KEYS`] keys, and two others.
struct Lone {
    core: Core<()>,
    disk: MemoryEngine,
    view: View,
}

fn name(text: &str) -> NodeName {
    text.parse().unwrap_or_else(|error| unreachable!("{error}"))
}

fn key(number: u32) -> Bytes {
    format!("key{number}").into()
}

impl Lone {
    fn new() -> Result<Self, String> {
        let mut view = View::first(Id(1), Id(2), 16);
        let identity = Identity { name: name("n1"), id: Id(11), boot: Id(21), joins: true };
        for (i, node) in ["n1", "n2", "n3"].into_iter().enumerate() {
            let (id, boot) = (Id(11 + i as u128), Id(21 + i as u128));
            // The others get their weights later: for now n1 owns everything.
            let weight = u16::from(i == 0);
            let (url, own) = (format!("http://{node}"), false);
            let member = Node { id: Some(id), boot: Some(boot), grant: 1, url, weight, own };
            view.nodes.insert(name(node), member);
        }
        let disk = MemoryEngine::new();
        let cache = Arc::new(ReadCache::new(1 << 20));
        let core = Core::open(Arc::new(disk.clone()), cache, identity).map_err(|fault| fault.to_string())?;
        let mut lone = Self { core, disk, view };
        lone.hears(lone.view.clone())?;
        for number in 0..KEYS {
            let operation = Operation::Put { content_type: None, content_encoding: None, value: "v".into() };
            let write = Write { key: key(number), operation, conditions: Default::default() };
            lone.does(Command::Write(write, Route::default(), ()))?;
        }
        Ok(lone)
    }

    /// Takes in a view, and does all that follows from it.
    fn hears(&mut self, view: View) -> Result<(), String> {
        self.view = view.clone();
        let (cluster, expect) = (view.cluster, Some(Id(11)));
        let beat = BeatIn { cluster, expect, outlook: Some(Outlook::of(view, None)), erase: false };
        self.does(Command::Beat(Box::new(beat), ()))
    }

    fn does(&mut self, command: Command<()>) -> Result<(), String> {
        let mut now = Now::default();
        self.core.handle(command, now).map_err(|error| error.to_string())?;
        self.core.commit(now).map_err(|error| error.to_string())?;
        for _ in 0..100_000 {
            let Some(at) = self.core.wake_at() else { return Ok(()) };
            now.steady = now.steady.max(at) + Duration::from_micros(1);
            self.core.commit(now).map_err(|error| error.to_string())?;
        }
        Err("it does not come to rest".to_owned())
    }

    fn has(&self, number: u32) -> Result<bool, String> {
        let stored = self.disk.get(Space::Records, &StoreKey::of(&key(number)).0);
        stored.map(|record| record.is_some()).map_err(|error| error.to_string())
    }

    fn owner(&self, number: u32) -> Option<NodeName> {
        self.view.ring().owner(Position::of(&key(number))).cloned()
    }

    /// The next view, in which n2 and n3 own their parts and n1 is to clean up; `serving`: whether they really do.
    fn cleaning(&self, spared: &[&str], serving: bool) -> View {
        let members = |weight: u16| {
            let weights = [("n1", 1), ("n2", weight), ("n3", weight)];
            weights.map(|(node, weight)| Member { name: name(node), weight }).to_vec()
        };
        let mut next = self.view.successor();
        for node in ["n2", "n3"] {
            if let Some(node) = next.nodes.get_mut(&name(node)) {
                node.weight = u16::from(serving);
            }
        }
        next.cleaning = Some(Cleaning {
            change: 1,
            before: members(0),
            after: members(1),
            nodes: BTreeSet::from([name("n1")]),
            spared: spared.iter().map(|node| name(node)).collect(),
        });
        next
    }
}

fn told_to_delete_what_it_owns() -> Result<(), String> {
    let mut lone = Lone::new()?;
    lone.hears(lone.cleaning(&[], false))?;
    for number in 0..KEYS {
        if !lone.has(number)? {
            return Err(format!("key{number} is gone, although its node owns it"));
        }
    }
    Ok(())
}

fn keeps_what_a_lost_owner_took() -> Result<(), String> {
    let mut lone = Lone::new()?;
    lone.hears(lone.cleaning(&["n3"], true))?;
    let mut kept = 0;
    for number in 0..KEYS {
        let owner = lone.owner(number).ok_or("no owner")?;
        let stays = owner != name("n2");
        if lone.has(number)? != stays {
            return Err(format!("key{number} of {owner}: kept {}, and should be {stays}", !stays));
        }
        kept += u32::from(owner == name("n3"));
    }
    if kept == 0 { Err("no key went to n3".to_owned()) } else { Ok(()) }
}

/// A view of three members of weight 1, of which n3 is in the middle of a change.
fn in_the_middle_of(kind: Kind, weight: u16) -> Result<View, String> {
    let mut view = Lone::new()?.view;
    for node in view.nodes.values_mut() {
        node.weight = 1;
    }
    let change = Change {
        id: 7,
        kind,
        node: name("n3"),
        weight,
        requested_ms: 0,
        idempotency: None,
        newcomer: None,
        reverses: None,
        force: false,
        lost: None,
        paused: false,
        rate: None,
    };
    view.open = Some(OpenChange {
        change,
        before: 1,
        started_ms: 0,
        phase: Phase::Moving,
        session: view.epoch,
        mismatches: 0,
        stopped: None,
        receipts: Vec::new(),
        given_up: BTreeSet::new(),
    });
    Ok(view)
}

/// n3 was given up and still counts as a member. Its plain removal began, because a late report made it look alive, and
/// is cancelled: what its receivers delete must not be what they kept for it.
fn spares_what_a_lost_node_took() -> Result<(), String> {
    let (mut view, leaves) = (in_the_middle_of(Kind::RemoveServer, 0)?, name("n3"));
    view.lost.insert(leaves.clone(), Lost { since: view.epoch, back: false, kept: None });
    let now = sight::Now { steady: Duration::ZERO, wall_ms: 0 };
    let (next, _) = cancel(&view, 7, now).map_err(|refusal| format!("{refusal:?}"))?;
    match next.cleaning {
        Some(cleaning) if cleaning.spared.contains(&leaves) => Ok(()),
        other => Err(format!("what went to {leaves} is not spared: {other:?}")),
    }
}

/// n3 is to own more. n1, which gives some of that up, was started again, and says hello.
fn boot_ends_session() -> Result<(), String> {
    let view = in_the_middle_of(Kind::Reweight, 2)?;
    let plan = view.open_plan().ok_or("no plan")?;
    let now = sight::Now { steady: Duration::ZERO, wall_ms: 0 };
    let mut sight = Sight::default();
    for (node, member) in &view.nodes {
        let (id, known) = (member.id.ok_or("no id")?, member.boot.ok_or("no boot")?);
        let boot = if *node == name("n1") { Id(99) } else { known };
        let status = Status {
            name: node.clone(),
            id,
            boot,
            known_boots: vec![known, boot],
            cluster: Some(view.cluster),
            history: Some(view.history),
            decider: view.decider(),
            epoch: view.epoch,
            points: Some(view.points),
            serving: boot == known,
            records: 0,
            bytes: 0,
            refusal: None,
            moves: Vec::new(),
            cleaned: None,
            vitals: None,
        };
        sight.hear(node, status, now.steady);
    }
    let next = decide(&view, &plan, &mut sight, now).map_err(|halt| format!("{halt:?}"))?;
    let next = next.ok_or("n1 is not admitted")?;
    let sessions = [&view, &next].map(|view| view.open.as_ref().map(|open| open.session));
    if next.nodes[&name("n1")].boot != Some(Id(99)) {
        return Err("n1 is not admitted".to_owned());
    }
    if sessions[0] == sessions[1] { Err(format!("the session goes on: {sessions:?}")) } else { Ok(()) }
}

/// n3 is to own more. A record of the first attempt comes in one batch with the view of the second one and its opening.
fn wipes_what_came_just_before() -> Result<(), String> {
    let view = in_the_middle_of(Kind::Reweight, 2)?;
    let mut again = view.successor();
    let session = again.epoch;
    again.open.as_mut().ok_or("no change")?.session = session;
    let identity = Identity { name: name("n3"), id: Id(13), boot: Id(23), joins: true };
    let (disk, cache) = (MemoryEngine::new(), Arc::new(ReadCache::new(1 << 20)));
    let core = Core::open(Arc::new(disk.clone()), cache, identity).map_err(|fault| fault.to_string())?;
    let mut lone = Lone { core, disk, view: view.clone() };

    let from_n1 = |session, sequence, frame| {
        let (source_id, source_boot) = (Id(11), Id(21));
        let frames = vec![frame];
        Command::Message(Message { session, sequence, from: name("n1"), source_id, source_boot, frames }, ())
    };
    let beat = |view: &View| {
        let outlook = Some(Outlook::of(view.clone(), None));
        Command::Beat(
            Box::new(BeatIn { cluster: view.cluster, expect: Some(Id(13)), outlook, erase: false }),
            (),
        )
    };
    let moves = Outlook::of(view.clone(), None).moves;
    let (_, _, ranges) = moves
        .iter()
        .find(|(from, to, _)| (from, to) == (&name("n1"), &name("n3")))
        .ok_or("n1 gives nothing")?;
    let number =
        (0..KEYS).find(|number| ranges.contains(Position::of(&key(*number)))).ok_or("no key moves")?;
    let (place, version) = (StoreKey::of(&key(number)), Version(7));
    let record = Record {
        version,
        modified_ms: 0,
        expiry_ms: 0,
        content_type: None,
        content_encoding: None,
        value: "v".into(),
    };
    let put = Frame::Put { record: record.encode(&place), key: place, version };

    lone.does(beat(&view))?;
    lone.does(from_n1(view.epoch, 1, Frame::Open))?;
    for command in [from_n1(view.epoch, 2, put), beat(&again)] {
        lone.core.handle(command, Now::default()).map_err(|error| error.to_string())?;
    }
    lone.does(from_n1(session, 1, Frame::Open))?;
    if lone.has(number)? { Err(format!("key{number} of the first attempt is still here")) } else { Ok(()) }
}
