//! Many clients, one key, also while the key moves: conditions have exactly one winner.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use harness::admin::state;
use harness::{Client, Cluster, eventually, secs, story_alone};
use tokio::sync::Barrier;

use crate::support::{all_there, filled, slow_addition, unlimited};

const CLIENTS: usize = 50;

#[test]
fn fifty_clients_create_one_key_and_exactly_one_wins_while_it_moves() {
    story_alone(secs(120), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 3000).await;
        let mut moving = Vec::new();
        for number in 0..4000 {
            let key = format!("contended{number}");
            if cluster.admin().locate(&key, "&with=n4").await == "n4" {
                moving.push(key);
            }
        }
        assert!(moving.len() > 500);
        let clients: Vec<Client> = (0..CLIENTS).map(|_| cluster.client().apart()).collect();

        let place = slow_addition(&cluster, 100_000).await;
        let (mut races, mut lifted) = (0, false);
        let mut keys = moving.iter();
        loop {
            let change = cluster.admin().change(&place).await;
            if state(&change) == "done" {
                break;
            }
            assert!(matches!(state(&change), "queued" | "running"), "{change:#}");
            race(&clients, keys.next().expect("enough keys until the change is done")).await;
            races += 1;
            if races == 20 && !lifted {
                lifted = true;
                unlimited(&cluster, &place).await;
            }
        }
        println!("{races} races while the change was under way");
        assert!(races >= 20, "only {races} races before the change was done");
        for key in keys.take(5) {
            race(&clients, key).await;
        }
        for key in moving.iter().take(races) {
            let got = cluster.client().get(key).send().await.expect(200);
            assert_eq!(got.header("keyway-node"), "n4");
            cluster.client().delete(key).send().await.is(204);
        }
        for key in moving.iter().skip(races).take(5) {
            cluster.client().delete(key).send().await.is(204);
        }
        all_there(&cluster, &history).await;
    });
}

/// All clients create the key at once; exactly one may succeed, and its value must be there.
async fn race(clients: &[Client], key: &str) {
    let barrier = Arc::new(Barrier::new(clients.len()));
    let mut racers = tokio::task::JoinSet::new();
    for (number, client) in clients.iter().enumerate() {
        let asked = client.put(key, format!("from {number}")).header("if-none-match", "*");
        let barrier = Arc::clone(&barrier);
        racers.spawn(async move {
            barrier.wait().await;
            (number, asked.send().await)
        });
    }
    let mut winners = Vec::new();
    while let Some(finished) = racers.join_next().await {
        let (number, answer) = finished.expect("a racer");
        match answer.status {
            201 => winners.push((number, answer.etag())),
            412 => {}
            _ => panic!("{answer:?}"),
        }
    }
    let [(winner, tag)] = winners.as_slice() else { panic!("{key} was created by {winners:?}") };
    let got = clients[0].get(key).send().await.expect(200);
    assert_eq!((got.text(), got.etag()), (format!("from {winner}").as_str(), tag.clone()));
}

#[test]
fn increments_by_if_match_are_never_lost_while_keys_move() {
    story_alone(secs(120), || async {
        let cluster = Cluster::start().await;
        let counters: Vec<String> = (0..20).map(|number| format!("counter{number}")).collect();
        for counter in &counters {
            cluster.client().put(counter, "0").send().await.is(201);
        }
        let counted = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let mut clients = tokio::task::JoinSet::new();
        for seed in 0..16 {
            let (client, counters) = (cluster.client().clone(), counters.clone());
            let (counted, stop) = (Arc::clone(&counted), Arc::clone(&stop));
            clients.spawn(async move {
                let mut random = fastrand::Rng::with_seed(seed);
                while !stop.load(Ordering::Relaxed) {
                    if increment(&client, &counters[random.usize(0..counters.len())]).await {
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let worked = |what: &'static str| {
            let goal = counted.load(Ordering::Relaxed) + 500;
            let counted = Arc::clone(&counted);
            eventually(secs(30), what, move || {
                let now = counted.load(Ordering::Relaxed);
                async move { if now >= goal { Ok(()) } else { Err(format!("{now} of {goal}")) } }
            })
        };
        worked("increments before").await;
        cluster.admin().carried_out(cluster.admin().add_own(), secs(30)).await;
        cluster.admin().carried_out(cluster.admin().add_own(), secs(30)).await;
        cluster.admin().carried_out(cluster.admin().remove("n1"), secs(30)).await;
        worked("increments after").await;
        stop.store(true, Ordering::Relaxed);
        while let Some(finished) = clients.join_next().await {
            finished.expect("a client");
        }
        let mut sum = 0;
        for counter in &counters {
            sum += cluster
                .client()
                .get(counter)
                .send()
                .await
                .expect(200)
                .text()
                .parse::<u64>()
                .expect("a number");
        }
        assert_eq!(sum, counted.load(Ordering::Relaxed));
    });
}

/// Reads a number and writes the next one, unless someone else was faster.
async fn increment(client: &Client, counter: &str) -> bool {
    let got = client.get(counter).send().await.expect(200);
    let next = got.text().parse::<u64>().expect("a number") + 1;
    let put = client.put(counter, next.to_string()).header("if-match", &got.etag()).send().await;
    match put.status {
        204 => true,
        412 => false,
        _ => panic!("{put:?}"),
    }
}
