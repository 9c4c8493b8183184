//! A full disk: new values are refused, everything else goes on, and with room again all does.

use bytes::Bytes;
use harness::admin::{accepted, state};
use harness::scratch::Scratch;
use harness::workload::Workload;
use harness::{Answer, Client, Cluster, Node, SmallDisk, eventually, secs, story};
use tokio::task::JoinSet;

use crate::support::{all_there, filled_with_pages};

const MB: u64 = 1_000_000;

/// What a story fills a disk with.
#[derive(Debug, Clone, Copy)]
struct Load {
    disk: u64,
    value: usize,
    clients: u64,
    /// At least so many values must fit, else the reserve is out of proportion.
    fit: usize,
}

impl Load {
    fn step(self) -> usize {
        usize::try_from(self.clients).unwrap_or(1)
    }
}

#[test]
fn a_disk_of_120_mb_full_of_large_values_refuses_new_ones_and_serves_all_else() {
    filled_and_emptied(Load { disk: 120 * MB, value: 4_000_000, clients: 2, fit: 3 });
}

#[test]
fn a_disk_of_400_mb_full_of_large_values_refuses_new_ones_and_serves_all_else() {
    filled_and_emptied(Load { disk: 400 * MB, value: 4_000_000, clients: 4, fit: 30 });
}

#[test]
fn a_disk_of_40_mb_full_of_small_values_refuses_new_ones_and_serves_all_else() {
    filled_and_emptied(Load { disk: 40 * MB, value: 100, clients: 32, fit: 20_000 });
}

fn filled_and_emptied(load: Load) {
    story(secs(90), || async {
        let scratch = Scratch::new();
        let disk = SmallDisk::of(load.disk, "n1", &scratch);
        let launch = Node::launch("n1", &scratch).on(&disk);
        let mut node = Node::started(&launch).await;
        let stored = fill(node.client(), load, 0).await;
        println!("{load:?}: {} values fitted, {} bytes are free", stored.len(), disk.free());
        assert!(stored.len() >= load.fit, "only {} values fitted", stored.len());
        read_back(node.client(), load, &stored).await;

        node.process.kill();
        drop(node);
        let mut node = Node::started(&launch).await;
        read_back(node.client(), load, &stored).await;
        let (deleted, kept) = stored.split_at(stored.len() / 2);
        delete(node.client(), load, deleted).await;
        eventually(secs(20), "values are taken again, without a restart", || async {
            let answer = put(node.client(), load, 1 << 32).await;
            if taken(&answer) { Ok(()) } else { Err(format!("{} bytes are free", disk.free())) }
        })
        .await;
        let more = fill(node.client(), load, 1 << 33).await;
        println!("{} more after half of them were deleted, {} bytes are free", more.len(), disk.free());
        read_back(node.client(), load, kept).await;
        read_back(node.client(), load, &more).await;
        node.client().get(name(deleted[0])).send().await.is(404);
        assert!(node.process.running(), "the node must not end because of a full disk");
    });
}

#[test]
fn a_disk_that_others_fill_stops_nothing_but_new_values_and_a_start_says_how_much_to_free() {
    story(secs(60), || async {
        let scratch = Scratch::new();
        let load = Load { disk: 300 * MB, value: 1_000_000, clients: 1, fit: 0 };
        let disk = SmallDisk::of(load.disk, "n1", &scratch);
        let launch = Node::launch("n1", &scratch).on(&disk);
        let mut node = Node::started(&launch).await;
        let stored: Vec<u64> = (0..20).collect();
        for &number in &stored {
            put(node.client(), load, number).await.is(201);
        }
        disk.fill_up(30 * MB);
        put(node.client(), load, 20).await.problem(507, &["full"]);
        read_back(node.client(), load, &stored).await;
        node.client().delete(name(0)).send().await.is(204);
        assert!(node.process.running());
        node.process.kill();
        drop(node);

        disk.make_room();
        disk.fill_up(0);
        let refusal = Node::try_started(&launch).await.expect_err("a start without any room");
        assert!(
            refusal.said.contains("is full") && refusal.said.contains("free at least"),
            "{}",
            refusal.said
        );

        disk.make_room();
        let node = Node::started(&launch).await;
        read_back(node.client(), load, &stored[1..]).await;
        put(node.client(), load, 20).await.is(201);
    });
}

#[test]
fn a_change_whose_target_is_full_says_so_and_can_be_cancelled_or_goes_on_when_there_is_room() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let history = filled_with_pages(&cluster).await;
        let disk = SmallDisk::of(100 * MB, "late", cluster.scratch());
        let mut late = Node::started(&Node::launch_for("late", &cluster).on(&disk)).await;
        disk.fill_up(12 * MB);
        let before = cluster.admin().ring().await;
        let load = Workload::new(4).start(cluster.client(), &history);

        let place = accepted(&cluster.admin().add(&late.introduction()).send().await);
        blocked_by_the_disk(&cluster, &place).await;
        load.proceed(500).await;
        cluster.admin().cancel(&place).send().await;
        assert_eq!(state(&cluster.admin().ended(&place, secs(30)).await), "cancelled");
        assert_eq!(cluster.admin().ring().await.digest(), before.digest());
        load.proceed(500).await;

        let mut again = late.introduction();
        again["erase"] = true.into();
        let place = accepted(&cluster.admin().add(&again).send().await);
        blocked_by_the_disk(&cluster, &place).await;
        load.proceed(500).await;
        disk.make_room();
        let change = cluster.admin().ended(&place, secs(40)).await;
        assert_eq!(state(&change), "done", "{change:#}");
        load.proceed(500).await;
        load.stop().await.clean(2000);
        all_there(&cluster, &history).await;
        assert!(late.process.running(), "the node must not end because of a full disk");
    });
}

/// Waits until a change says that it waits for a disk.
async fn blocked_by_the_disk(cluster: &Cluster, place: &str) {
    eventually(secs(20), "the change says that a disk is full", || async {
        let change = cluster.admin().change(place).await;
        let blocked = change["blocked"].as_str().unwrap_or_default();
        if blocked.contains("disk") && blocked.contains("full") { Ok(()) } else { Err(change.to_string()) }
    })
    .await;
}

/// Puts values, numbered from `first` on, until each client has been refused several times; answers the numbers of
/// those that were taken.
async fn fill(client: &Client, load: Load, first: u64) -> Vec<u64> {
    let mut fillers = JoinSet::new();
    for number in first..first + load.clients {
        let client = client.clone();
        fillers.spawn(async move {
            let (mut stored, mut refused, mut numbers) = (Vec::new(), 0, (number..).step_by(load.step()));
            while refused < 5
                && let Some(number) = numbers.next()
            {
                if taken(&put(&client, load, number).await) { stored.push(number) } else { refused += 1 }
            }
            stored
        });
    }
    fillers.join_all().await.concat()
}

/// Does something with each of these numbers, by several clients.
async fn each<F>(
    client: &Client,
    load: Load,
    numbers: &[u64],
    act: impl Fn(Client, u64) -> F + Copy + Send + 'static,
) where
    F: Future<Output = ()> + Send,
{
    let mut clients = JoinSet::new();
    for share in numbers.chunks(numbers.len().div_ceil(load.step()).max(1)) {
        let (client, share) = (client.clone(), share.to_vec());
        clients.spawn(async move {
            for number in share {
                act(client.clone(), number).await;
            }
        });
    }
    clients.join_all().await;
}

async fn read_back(client: &Client, load: Load, numbers: &[u64]) {
    each(client, load, numbers, move |client, number| async move {
        let answer = client.get(name(number)).send().await.expect(200);
        assert!(answer.body == value(load, number), "value {number} came back changed");
    })
    .await;
}

async fn delete(client: &Client, load: Load, numbers: &[u64]) {
    each(client, load, numbers, |client, number| async move {
        client.delete(name(number)).send().await.is(204);
    })
    .await;
}

async fn put(client: &Client, load: Load, number: u64) -> Answer {
    client.put(name(number), value(load, number)).send().await
}

/// Whether a new value was taken; fails unless it was, or was refused because the disk is full.
#[track_caller]
fn taken(answer: &Answer) -> bool {
    if answer.status != 201 {
        answer.problem(507, &["full"]);
    }
    answer.status == 201
}

fn name(number: u64) -> String {
    format!("key{number}")
}

/// A value that says of itself which one it is.
fn value(load: Load, number: u64) -> Bytes {
    let mut bytes = vec![u8::try_from(number % 251).unwrap_or(0); load.value];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}
