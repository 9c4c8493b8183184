//! Nodes that were removed and that nobody stops. They know what they had, their ports answer, and they may have stood
//! still while it was decided; whoever talks to them directly gets nothing from them, and changes go on as if they were
//! not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::admin::{accepted, state};
use harness::history::History;
use harness::workload::Workload;
use harness::{Answer, Client, Cluster, Node, Setup, eventually, secs, story, story_on_a_network};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{all_there, filled};

const KEYS: u32 = 1000;

#[test]
fn a_removed_node_that_runs_on_gives_nobody_anything_while_others_come_and_go() {
    story(secs(120), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, KEYS).await;
        let mut node = Node::joining("extra", &cluster).await;
        let admin = cluster.admin();
        eventually(secs(30), "it is taken in", || async {
            let changes = admin.changes().await;
            if changes.iter().any(|change| state(change) == "done") {
                Ok(())
            } else {
                Err(format!("{changes:?}"))
            }
        })
        .await;
        let clients = Workload::new(4).start(cluster.client(), &history);
        admin.carried_out(admin.remove("extra"), secs(30)).await;

        let strangers = Strangers::at(&node, &history);
        admin.carried_out(admin.add_own(), secs(30)).await;
        admin.carried_out(admin.remove("n1"), secs(30)).await;
        clients.proceed(500).await;
        strangers.got_nothing().await;

        // With its folder and `--join`: it asks to be taken in, and is told that it is not empty.
        node.process.kill();
        drop(node);
        let node = Node::joining("extra", &cluster).await;
        let strangers = Strangers::at(&node, &history);
        admin.carried_out(admin.reweight("n2", 3), secs(30)).await;
        admin.carried_out(admin.remove("n3"), secs(30)).await;
        clients.proceed(500).await;
        strangers.got_nothing().await;

        clients.stop().await.clean(2000);
        assert_eq!(admin.ring().await.names(), ["n2", "n4"]);
        all_there(&cluster, &history).await;
        drop(node);
    });
}

#[test]
fn a_node_that_stood_still_while_its_removal_was_completed_gives_nobody_anything_when_it_wakes() {
    // Building it takes its time, which is not the story's.
    let _program = harness::binary::with_fail_points();
    story(secs(120), || async {
        let cluster = Cluster::start().await;
        let admin = cluster.admin();
        let history = filled(&cluster, KEYS).await;
        let reached = cluster.scratch().path("reached");
        let launch = Node::launch_for("extra", &cluster).program(harness::binary::with_fail_points());
        let order = format!("source.send-seal=stop@{}", reached.display());
        let mut node = Node::started(&launch.env("FAIL_POINT", order)).await;
        admin.carried_out(admin.add(&node.introduction()), secs(30)).await;
        let clients =
            Workload::new(4).forgive(|failure| failure.answer.as_ref().is_ok_and(Answer::is_trouble));
        let clients = clients.start(cluster.client(), &history);

        let place = accepted(&admin.remove("extra").send().await);
        eventually(secs(30), "it stands still before it seals", || async {
            if reached.exists() { Ok(()) } else { Err(admin.change(&place).await.to_string()) }
        })
        .await;
        eventually(secs(20), "the operator may say that it does not come back", || async {
            let forced = admin.patch_change(&place, &json!({"force_seal": "extra"})).send().await;
            if forced.status == 200 { Ok(()) } else { Err(format!("{forced:?}")) }
        })
        .await;
        assert_eq!(state(&admin.ended(&place, secs(30)).await), "done");
        clients.proceed(500).await;

        node.process.resume();
        let strangers = Strangers::at(&node, &history);
        admin.carried_out(admin.add_own(), secs(30)).await;
        clients.proceed(500).await;
        strangers.got_nothing().await;
        clients.stop().await.clean(1000);
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_node_that_was_cut_off_while_it_was_removed_by_force_is_told_when_it_is_back() {
    story_on_a_network(secs(120), |mut network| async move {
        let (here, there) = (network.site(), network.site());
        let cluster = Setup::new().on(&here).listen(here.address()).start().await;
        let admin = cluster.admin();
        let history = filled(&cluster, KEYS).await;
        let launch = Node::launch_at(&format!("{}:0", there.address()), "extra", cluster.scratch());
        let launch = launch.env("KEYWAY_CLUSTER_SECRET_FILE", cluster.secret_file()).on(&there);
        let node = Node::started(&launch).await;
        let change = admin.carried_out(admin.add(&node.introduction()), secs(30)).await;
        assert!(system::receipt::agreed(&change).0 > 0, "{change:#}");
        network.cut(&here, &there);
        let place = eventually(secs(20), "it counts as dead", || async {
            let answer = admin.client().ask("POST", "/remove-server?name=extra&force=true").send().await;
            if answer.status == 409 { Err(format!("{answer:?}")) } else { Ok(accepted(&answer)) }
        })
        .await;
        assert_eq!(state(&admin.ended(&place, secs(30)).await), "done");
        // It cannot know, which is why an operator must be sure that it is stopped.
        let mut its = None;
        for name in (0..KEYS).map(|key| history.content().name(key)) {
            if node.client().get(&name).send().await.status == 200 {
                its = Some(name);
            }
        }
        let its = its.expect("a key that it still gives away");

        network.heal(&here, &there);
        eventually(secs(20), "it knows that it was removed", || async {
            let answer = node.client().get(&its).send().await;
            if answer.status == 421 { Ok(()) } else { Err(format!("{answer:?}")) }
        })
        .await;
        let strangers = Strangers::at(&node, &history);
        admin.carried_out(admin.add_own(), secs(30)).await;
        strangers.got_nothing().await;
        admin.verified(secs(20)).await;
    });
}

/// Clients that talk to a node directly, all the time, and note whatever it gives them.
struct Strangers {
    stop: Arc<AtomicBool>,
    at_work: JoinHandle<(usize, Vec<String>)>,
}

impl Strangers {
    fn at(node: &Node, history: &Arc<History>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let work = work(node.client().clone(), Arc::clone(history), Arc::clone(&stop));
        Self { stop, at_work: tokio::spawn(work) }
    }

    /// Ends their work; fails where any of them was given anything.
    async fn got_nothing(self) {
        self.stop.store(true, Ordering::Relaxed);
        let (asked, given) = self.at_work.await.expect("the strangers");
        assert!(
            given.is_empty(),
            "a removed node gave {} of {asked} something: {:#?}",
            given.len(),
            &given[..1]
        );
        assert!(asked >= 100, "only {asked} requests");
    }
}

async fn work(client: Client, history: Arc<History>, stop: Arc<AtomicBool>) -> (usize, Vec<String>) {
    let (mut asked, mut given) = (0, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let name = history.content().name(asked % history.len());
        let request = match asked % 4 {
            0 => client.put(&name, "of a stranger"),
            1 => client.head(&name),
            2 => client.delete(&name),
            _ => client.get(&name),
        };
        let answer = request.send().await;
        if !matches!(answer.status, 421 | 503) {
            given.push(format!("{answer:?}"));
        }
        asked += 1;
    }
    (asked as usize, given)
}
