//! Taking in a view: persisted before it is acted on, never one of another history, never an older one.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use hashring::view::{FORMAT, Phase};
use hashring::{NodeName, RangeSet, View};

use super::sweep::{Purpose, Sweep};
use super::{BeatIn, Core, Effect, Fault, Now, Outlook};
use crate::fence::{Fence, Membership, Standing, address};
use crate::handover::source::{Source, Terms};
use crate::handover::target::Inbound;
use crate::protocol::Status;
use crate::rules::{Rule, holds};
use crate::store::engine::{EngineError, Limit, Space};

const VIEW: &str = "view";
const BOOTS: &str = "boots";
const ALONE_GRANT: &str = "alone-grant";
const INBOUND: &str = "inbound/";

/// A node that was never confirmed in this many starts forgets the oldest: the list must not grow for ever.
const REMEMBERED_BOOTS: usize = 64;

impl<T> Core<T> {
    /// Reads what the folder remembers, and notes this start before anything else.
    pub(super) fn recall(&mut self) -> Result<(), Fault> {
        self.known_boots = self.recall_note(BOOTS)?.unwrap_or_default();
        self.known_boots.push(self.identity.boot);
        if self.known_boots.len() > REMEMBERED_BOOTS {
            // The first is the confirmed one; it is what a hello is checked against.
            self.known_boots.remove(1);
        }
        self.note(BOOTS, &self.known_boots.clone());
        self.recall_inbound()?;
        match self.recall_note::<View>(VIEW)? {
            Some(view) => {
                self.outlook = Some(Arc::new(Outlook::of(view, None)));
                self.raise_fence();
            }
            None => {
                self.grant = self.recall_note::<u64>(ALONE_GRANT)?.unwrap_or(0) + 1;
                self.note(ALONE_GRANT, &self.grant.clone());
            }
        }
        Ok(())
    }

    fn recall_inbound(&mut self) -> Result<(), Fault> {
        // '0' is the byte behind '/'.
        let bounds = (Bound::Included(INBOUND.as_bytes()), Bound::Excluded(b"inbound0".as_slice()));
        for (_, bytes) in self.staging.engine().scan(Space::Meta, bounds, Limit::NONE)? {
            let inbound: Inbound = parse(INBOUND, &bytes)?;
            if !inbound.ready {
                // Its wipe ended with the process; the old owner opens the session again.
                self.forget(&inbound.from.clone());
                continue;
            }
            self.targets.insert(inbound.from.clone(), inbound);
        }
        Ok(())
    }

    fn recall_note<V: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<V>, Fault> {
        let bytes = self.staging.engine().get(Space::Meta, name.as_bytes())?;
        bytes.map(|bytes| parse(name, &bytes)).transpose()
    }

    fn note<V: serde::Serialize>(&mut self, name: &str, value: &V) {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.staging.note(name.to_owned(), Some(bytes)),
            Err(error) => tracing::error!(name, %error, "a note of this node has no stored form"),
        }
    }

    pub(super) fn remember(&mut self, inbound: &Inbound) {
        self.note(&format!("{INBOUND}{}", inbound.from), inbound);
    }

    fn forget(&mut self, from: &NodeName) {
        self.staging.note(format!("{INBOUND}{from}"), None);
    }

    /// Answers the coordinator, after taking in the view that it brought.
    pub(super) fn beat(&mut self, beat: BeatIn, reply: T, now: Now) -> Result<(), EngineError> {
        let mut refusal = None;
        let meant = beat.expect.is_none_or(|id| id == self.identity.id);
        if let Some(outlook) = beat.outlook.filter(|_| meant) {
            match self.consider(&outlook.view) {
                Ok(true) => self.adopt(outlook, now)?,
                Ok(false) => {}
                Err(reason) => refusal = Some(reason),
            }
        }
        if meant && beat.erase && refusal.is_none() {
            refusal = self.erase(beat.cluster);
        }
        let status = self.status(refusal);
        self.effects.push(Effect::Status(reply, Box::new(status)));
        Ok(())
    }

    /// Whether the view is to be adopted; `Ok(false)` where it is known or older.
    fn consider(&self, view: &View) -> Result<bool, String> {
        if view.format != FORMAT {
            return Err(format!("the view has format {}, this node knows {FORMAT}", view.format));
        }
        let me = view.nodes.get(&self.identity.name);
        if me.is_some_and(|node| node.id.is_some_and(|id| id != self.identity.id)) {
            return Err(format!(
                "the cluster knows {} with another data folder: restore that folder, or remove the node by force",
                self.identity.name
            ));
        }
        let Some(outlook) = &self.outlook else {
            if me.is_none_or(|node| node.id != Some(self.identity.id)) {
                return Err("the view does not name this node".to_owned());
            }
            let records = self.staging.counts().records;
            if records > 0 {
                return Err(format!(
                    "this node holds {records} records of its own: only an empty node can join a cluster"
                ));
            }
            return Ok(true);
        };
        let mine = &outlook.view;
        if view.cluster != mine.cluster {
            return Err(format!("this node belongs to cluster {}", mine.cluster));
        }
        if view.history != mine.history {
            return Err("the view is of another history of this cluster".to_owned());
        }
        let contradicts = match view.epoch.cmp(&mine.epoch) {
            Ordering::Less => false,
            Ordering::Equal => view.digest() != mine.digest(),
            Ordering::Greater => !view.descends_from(mine.epoch, mine.decider()),
        };
        if contradicts && holds(Rule::OneHistory) {
            return Err(format!(
                "the view of epoch {} contradicts the one that this node acted on: an old copy of the proxy's \
                 view was restored",
                view.epoch
            ));
        }
        Ok(view.epoch > mine.epoch)
    }

    fn adopt(&mut self, outlook: Outlook, now: Now) -> Result<(), EngineError> {
        if self.outlook.is_none() || holds(Rule::ViewIsPersisted) {
            self.note(VIEW, &outlook.view);
        }
        let outlook = Arc::new(outlook);
        self.outlook = Some(outlook.clone());
        if let Some(node) = outlook.view.nodes.get(&self.identity.name)
            && node.boot == Some(self.identity.boot)
        {
            self.grant = self.grant.max(node.grant);
            if self.known_boots != [self.identity.boot] {
                self.known_boots = vec![self.identity.boot];
                self.note(BOOTS, &self.known_boots.clone());
            }
        }
        self.keep_targets(&outlook);
        self.raise_fence();
        self.keep_sources(&outlook, now)?;
        self.keep_cleaning(&outlook);
        Ok(())
    }

    /// Makes the fence anew from the view and from what old owners have sealed.
    pub(super) fn raise_fence(&mut self) {
        let Some(outlook) = &self.outlook else { return };
        let me = &self.identity.name;
        let view = &outlook.view;
        let standing = match view.nodes.get(me).filter(|node| node.id == Some(self.identity.id)) {
            None => Standing::Outside,
            Some(node) if node.boot != Some(self.identity.boot) && holds(Rule::HelloFirst) => {
                Standing::Unconfirmed
            }
            Some(_) => Standing::Member(Membership {
                ring: outlook.ring.clone(),
                me: me.clone(),
                urls: outlook.urls.clone(),
                awaited: self.awaited(outlook),
            }),
        };
        let address = address(view.cluster, self.identity.id, self.identity.boot);
        self.fence = Arc::new(Fence { epoch: view.epoch, standing, address });
    }

    /// Ranges that the new ring gives to this node and that their old owner has not sealed.
    fn awaited(&self, outlook: &Outlook) -> Vec<Arc<RangeSet>> {
        let Some(open) = outlook.view.open.as_ref().filter(|open| open.phase == Phase::Switched) else {
            return Vec::new();
        };
        let sealed = |from: &NodeName| {
            let inbound = self.targets.get(from);
            let waits = holds(Rule::SealBeforeActing);
            !waits
                || open.needs_no_seal(from)
                || inbound.is_some_and(|one| one.sealed && one.session == open.session)
        };
        let coming = outlook.moves.iter().filter(|(from, to, _)| *to == self.identity.name && !sealed(from));
        coming.map(|(_, _, ranges)| ranges.clone()).collect()
    }

    pub(super) fn is_member(&self) -> bool {
        matches!(self.fence.standing, Standing::Member(_))
    }

    /// Drops sessions that the view does not know any more.
    fn keep_targets(&mut self, outlook: &Outlook) {
        let session = outlook.view.open.as_ref().map(|open| open.session);
        let over: Vec<NodeName> = self
            .targets
            .values()
            .filter(|inbound| Some(inbound.session) != session)
            .map(|inbound| inbound.from.clone())
            .collect();
        for from in &over {
            self.targets.remove(from);
            self.arrivals.remove(from);
            self.forget(from);
        }
        self.sweeps.retain(|sweep| match &sweep.purpose {
            Purpose::Wipe { session: of, .. } => Some(*of) == session,
            _ => true,
        });
        if !over.is_empty() && outlook.view.open.is_none() {
            self.sweeps.push_back(Sweep::new(Purpose::Forget, Arc::new(RangeSet::whole())));
        }
    }

    /// Begins, seals or ends this node's part as an old owner.
    fn keep_sources(&mut self, outlook: &Outlook, now: Now) -> Result<(), EngineError> {
        let mut old = std::mem::take(&mut self.sources);
        let mut kept = BTreeMap::new();
        if let Some(open) = outlook.view.open.as_ref().filter(|_| self.is_member()) {
            let paused = open.change.paused || open.stopped.is_some();
            // A node that was given up and is there again has nothing to seal: it serves by the new ring only.
            let given_up = open.given_up.contains(&self.identity.name);
            for (from, to, ranges) in &outlook.moves {
                if *from != self.identity.name || given_up {
                    continue;
                }
                // One of another session stays among the old ones: what it has under way must be answered.
                let goes_on = old.get(to).is_some_and(|source| source.terms().session == open.session);
                let same = if goes_on { old.remove(to) } else { None };
                let switched = open.phase == Phase::Switched;
                let mut source = match same {
                    Some(source) => source,
                    None => {
                        let Some(target) = outlook.view.nodes.get(to).and_then(|node| node.id) else {
                            continue;
                        };
                        let terms = Terms {
                            change: open.change.id,
                            session: open.session,
                            from: from.clone(),
                            source: (self.identity.id, self.identity.boot),
                            to: to.clone(),
                            target_id: target,
                            ranges: ranges.clone(),
                        };
                        if switched { Source::after_restart(terms, now.steady) } else { Source::new(terms) }
                    }
                };
                source.tune(paused, open.change.rate.map(|rate| share_of(rate, ranges, outlook)));
                if switched {
                    source.seal(now.steady);
                    #[cfg(feature = "mutants")]
                    if !holds(Rule::SealDrains) {
                        for forward in source.abandon() {
                            self.apply(forward)?;
                        }
                    }
                }
                kept.insert(to.clone(), source);
            }
        }
        self.after = if kept.is_empty() { None } else { outlook.after.clone() };
        self.sources = kept;
        for (_, source) in old {
            self.settle(source, now)?;
        }
        Ok(())
    }

    fn keep_cleaning(&mut self, outlook: &Outlook) {
        let wanted = outlook.view.cleaning.as_ref().map(|cleaning| cleaning.change);
        self.sweeps.retain(|sweep| match sweep.purpose {
            Purpose::Clean { change } => Some(change) == wanted,
            _ => true,
        });
        let Some(change) = wanted else { return };
        let begun = self.cleaned == Some(change)
            || self.sweeps.iter().any(|sweep| sweep.purpose == Purpose::Clean { change });
        let mine = outlook.cleaning.iter().find(|(name, _)| *name == self.identity.name);
        if let Some((_, ranges)) = mine
            && !begun
            && self.is_member()
        {
            let everything = || Arc::new(RangeSet::whole());
            let ranges = if holds(Rule::CleanOnlySealed) { ranges.clone() } else { everything() };
            self.sweeps.push_back(Sweep::new(Purpose::Clean { change }, ranges));
        }
    }

    /// Begins to erase the folder of a node that was removed: its view does not name it, or names no process of it.
    fn erase(&mut self, cluster: hashring::Id) -> Option<String> {
        let view = self.outlook.as_ref().map(|outlook| &outlook.view).filter(|view| view.cluster == cluster);
        let admitted =
            |view: &View| view.nodes.get(&self.identity.name).is_some_and(|node| node.boot.is_some());
        if view.is_none_or(admitted) {
            return Some("only a node that was removed from this cluster can be erased".to_owned());
        }
        if self.staging.counts().records > 0
            && !self.sweeps.iter().any(|sweep| sweep.purpose == Purpose::Erase)
        {
            self.sweeps.push_back(Sweep::new(Purpose::Erase, Arc::new(RangeSet::whole())));
        }
        None
    }

    fn status(&self, refusal: Option<String>) -> Status {
        let view = self.outlook.as_ref().map(|outlook| &outlook.view);
        let switched = view.and_then(|view| view.open.as_ref()).filter(|open| open.phase == Phase::Switched);
        let acts = |inbound: &Inbound| {
            switched.is_some_and(|open| inbound.sealed || open.needs_no_seal(&inbound.from))
        };
        let counts = self.staging.counts();
        let sources = self.sources.values().map(Source::status);
        let targets = self.targets.values().map(|inbound| inbound.status(acts(inbound)));
        Status {
            name: self.identity.name.clone(),
            id: self.identity.id,
            boot: self.identity.boot,
            known_boots: self.known_boots.clone(),
            cluster: view.map(|view| view.cluster),
            history: view.map(|view| view.history),
            decider: view.and_then(View::decider),
            epoch: view.map_or(0, |view| view.epoch),
            points: view.map(|view| view.points),
            serving: matches!(self.fence.standing, Standing::Member(_) | Standing::Alone),
            records: counts.records,
            bytes: counts.bytes,
            refusal,
            moves: sources.chain(targets).collect(),
            cleaned: self.cleaned,
            vitals: None,
        }
    }
}

/// What one move may use of the rate of its change: its part of all that moves, so that all end together.
fn share_of(rate: u64, ranges: &RangeSet, outlook: &Outlook) -> u64 {
    let whole: u128 = outlook.moves.iter().map(|(_, _, ranges)| ranges.size()).sum();
    // The size of a range set is at most 2^64.
    let part = u128::from(rate).saturating_mul(ranges.size()) / whole.max(1);
    u64::try_from(part).unwrap_or(rate).max(1)
}

fn parse<V: serde::de::DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<V, Fault> {
    serde_json::from_slice(bytes).map_err(|error| {
        Fault::Engine(EngineError {
            what: "reading the node's own notes",
            cause: format!("{name}: {error}").into(),
        })
    })
}
