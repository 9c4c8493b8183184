//! Several changes at once are done one after the other, in the order in which they were asked for.

use harness::admin::{accepted, state};
use harness::{Cluster, secs, story};

use crate::support::{all_there, filled};

#[test]
fn changes_asked_for_at_once_are_done_in_order() {
    story(secs(120), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 1000).await;
        let mut places = Vec::new();
        for asked in [
            cluster.admin().add_own(),
            cluster.admin().add_own(),
            cluster.admin().remove("n2"),
            cluster.admin().add_own(),
            cluster.admin().reweight("n1", 2),
        ] {
            places.push(accepted(&asked.send().await));
        }
        let mut ends = Vec::new();
        for place in &places {
            let change = cluster.admin().ended(place, secs(60)).await;
            assert_eq!(state(&change), "done", "{change:#}");
            ends.push(change["id"].as_u64());
        }
        assert!(ends.is_sorted(), "{ends:?}");
        assert_eq!(cluster.admin().ring().await.names(), ["n1", "n3", "n4", "n5", "n6"]);
        assert_eq!(cluster.admin().changes().await.len(), 5);
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_change_is_checked_again_when_its_turn_comes() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 500).await;
        let first = accepted(&cluster.admin().remove("n2").send().await);
        let second = cluster.admin().remove("n3").send().await;
        let place = accepted(&second);
        assert_eq!(state(&cluster.admin().ended(&first, secs(30)).await), "done");
        assert_eq!(state(&cluster.admin().ended(&place, secs(30)).await), "done");
        cluster.admin().remove("n1").send().await.problem(409, &["last"]);
        assert_eq!(cluster.admin().ring().await.names(), ["n1"]);
        all_there(&cluster, &history).await;
    });
}

#[test]
fn the_same_idempotency_key_asks_for_one_change_only() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let ask = |key: &str| cluster.admin().add_own().header("idempotency-key", key).send();
        let first = accepted(&ask("one").await);
        let again = ask("one").await;
        assert!(again.status == 200 || accepted(&again) == first, "{again:?}");
        let other = accepted(&ask("two").await);
        assert_ne!(first, other);
        for place in [&first, &other] {
            assert_eq!(state(&cluster.admin().ended(place, secs(30)).await), "done");
        }
        let late = ask("one").await;
        assert!(matches!(late.status, 200 | 202), "{late:?}");
        assert_eq!(cluster.admin().changes().await.len(), 2);
        assert_eq!(cluster.admin().ring().await.names().len(), 5);
    });
}

#[test]
fn the_queue_survives_a_restart() {
    story(secs(120), || async {
        let mut cluster = Cluster::start().await;
        let history = filled(&cluster, 500).await;
        for _ in 0..2 {
            accepted_only(&cluster.admin().add_own().send().await);
        }
        accepted_only(&cluster.admin().remove("n1").send().await);
        cluster.kill().await;
        cluster.start_again().await;
        for change in cluster.admin().changes().await {
            let place = format!("/admin/changes/{}", change["id"]);
            let ended = cluster.admin().ended(&place, secs(60)).await;
            assert_eq!(state(&ended), "done", "{ended:#}");
        }
        assert_eq!(cluster.admin().ring().await.names(), ["n2", "n3", "n4", "n5"]);
        all_there(&cluster, &history).await;
    });
}

fn accepted_only(answer: &harness::Answer) {
    let _place = accepted(answer);
}
