//! A change can be called off: before the switch it leaves no trace.

use harness::admin::{accepted, state};
use harness::{Cluster, eventually, secs, story};
use serde_json::json;

use crate::support::{SLOW, all_there, filled_with_pages, running, slow_addition, unlimited};

#[test]
fn a_change_cancelled_before_the_switch_leaves_the_old_ring_and_every_key() {
    story(secs(90), || async {
        let mut cluster = Cluster::start().await;
        let history = filled_with_pages(&cluster).await;
        let before = cluster.admin().ring().await;
        let place = slowed(&cluster).await;
        let cancelled = cluster.admin().cancel(&place).send().await;
        assert!(matches!(cancelled.status, 200 | 202 | 204), "{cancelled:?}");
        assert_eq!(state(&cluster.admin().ended(&place, secs(30)).await), "cancelled");
        assert_eq!(cluster.admin().ring().await.digest(), before.digest());
        all_there(&cluster, &history).await;
        eventually(secs(15), "the node that was to join is gone", || {
            let children = cluster.children().len();
            async move { if children == 3 { Ok(()) } else { Err(format!("{children} children")) } }
        })
        .await;
        // The way is free for the next one.
        cluster.admin().carried_out(cluster.admin().add_own(), secs(30)).await;
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_change_that_waits_can_be_cancelled() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let history = filled_with_pages(&cluster).await;
        let first = slowed(&cluster).await;
        let second = accepted(&cluster.admin().remove("n1").send().await);
        assert_eq!(state(&cluster.admin().change(&second).await), "queued");
        cluster.admin().cancel(&second).send().await;
        assert_eq!(state(&cluster.admin().ended(&second, secs(10)).await), "cancelled");
        unlimited(&cluster, &first).await;
        assert_eq!(state(&cluster.admin().ended(&first, secs(30)).await), "done");
        assert_eq!(cluster.admin().ring().await.names(), ["n1", "n2", "n3", "n4"]);
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_paused_change_waits_and_goes_on_when_told() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let history = filled_with_pages(&cluster).await;
        let place = slowed(&cluster).await;
        cluster.admin().patch_change(&place, &json!({"paused": true})).send().await.is(200);
        eventually(secs(10), "it is paused", || async {
            let change = cluster.admin().change(&place).await;
            if state(&change) == "paused" { Ok(()) } else { Err(change.to_string()) }
        })
        .await;
        let go_on = json!({"paused": false, "rate": null});
        cluster.admin().patch_change(&place, &go_on).send().await.is(200);
        assert_eq!(state(&cluster.admin().ended(&place, secs(30)).await), "done");
        all_there(&cluster, &history).await;
    });
}

#[test]
fn an_unknown_change_is_404() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        for place in ["/admin/changes/999", "/admin/changes/none", "/admin/changes/-1"] {
            cluster.client().ask("GET", place).send().await.problem(404, &[]);
            cluster.admin().cancel(place).send().await.problem(404, &[]);
        }
    });
}

/// A change that copies so slowly that it cannot be over before the test is.
async fn slowed(cluster: &Cluster) -> String {
    let place = slow_addition(cluster, SLOW).await;
    running(cluster, &place).await;
    place
}
