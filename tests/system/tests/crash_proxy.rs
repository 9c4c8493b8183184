//! The proxy may die at any moment of a change: the next one reads the view and goes on.

use std::sync::Arc;

use harness::admin::{accepted, state};
use harness::history::{Content, History};
use harness::workload::Workload;
use harness::{Cluster, secs, story_alone};
use system::receipt;

use crate::support::{SLOW, all_there, copying, filled_with_pages, slow_addition};

#[test]
fn kill_9_of_the_proxy_in_the_middle_of_a_change_and_it_completes_by_itself() {
    story_alone(secs(120), || async {
        let mut cluster = Cluster::start().await;
        let history = filled_with_pages(&cluster).await;
        let place = slow_addition(&cluster, SLOW).await;
        copying(&cluster, &place).await;
        cluster.kill().await;
        cluster.start_again().await;
        let change = cluster.admin().ended(&place, secs(60)).await;
        assert_eq!(state(&change), "done", "{change:#}");
        assert!(receipt::agreed(&change).0 > 300, "{change:#}");
        assert_eq!(cluster.admin().ring().await.names(), ["n1", "n2", "n3", "n4"]);
        all_there(&cluster, &history).await;
    });
}

#[test]
fn kill_9_of_the_proxy_at_many_moments_of_changes_under_load_loses_nothing() {
    story_alone(secs(300), || async {
        let mut cluster = Cluster::start().await;
        let history = Arc::new(History::new(Content::small(21, 2000)));
        Workload::new(8).fill(cluster.client(), &history).await.clean(2000);
        // While the proxy is away there is no answer at all; while nodes come back there are 503s.
        let running = Workload::new(8)
            .forgive(|failure| match &failure.answer {
                Ok(answer) => answer.is_trouble(),
                Err(_) => true,
            })
            .start(cluster.client(), &history);
        let mut random = fastrand::Rng::with_seed(2);
        for (round, asked) in [
            cluster.admin().add_own(),
            cluster.admin().add_own(),
            cluster.admin().remove("n1"),
            cluster.admin().reweight("n2", 3),
            cluster.admin().remove("n4"),
        ]
        .into_iter()
        .enumerate()
        {
            let place = accepted(&asked.send().await);
            // A change of this size takes a fraction of a second: the kill hits another step each time.
            for _ in 0..2 {
                tokio::time::sleep(std::time::Duration::from_millis(random.u64(0..600))).await;
                cluster.kill().await;
                cluster.start_again().await;
            }
            let change = cluster.admin().ended(&place, secs(60)).await;
            assert_eq!(state(&change), "done", "round {round}: {change:#}");
        }
        running.proceed(500).await;
        running.stop().await.clean(2000);
        assert_eq!(cluster.admin().ring().await.names(), ["n2", "n3", "n5"]);
        cluster.admin().ready(secs(20)).await;
        all_there(&cluster, &history).await;
    });
}
