//! The commands for operators: the admin API from a shell.

use harness::launch::Launch;
use harness::{Cluster, secs, story};
use serde_json::Value;

use crate::support::{Decisions, all_there, filled};

#[test]
fn what_is_asked_is_answered_as_json_on_request() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 200).await;
        let status = json(&cluster, &["status"]).await;
        for name in ["n1", "n2", "n3"] {
            assert!(status.to_string().contains(name), "{status:#}");
        }
        let place = json(&cluster, &["locate", "key1"]).await;
        assert_eq!(place["owner"], cluster.admin().locate("key1", "").await, "{place:#}");
        assert_eq!(json(&cluster, &["verify"]).await["keys"], 200);
        assert_eq!(json(&cluster, &["changes"]).await["changes"], serde_json::json!([]));
        all_there(&cluster, &history).await;
    });
}

#[test]
fn nodes_are_added_and_removed_from_a_shell() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 500).await;
        for (arguments, names) in [
            (vec!["add-server", "--wait"], vec!["n1", "n2", "n3", "n4"]),
            (vec!["remove-server", "n2", "--wait=1m"], vec!["n1", "n3", "n4"]),
        ] {
            let (good, said, errors) = command(&cluster, &arguments).run().await;
            assert!(good, "{said}\n{errors}");
            assert_eq!(cluster.admin().ring().await.names(), names, "{said}\n{errors}");
        }
        all_there(&cluster, &history).await;
    });
}

#[test]
fn a_command_that_is_refused_says_why_and_fails() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        let before = Decisions::of(&mut cluster).await;
        for (arguments, word) in [
            (vec!["remove-server", "n9"], "n9"),
            (vec!["add-server", "http://127.0.0.1:1"], "127.0.0.1:1"),
            (vec!["add-server", "nonsense"], "nonsense"),
            (vec!["locate", ""], "key"),
        ] {
            let (good, said, errors) = command(&cluster, &arguments).run().await;
            assert!(!good && errors.contains(word), "{arguments:?}: {said}\n{errors}");
        }
        before.still_stand(&mut cluster).await;
    });
}

#[test]
fn a_command_without_a_proxy_says_where_it_looked() {
    story(secs(60), || async {
        let scratch = harness::scratch::Scratch::new();
        let nowhere = "http://127.0.0.1:1";
        let launch = Launch::keyway("command", &scratch).env("KEYWAY_URL", nowhere).arg("status");
        let (good, said, errors) = launch.run().await;
        assert!(!good && errors.contains("127.0.0.1:1"), "{said}\n{errors}");
    });
}

#[test]
fn what_watches_a_container_is_told_by_the_exit_code_alone() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        cluster.admin().ready(secs(30)).await;
        let proxy = format!("http://{}", cluster.admin_address());
        let node = cluster.admin().ring().await.url("n1");
        let asked = [format!("{proxy}/admin/live"), format!("{proxy}/admin/ready"), format!("{node}/")];
        for url in &asked {
            let (good, said, errors) = command(&cluster, &["health", url]).run().await;
            assert!(good && said.is_empty() && errors.is_empty(), "{url}: {said}\n{errors}");
        }
        let nothing = format!("{proxy}/nothing");
        cluster.kill().await;
        for url in [nothing.as_str(), "nonsense"].into_iter().chain(asked.iter().map(String::as_str)) {
            let (good, said, errors) = command(&cluster, &["health", url]).run().await;
            assert!(!good && said.is_empty() && !errors.is_empty(), "{url}: {said}\n{errors}");
        }
    });
}

fn command(cluster: &Cluster, arguments: &[&str]) -> Launch {
    Launch::keyway("command", cluster.scratch())
        .env("KEYWAY_URL", format!("http://{}", cluster.admin_address()))
        .args(arguments)
}

async fn json(cluster: &Cluster, arguments: &[&str]) -> Value {
    let (good, said, errors) = command(cluster, arguments).arg("--json").run().await;
    assert!(good, "{arguments:?}: {said}\n{errors}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"))
}
