//! Asks every member how it is, and brings it the view.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hashring::{Id, NodeName, View};
use http::{HeaderMap, HeaderValue, StatusCode};
use kvnode::client::Client;
use kvnode::protocol::{BEAT_PATH, Beat, SECRET_HEADER, Status};
use tokio::time::{sleep, timeout};

use super::decide::to_erase;
use super::decider::{Board, Errands, Local};

/// Between two questions to a node while nothing is going on.
const CALM: Pace = Pace { pause: Duration::from_millis(250), a_second: 500 };
/// Between two questions while a change is open, or the node is behind.
const BUSY: Pace = Pace { pause: Duration::from_millis(25), a_second: 1000 };
/// However many nodes there are, each is asked this often: one that was not heard for a second counts as gone.
const LONGEST: Duration = Duration::from_millis(600);
/// A node that takes longer counts as silent.
const DEADLINE: Duration = Duration::from_secs(1);
/// Between two attempts to tell a node that it was removed.
const GOODBYE: Duration = Duration::from_secs(1);

/// How often nodes are asked.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Between two questions to one of a few nodes.
    pause: Duration,
    /// Questions to all of many nodes, so that they take only a small part of the proxy's processor.
    a_second: u32,
}

/// Who asks, and what it needs for that.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) client: Client,
    pub(super) headers: HeaderMap,
    pub(super) board: Arc<Board>,
    pub(super) errands: Errands,
    pub(super) local: Option<Local>,
}

/// The headers of every inner request.
pub(super) fn inner_headers(secret: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(secret) = HeaderValue::from_str(secret) {
        headers.insert(SECRET_HEADER, secret);
    }
    headers
}

impl Asker {
    /// Keeps one task for each member, for ever.
    pub(super) async fn ask_all(self) {
        let mut views = self.board.view.subscribe();
        let mut asked = BTreeSet::new();
        loop {
            let view = views.borrow_and_update().clone();
            asked.retain(|name| view.nodes.contains_key(name));
            for name in view.nodes.keys() {
                if asked.insert(name.clone()) {
                    tokio::spawn(self.clone().ask_one(name.clone()));
                }
            }
            if views.changed().await.is_err() {
                return;
            }
        }
    }

    /// Asks one member until it is none any more.
    async fn ask_one(self, name: NodeName) {
        let mut views = self.board.view.subscribe();
        let mut last: Option<Status> = None;
        let (mut url, mut id, mut own) = (String::new(), None, false);
        loop {
            let view = views.borrow_and_update().clone();
            let Some(node) = view.nodes.get(&name) else {
                return self.say_goodbye(&name, &url, id, own).await;
            };
            url = self.url(&name).unwrap_or_else(|| node.url.clone());
            (id, own) = (node.id, node.own);
            let behind = last.as_ref().is_some_and(|status| status.epoch < view.epoch);
            let beat = beat(&view, &name, last.as_ref(), behind);
            let heard = self.ask(&url, &beat).await;
            let caught_up = heard.as_ref().is_ok_and(|status| status.epoch >= view.epoch);
            // After a silence one answer is not enough: the next one is asked for at once.
            let is_back = last.is_none();
            last = heard.as_ref().ok().cloned();
            self.errands.hear(name.clone(), heard);
            let is_busy = view.open.is_some() || view.cleaning.is_some() || !caught_up || is_back;
            let pace = if is_busy { BUSY } else { CALM };
            // A new decision is brought at once.
            let _ = timeout(about(pace.among(view.nodes.len())), views.changed()).await;
        }
    }

    /// Lets a node know that it was removed. One that cannot be reached is asked until it can, for as long as this
    /// process lives: no request is sent to it, but whoever talks to it directly would find it believing that it owns
    /// its keys.
    async fn say_goodbye(&self, name: &NodeName, url: &str, id: Option<Id>, own: bool) {
        // One that never said hello has nothing to give.
        let Some(id) = id else { return };
        loop {
            let view = self.view();
            // An own one is being stopped.
            if view.nodes.contains_key(name) || self.tell_removed(&view, url, id).await || own {
                return;
            }
            sleep(GOODBYE).await;
        }
    }

    /// Brings `view`, which does not name it, to a node that is known by its id; whether somebody answered there. Whoever
    /// that is: the node does not.
    pub(super) async fn tell_removed(&self, view: &View, url: &str, id: Id) -> bool {
        let goodbye =
            Beat { cluster: view.cluster, view: Some(view.clone()), expect: Some(id), erase: false };
        let told = self.ask(url, &goodbye).await;
        if let Err(error) = &told {
            tracing::debug!(url, error, "a removed node could not be told");
        }
        told.is_ok()
    }

    /// Where an own node really listens.
    fn url(&self, name: &NodeName) -> Option<String> {
        Some(self.local.as_ref()?.supervisor.statuses().get(name)?.url())
    }

    /// Asks whoever listens at `url`.
    pub(super) async fn ask(&self, url: &str, beat: &Beat) -> Result<Status, String> {
        let body = serde_json::to_vec(beat).map_err(|error| error.to_string())?;
        let headers = self.headers.clone();
        let answer = self.client.post(url, BEAT_PATH, headers, body.into(), DEADLINE).await;
        match answer.map_err(|error| error.to_string())? {
            (StatusCode::OK, body) => serde_json::from_slice(&body)
                .map_err(|error| format!("{url} does not answer like a kvnode: {error}")),
            (StatusCode::FORBIDDEN, _) => Err(format!(
                "the node at {url} does not take this cluster's secret: start it with the same KEYWAY_CLUSTER_SECRET"
            )),
            (status, _) => Err(format!("{url} does not answer like a kvnode: {status}")),
        }
    }

    /// The view that the board shows.
    pub(super) fn view(&self) -> Arc<View> {
        self.board.view.borrow().clone()
    }

    /// Where a member is reached, and since when it is silent.
    pub(super) fn is_up(&self, name: &NodeName) -> bool {
        let heard = self.board.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.0.is_up(&self.view(), name, self.board.now().steady)
    }
}

impl Pace {
    /// Between two questions to one of so many nodes.
    fn among(self, nodes: usize) -> Duration {
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        let share = Duration::from_secs(nodes.into()) / self.a_second;
        share.clamp(self.pause, LONGEST)
    }
}

/// A tenth more or less, so that the nodes are not all asked at the same moment, time after time.
fn about(pause: Duration) -> Duration {
    let chance = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
    pause.mul_f64(0.9 + chance / 5.0)
}

fn beat(view: &View, name: &NodeName, last: Option<&Status>, behind: bool) -> Beat {
    let expect = view.nodes.get(name).and_then(|node| node.id);
    // A view that does not name the folder yet would be refused.
    let brings = behind && expect.is_some();
    let erase = last.and_then(|status| to_erase(view, name, status)).is_some();
    Beat { cluster: view.cluster, view: brings.then(|| view.clone()), expect, erase }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_nodes_are_asked_less_often_but_never_too_seldom() {
        let pauses = |pace: Pace| [3, 100, 150, 100_000].map(|nodes| pace.among(nodes).as_millis());
        assert_eq!(pauses(CALM), [250, 250, 300, 600]);
        assert_eq!(pauses(BUSY), [25, 100, 150, 600]);
    }
}
