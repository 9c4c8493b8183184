//! The power goes while clients write and keys move: of a node's disk, of the proxy's, of the machine that all run on.
//! Whatever was acknowledged is there afterwards, by a ledger that was synced on another disk; orders that were taken
//! are carried out; and a first start that was cut short can be repeated.

use std::sync::Arc;
use std::time::Duration;

use harness::admin::{accepted, state};
use harness::client::Asked;
use harness::family::stand_still;
use harness::history::{Content, History};
use harness::launch::Launch;
use harness::ledger::{self, Ledger};
use harness::power::{Cut, Mode, PoweredDisk};
use harness::process::Process;
use harness::scratch::Scratch;
use harness::workload::{Running, Workload};
use harness::{Answer, Cluster, Node, Setup, secs, story};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::faults::seed;
use crate::support::all_there;

const KEYS: u32 = 600;
/// Bytes a second, at which a third of the keys takes about a second.
const RATE: u64 = 100_000;

#[test]
fn a_node_whose_power_goes_during_changes_has_all_that_it_acknowledged() {
    story(secs(120), || node(4));
}

#[test]
fn a_proxy_whose_power_goes_during_changes_goes_on_from_its_last_decision() {
    story(secs(120), || proxy(4));
}

#[test]
fn a_machine_whose_power_goes_during_changes_has_all_that_was_acknowledged() {
    story(secs(120), || machine(4));
}

#[test]
#[ignore = "takes ten minutes: tests/run --long"]
fn power_that_goes_again_and_again_during_changes_loses_nothing() {
    story(secs(600), || node(60));
    story(secs(600), || proxy(60));
    story(secs(600), || machine(60));
}

/// A node alone on the disk: it gains keys, and gives them away again, and in the midst of it the power goes.
async fn node(rounds: u32) {
    let mut power = Power::new(seed());
    let cluster = Setup::new().nodes(2).start().await;
    let mut disk = power.disk("extra", cluster.scratch());
    let at = |address: &str| {
        let launch = Node::launch_at(address, "extra", cluster.scratch()).on(&disk);
        launch.env("KEYWAY_CLUSTER_SECRET_FILE", cluster.secret_file())
    };
    let mut node = Node::started(&at("127.0.0.1:0")).await;
    let again = at(&node.client().address().to_string());
    let load = Load::on(&cluster).await;
    for round in 0..rounds {
        let order = match round {
            0 => slowly(cluster.admin().client().ask("POST", "/add-server"), node.introduction()),
            _ => weight(&cluster, "extra", round),
        };
        let place = accepted(&order.send().await);
        sleep(power.moment()).await;
        stand_still(&[node.process.pid()]).await;
        power.goes(&mut disk);
        node.process.kill();
        power.is_back(&mut disk).await;
        node = Node::started(&again).await;
        carried_out(&cluster, &place).await;
    }
    load.nothing_is_lost(&cluster).await;
}

/// The proxy alone on the disk, and nodes that keep their power.
async fn proxy(rounds: u32) {
    let mut power = Power::new(seed());
    let scratch = Scratch::new();
    let mut disk = power.disk("disk", &scratch);
    let secret = scratch.file("secret", "a-secret-of-the-tests");
    let launch = |name| Node::launch(name, &scratch).env("KEYWAY_CLUSTER_SECRET_FILE", &secret);
    let nodes = [
        Node::started(&launch("a")).await,
        Node::started(&launch("b")).await,
        Node::started(&launch("c")).await,
    ];
    let member = |node: &Node| format!("[[node]]\nname = {:?}\nurl = {:?}\n", node.name, node.url());
    let members: String = nodes.iter().map(member).collect();
    let setup = Setup::new().config(&members).data(disk.path().join("data")).on(&disk);
    let secret = secret.display().to_string();
    let mut cluster = setup.env("KEYWAY_CLUSTER_SECRET_FILE", &secret).start().await;
    cluster.admin().ready(secs(20)).await;
    let load = Load::on(&cluster).await;
    for round in 0..rounds {
        power.goes_during(weight(&cluster, "b", round + 1), &mut cluster, &mut disk).await;
    }
    load.nothing_is_lost(&cluster).await;
}

/// The proxy and its own nodes on one disk, as on a machine of its own.
async fn machine(rounds: u32) {
    let mut power = Power::new(seed());
    let scratch = Scratch::new();
    let mut disk = power.disk("disk", &scratch);
    let mut cluster = Setup::new().data(disk.path().join("data")).on(&disk).start().await;
    let load = Load::on(&cluster).await;
    for round in 0..rounds {
        let order = match round {
            0 => slowly(cluster.admin().add_own(), json!({})),
            _ => weight(&cluster, "n1", round),
        };
        power.goes_during(order, &mut cluster, &mut disk).await;
    }
    load.nothing_is_lost(&cluster).await;
}

#[test]
fn a_first_start_that_loses_power_can_be_repeated() {
    story(secs(120), || async {
        let mut power = Power::new(seed());
        let scratch = Scratch::new();
        let mut disk = power.disk("disk", &scratch);
        for round in 0..8 {
            let launch = Launch::keyway("first", &scratch).on(&disk);
            let launch = if round % 2 == 0 { launch.arg("kvnode").flag("--name", "n1") } else { launch };
            let data = disk.path().join(format!("data{round}"));
            let launch = launch.flag("--listen", "127.0.0.1:0").flag("--data", data);
            let moment = power.moment() / 8;
            let cut = async {
                sleep(moment).await;
                power.goes(&mut disk);
            };
            // Ready or not, it is killed when the power is gone.
            tokio::select! {
                biased;
                () = cut => {}
                _ = async { let _ready = Process::start(&launch).await; std::future::pending::<()>().await } => {}
            }
            power.is_back(&mut disk).await;
            let again = Process::start(&launch).await;
            again.unwrap_or_else(|refusal| panic!("after {moment:?}: {}", refusal.said));
        }
    });
}

/// When the power goes, and how.
struct Power {
    random: fastrand::Rng,
}

impl Power {
    fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed) }
    }

    fn mode(&mut self) -> Mode {
        if self.random.bool() { Mode::Ordered } else { Mode::Writeback }
    }

    fn disk(&mut self, name: &str, scratch: &Scratch) -> PoweredDisk {
        PoweredDisk::new(name, self.mode(), scratch)
    }

    /// A moment of the first second of a change.
    fn moment(&mut self) -> Duration {
        Duration::from_millis(self.random.u64(0..1000))
    }

    fn goes(&mut self, disk: &mut PoweredDisk) {
        disk.cut(if self.random.bool() { Cut::AtOnce } else { Cut::AfterCommit });
    }

    /// The power of the disk that the proxy runs on goes while it carries out an order; with power again, it is
    /// started and goes on.
    async fn goes_during(&mut self, order: Asked, cluster: &mut Cluster, disk: &mut PoweredDisk) {
        let place = accepted(&order.send().await);
        sleep(self.moment()).await;
        cluster.stand_still().await;
        self.goes(disk);
        cluster.kill_all().await;
        self.is_back(disk).await;
        cluster.start_again().await;
        carried_out(cluster, &place).await;
    }

    async fn is_back(&mut self, disk: &mut PoweredDisk) {
        disk.restore(self.mode()).await;
    }
}

/// Clients that write all the time, and what they were told.
struct Load {
    running: Running,
    history: Arc<History>,
    ledger: Arc<Ledger>,
}

impl Load {
    async fn on(cluster: &Cluster) -> Self {
        // Beside the logs, so that it is kept with them when the story fails.
        let ledger = Arc::new(Ledger::create(&cluster.scratch().log("ledger")));
        let history = Arc::new(History::new(Content { size: |_| 100..800, ..Content::small(7, KEYS) }));
        let clients = Workload { ledger: Some(Arc::clone(&ledger)), reads: 20, ..Workload::new(6) };
        clients.fill(cluster.client(), &history).await.clean(KEYS as usize);
        let running = clients.forgive(|failure| failure.answer.as_ref().map_or(true, Answer::is_trouble));
        let running = running.start(cluster.client(), &history);
        Self { running, history, ledger }
    }

    /// Ends the clients' work, and fails unless all that was acknowledged is there.
    async fn nothing_is_lost(self, cluster: &Cluster) {
        self.running.proceed(200).await;
        let report = self.running.stop().await;
        println!("{report}");
        report.clean(500);
        all_there(cluster, &self.history).await;
        assert_eq!(ledger::judge(self.ledger.path(), cluster.client()).await, KEYS as usize);
    }
}

/// Gives a node more weight, or less, than the round before.
fn weight(cluster: &Cluster, node: &str, round: u32) -> Asked {
    let asked = cluster.admin().client().ask("PATCH", format!("/admin/nodes/{node}"));
    let weights = [1, 4, 2];
    slowly(asked, json!({"weight": weights[round as usize % weights.len()]}))
}

fn slowly(asked: Asked, mut order: Value) -> Asked {
    order["rate"] = RATE.into();
    asked.json(&order)
}

/// Waits until an order that was taken is carried out, and all of the ring serves.
async fn carried_out(cluster: &Cluster, place: &str) {
    let change = cluster.admin().ended(place, secs(60)).await;
    assert_eq!(state(&change), "done", "{change:#}");
    cluster.admin().ready(secs(30)).await;
}
