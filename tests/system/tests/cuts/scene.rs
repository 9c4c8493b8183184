//! A proxy, an old owner and a new one, each at a site of its own, and a bystander at another; the clients are at the
//! router, so that nothing ever stands between them and the proxy.

use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::admin::{accepted, state};
use harness::history::{Content, History};
use harness::process::Process;
use harness::scratch::Scratch;
use harness::settled::settled;
use harness::workload::{Running, Workload};
use harness::{Cluster, Network, Node, Setup, Site, eventually, secs};
use tokio::task::JoinHandle;

/// Keys, and the rate at which a third of them is copied in several pages.
const KEYS: u32 = 400;
const RATE: u64 = 40_000;
const SECRET: &str = "a-secret-of-the-tests";

/// Who is at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Proxy,
    Old,
    New,
    Bystander,
}

/// A cluster on its network.
pub(super) struct Scene {
    cluster: Cluster,
    /// The old owner, the new one, and the bystander.
    nodes: [Node; 3],
    clients: Workload,
    history: Arc<History>,
    /// Keys of the bystander that do not move.
    unmoved: Vec<String>,
    /// The nodes' folder, and where the process that stands still leaves its number.
    ground: Scratch,
    /// Of the proxy and the nodes, in this order.
    sites: [Site; 4],
    network: Network,
}

impl Scene {
    /// The old owner and the bystander hold all keys, and the new owner is ready to be added. The first of proxy, old
    /// and new owner that comes to `point` will stand still there.
    pub(super) async fn set(mut network: Network, point: &str) -> Self {
        let sites = [network.site(), network.site(), network.site(), network.site()];
        let ground = Scratch::new();
        let order = format!("{point}=stop@{}", ground.path("reached").display());
        let at = |site: &Site, name, order: &str| {
            let launch = Node::launch_at(&format!("{}:0", site.address()), name, &ground);
            let launch = launch.program(harness::binary::with_fail_points()).on(site);
            launch.env("KEYWAY_CLUSTER_SECRET", SECRET).env("FAIL_POINT", order)
        };
        let nodes = [
            Node::started(&at(&sites[1], "old", &order)).await,
            Node::started(&at(&sites[2], "new", &order)).await,
            Node::started(&at(&sites[3], "by", "")).await,
        ];
        // They begin the cluster, because an addition would come to the point before its time.
        let member = |node: &Node| format!("[[node]]\nname = {:?}\nurl = {:?}\n", node.name, node.url());
        let setup = Setup::new().config(&[member(&nodes[0]), member(&nodes[2])].concat());
        // A ring of few points is built much faster by a program that is not optimised.
        let setup = setup.flag("--points", "256");
        let setup = setup.env("KEYWAY_CLUSTER_SECRET", SECRET).on(&sites[0]).listen(sites[0].address());
        let cluster = setup.fail_point(point, "stop", &ground.path("reached")).start().await;
        cluster.admin().ready(secs(20)).await;
        // Most of a story is waiting for the cut to heal: clients at full speed would only heat the machine.
        let clients = Workload { rest: Duration::from_millis(20), ..Workload::new(6) };
        let clients = clients.forgive(|failure| match &failure.answer {
            Ok(answer) => answer.is_trouble(),
            Err(_) => true,
        });
        let history = Arc::new(History::new(Content { size: |_| 100..300, ..Content::small(5, KEYS) }));
        clients.fill(cluster.client(), &history).await.clean(KEYS as usize);
        let names = (0..KEYS).map(|key| history.content().name(key));
        let owners = cluster.admin().owners_if(names, "&with=new").await;
        let unmoved = owners.into_iter().filter(|(_, owner)| owner == "by").map(|(key, _)| key).collect();
        Self { cluster, nodes, clients, history, unmoved, ground, sites, network }
    }

    /// Lets clients read and write.
    pub(super) fn load(&self) -> Running {
        self.clients.start(self.cluster.client(), &self.history)
    }

    /// Asks for the new owner; the answer is the `Location` of the change, and may come only when whoever stands still
    /// goes on.
    pub(super) fn begin(&self) -> JoinHandle<String> {
        let mut slowly = self.nodes[1].introduction();
        slowly["rate"] = RATE.into();
        let asked = self.cluster.admin().add(&slowly);
        tokio::spawn(async move { accepted(&asked.send().await) })
    }

    /// Changes weights, one after the other, until so much time is over; answers how often.
    pub(super) async fn reweigh(&self, mut random: fastrand::Rng, length: Duration) -> usize {
        let (admin, end) = (self.cluster.admin(), Instant::now() + length);
        let mut done = 0;
        while Instant::now() < end {
            let node = random.choice(["old", "new", "by"]).unwrap_or("by");
            // Refused where it has this weight already, or no other node would be left.
            let asked = admin.reweight(node, random.u32(0..4)).send().await;
            if asked.status == 202 {
                assert_eq!(state(&admin.ended(&accepted(&asked), secs(90)).await), "done");
                done += 1;
            }
        }
        done
    }

    /// Waits until a process stands still at the point.
    pub(super) async fn reached(&mut self) -> &mut Process {
        let pid = eventually(secs(30), "the point is reached", || async {
            let pid = std::fs::read_to_string(self.ground.path("reached"));
            pid.map_err(|error| error.to_string())?.parse::<i32>().map_err(|error| error.to_string())
        })
        .await;
        let processes = self.nodes.iter_mut().map(|node| &mut node.process);
        let mut processes = processes.chain([&mut self.cluster.proxy]);
        let still = processes.find(|process| process.pid().as_raw_nonzero().get() == pid);
        still.expect("the process that stands still")
    }

    /// From now on all is lost that the first of a pair sends to the second.
    pub(super) fn lose(&self, losses: &[(Who, Who)]) {
        for (from, to) in losses {
            self.network.lose(self.site(*from), self.site(*to));
        }
    }

    /// And from now on it gets through again.
    pub(super) fn find(&self, losses: &[(Who, Who)]) {
        for (from, to) in losses {
            self.network.find(self.site(*from), self.site(*to));
        }
    }

    /// For so long the keys of the bystander are served.
    pub(super) async fn others_are_served(&self, length: Duration) {
        let end = Instant::now() + length;
        let mut served = 0;
        let mut keys = self.unmoved.iter().cycle();
        while Instant::now() < end
            && let Some(key) = keys.next()
        {
            let answer = self.cluster.client().get(key).send().await;
            assert!(matches!(answer.status, 200 | 404), "{key}, which does not move: {answer:?}");
            served += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(served >= 10, "only {served} keys were read while others were cut off");
    }

    /// Waits until the change is carried out, and every key is served.
    pub(super) async fn carried_out(&self, begun: JoinHandle<String>) {
        let admin = self.cluster.admin();
        let change = admin.ended(&begun.await.expect("whoever asked for it"), secs(60)).await;
        assert_eq!(state(&change), "done", "{change:#}");
        assert_eq!(admin.ring().await.names(), ["by", "new", "old"]);
        self.all_is_served_within(secs(20)).await;
    }

    /// Waits until every key is served.
    pub(super) async fn all_is_served_within(&self, limit: Duration) {
        let end = Instant::now() + limit;
        self.cluster.admin().ready(limit).await;
        // Whoever could not connect tries again at most a second later.
        for key in 0..KEYS {
            let name = self.history.content().name(key);
            let left = end.saturating_duration_since(Instant::now());
            eventually(left, &format!("{name} is served"), || async {
                let answer = self.cluster.client().get(&name).send().await;
                if matches!(answer.status, 200 | 404) { Ok(()) } else { Err(format!("{answer:?}")) }
            })
            .await;
        }
    }

    /// Fails unless what is stored is what was written.
    pub(super) async fn nothing_is_lost(&self) {
        settled(&self.cluster, &Workload::new(6), &self.history, secs(30)).await;
    }

    fn site(&self, who: Who) -> &Site {
        match who {
            Who::Proxy => &self.sites[0],
            Who::Old => &self.sites[1],
            Who::New => &self.sites[2],
            Who::Bystander => &self.sites[3],
        }
    }
}
