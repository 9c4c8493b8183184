//! A cluster of three nodes that remembers what it was asked and answers what the test wants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hashring::view::{Change, FinishedChange, Kind, Node, Outcome, Receipt, Tally};
use hashring::{Id, View};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use keyway::admin::access::Access;
use keyway::admin::history::History;
use keyway::admin::{Admin, Parts};
use keyway::config::secret::Secret;
use keyway::control::{
    Accepted, Adjust, Cancelled, Control, Hello, Joined, Leaving, NodeReport, NodeState, Order, PlanReport,
    Progress, Refusal, Terms, Verification,
};
use keyway::metrics::Metrics;
use keyway::view::Bridge;
use kvnode::protocol::Vitals;
use serde_json::Value;

pub(crate) const SECRET: &str = "secret-of-the-cluster";

/// What it was asked, and what it is to answer.
pub(crate) struct Cluster {
    pub(crate) view: Mutex<View>,
    pub(crate) progress: Mutex<Progress>,
    pub(crate) asked: Mutex<Vec<Asked>>,
    pub(crate) accept: Mutex<Result<Accepted, Refusal>>,
    pub(crate) cancelled: Mutex<Cancelled>,
    pub(crate) joined: Mutex<Joined>,
    pub(crate) leaving: Mutex<Leaving>,
    pub(crate) verification: Mutex<Verification>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked {
    Submit(Order, Terms),
    DryRun(Order),
    Adjust(u64, Adjust),
    Cancel(u64),
    Join(Hello),
    Leave(Hello),
    Wait(u64, Duration),
    Verify,
}

/// An admin plane in front of a fake cluster.
pub(crate) struct Fixture {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) bridge: Arc<Bridge>,
    pub(crate) metrics: Arc<Metrics>,
    admin: Admin<Cluster>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Asserts that this is a problem of this type, and gives its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, slug: &str) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert!(self.headers["proxy-status"].to_str().unwrap().starts_with("keyway; error="));
        let json = self.json();
        assert_eq!(json["type"], format!("urn:keyway:problem:{slug}"), "{}", self.text);
        assert_eq!(json["status"], status);
        json["detail"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) fn view() -> View {
    let mut view = View { epoch: 7, next_change: 5, ..View::first(Id(1), Id(2), 64) };
    for number in 1..=3_u16 {
        let node = Node {
            id: Some(Id(number.into())),
            boot: Some(Id(100)),
            grant: 1,
            url: format!("http://127.0.0.1:{}", 5000 + number),
            weight: 1,
            own: true,
        };
        view.nodes.insert(format!("n{number}").parse().unwrap(), node);
    }
    view
}

pub(crate) fn change(id: u64, kind: Kind, node: &str) -> Change {
    Change {
        id,
        kind,
        node: node.parse().unwrap(),
        weight: 1,
        requested_ms: 1_000,
        idempotency: None,
        newcomer: None,
        reverses: None,
        force: false,
        lost: None,
        paused: false,
        rate: None,
    }
}

pub(crate) fn finished(id: u64, outcome: Outcome, reason: Option<&str>) -> FinishedChange {
    let tally = Tally { records: 10, bytes: 1000, digest: Id(9) };
    FinishedChange {
        change: change(id, Kind::AddServer, "n4"),
        outcome,
        reason: reason.map(str::to_owned),
        started_ms: 2_000,
        finished_ms: 3_000,
        receipts: vec![Receipt {
            from: "n1".parse().unwrap(),
            to: "n4".parse().unwrap(),
            source: tally,
            target: tally,
            hold_us: Some(850),
        }],
        given_up: Default::default(),
    }
}

pub(crate) fn up() -> NodeReport {
    NodeReport {
        state: NodeState::Up,
        trouble: None,
        last_heard: Some(Duration::from_millis(40)),
        records: Some(1000),
        bytes: Some(50_000),
        vitals: Some(Vitals { commits: 10, commit_us: 2_500_000, ..Vitals::default() }),
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(Access::Loopback)
    }

    pub(crate) fn with(access: Access) -> Self {
        let view = view();
        let nodes = view.nodes.keys().map(|name| (name.clone(), up())).collect();
        let cluster = Arc::new(Cluster {
            view: Mutex::new(view.clone()),
            progress: Mutex::new(Progress { nodes, changes: BTreeMap::new() }),
            asked: Mutex::default(),
            accept: Mutex::new(Ok(Accepted::Queued(5))),
            cancelled: Mutex::new(Cancelled::Dropped),
            joined: Mutex::new(Joined::Queued(5)),
            leaving: Mutex::new(Leaving::Queued(5)),
            verification: Mutex::new(Verification { epoch: 7, nodes: BTreeMap::new(), problems: Vec::new() }),
        });
        let (bridge, metrics) = (Bridge::new(view), Metrics::new(1));
        let parts = Parts {
            control: Arc::clone(&cluster),
            bridge: Arc::clone(&bridge),
            access,
            secret: Secret::new(SECRET).unwrap(),
            metrics: Arc::new(Arc::clone(&metrics).into()),
            history: History::new(),
        };
        Self { cluster, bridge, metrics, admin: Admin::new(parts) }
    }

    /// Changes the view as a decision would.
    pub(crate) fn decide(&self, decide: impl FnOnce(&mut View)) {
        let mut view = self.cluster.view.lock().unwrap();
        view.epoch += 1;
        decide(&mut view);
        self.bridge.publish(view.clone());
    }

    pub(crate) async fn get(&self, target: &str) -> Answered {
        self.send(request(Method::GET, target, "")).await
    }

    pub(crate) async fn post(&self, target: &str, body: &str) -> Answered {
        self.send(request(Method::POST, target, body)).await
    }

    pub(crate) async fn patch(&self, target: &str, body: &str) -> Answered {
        self.send(request(Method::PATCH, target, body)).await
    }

    pub(crate) async fn delete(&self, target: &str) -> Answered {
        self.send(request(Method::DELETE, target, "")).await
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answered {
        self.send_from("127.0.0.1:40000", request).await
    }

    pub(crate) async fn send_from(&self, peer: &str, request: Request<Full<Bytes>>) -> Answered {
        let (parts, body) = self.admin.handle(request, peer.parse().unwrap()).await.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        // So it is with every answer, whatever it says. Only the page runs scripts, and has a policy of its own.
        assert_eq!(parts.headers["x-content-type-options"], "nosniff");
        let page = parts.headers.get("content-type").is_some_and(|kind| kind == "text/html; charset=utf-8");
        if !page {
            assert_eq!(parts.headers["content-security-policy"], "default-src 'none'; sandbox");
        }
        Answered { status: parts.status, headers: parts.headers, text }
    }

    /// What the cluster was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.cluster.asked.lock().unwrap())
    }
}

/// A request as a program on this machine makes it.
pub(crate) fn request(method: Method, target: &str, body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(target).header("host", "127.0.0.1:5000");
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    request.body(Full::from(body.to_owned())).unwrap()
}

impl Cluster {
    fn note(&self, asked: Asked) {
        self.asked.lock().unwrap().push(asked);
    }
}

impl Control for Cluster {
    fn view(&self) -> Arc<View> {
        Arc::new(self.view.lock().unwrap().clone())
    }

    fn progress(&self) -> Progress {
        self.progress.lock().unwrap().clone()
    }

    async fn submit(&self, order: Order, terms: Terms) -> Result<Accepted, Refusal> {
        let (kind, node) = match &order {
            Order::AddServer(_) => (Kind::AddServer, "n4"),
            Order::RemoveServer(remove) => (Kind::RemoveServer, remove.name.as_str()),
            Order::Reweight(reweight) => (Kind::Reweight, reweight.name.as_str()),
        };
        let queued = change(5, kind, node);
        self.note(Asked::Submit(order, terms));
        let accepted = self.accept.lock().unwrap().clone();
        if accepted == Ok(Accepted::Queued(5)) {
            self.view.lock().unwrap().queue.push_back(queued);
        }
        accepted
    }

    async fn dry_run(&self, order: Order) -> Result<PlanReport, Refusal> {
        self.note(Asked::DryRun(order));
        let ring = self.view().ring();
        Ok(PlanReport::between(&ring, &ring, &BTreeMap::new()))
    }

    async fn adjust(&self, change: u64, adjust: Adjust) -> Result<(), Refusal> {
        self.note(Asked::Adjust(change, adjust));
        Ok(())
    }

    async fn cancel(&self, change: u64) -> Result<Cancelled, Refusal> {
        self.note(Asked::Cancel(change));
        Ok(*self.cancelled.lock().unwrap())
    }

    async fn join(&self, hello: Hello) -> Result<Joined, Refusal> {
        self.note(Asked::Join(hello));
        Ok(self.joined.lock().unwrap().clone())
    }

    async fn leave(&self, hello: Hello) -> Result<Leaving, Refusal> {
        self.note(Asked::Leave(hello));
        Ok(self.leaving.lock().unwrap().clone())
    }

    async fn verify(&self) -> Result<Verification, Refusal> {
        self.note(Asked::Verify);
        Ok(self.verification.lock().unwrap().clone())
    }

    async fn wait_finished(&self, change: u64, limit: Duration) -> Option<FinishedChange> {
        self.note(Asked::Wait(change, limit));
        self.view().finished.iter().find(|ended| ended.change.id == change).cloned()
    }
}
