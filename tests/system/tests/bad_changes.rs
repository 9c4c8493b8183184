//! Changes that must be refused: each with a reason, and none changes anything.

use std::net::TcpListener;

use harness::scratch::Scratch;
use harness::{Cluster, Node, Setup, secs, story};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Decisions, refused};

#[test]
fn a_url_where_nobody_listens_is_refused() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        let before = Decisions::of(&mut cluster).await;
        // The port was free a moment ago, and nobody is told of it.
        let free =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        let url = format!("http://{free}");
        refused(&cluster.admin().add(&json!({"name": "dead", "url": url})).send().await, &[&url]);
        before.still_stand(&mut cluster).await;
    });
}

#[test]
fn something_that_is_no_kvnode_is_refused() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        let before = Decisions::of(&mut cluster).await;
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
            "220 mail.example ESMTP\r\n",
        ] {
            let url = impostor(answer).await;
            refused(
                &cluster.admin().add(&json!({"name": "other", "url": url})).send().await,
                &["kvnode", &url],
            );
        }
        // The proxy itself is no kvnode either.
        let own = format!("http://{}", cluster.address());
        refused(&cluster.admin().add(&json!({"name": "other", "url": own})).send().await, &["kvnode"]);
        before.still_stand(&mut cluster).await;
    });
}

#[test]
fn a_node_of_another_cluster_is_refused() {
    story(secs(90), || async {
        let mut cluster = Cluster::start().await;
        let secret = std::fs::read_to_string(cluster.secret_file()).expect("the secret");
        let other = Setup::new().nodes(4).env("KEYWAY_CLUSTER_SECRET", secret.trim()).start().await;
        // Its name is not taken here, so that nothing else is wrong with it.
        let (name, url) = other.announced()[3].clone();
        let before = Decisions::of(&mut cluster).await;
        let ask = cluster.admin().add(&json!({"name": name, "url": url}));
        refused(&ask.send().await, &["belongs to another cluster"]);
        before.still_stand(&mut cluster).await;
        assert_eq!(other.admin().ring().await.names(), ["n1", "n2", "n3", "n4"]);
        other.client().put("k", "v").send().await.is(201);
    });
}

#[test]
fn a_name_or_an_identity_in_use_is_refused() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        let node = Node::for_cluster("n2", &cluster).await;
        let before = Decisions::of(&mut cluster).await;
        refused(&cluster.admin().add(&node.introduction()).send().await, &["n2"]);
        let (_, url) = cluster.announced()[0].clone();
        refused(&cluster.admin().add(&json!({"name": "n9", "url": url})).send().await, &["n1"]);
        before.still_stand(&mut cluster).await;
    });
}

#[test]
fn a_node_that_has_data_is_refused_and_keeps_it() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        let node = Node::for_cluster("full", &cluster).await;
        node.client().put("precious", "data").send().await.is(201);
        let before = Decisions::of(&mut cluster).await;
        refused(&cluster.admin().add(&node.introduction()).send().await, &["empty"]);
        before.still_stand(&mut cluster).await;
        assert_eq!(node.client().get("precious").send().await.expect(200).text(), "data");
    });
}

#[test]
fn a_name_that_differs_from_the_nodes_own_is_refused() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        let node = Node::for_cluster("real", &cluster).await;
        let before = Decisions::of(&mut cluster).await;
        refused(
            &cluster.admin().add(&json!({"name": "wished", "url": node.url()})).send().await,
            &["real", "wished"],
        );
        before.still_stand(&mut cluster).await;
    });
}

#[test]
fn bad_names_weights_and_bodies_are_refused_naming_the_field() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        let node = Node::for_cluster("fine", &cluster).await;
        let before = Decisions::of(&mut cluster).await;
        for name in ["../x", "", "A", "-a", "a b", "a/b", "ä", "n\u{0}", &"x".repeat(64)] {
            refused(&cluster.admin().add(&with(&node, "name", name.into())).send().await, &["name"]);
        }
        for weight in [json!(-1), json!(257), json!(1.5), json!("1"), Value::Null] {
            refused(&cluster.admin().add(&with(&node, "weight", weight)).send().await, &["weight"]);
        }
        for url in
            ["", "fine", "127.0.0.1:1", "https://127.0.0.1:1", "ftp://x", "http://", "http://127.0.0.1:99999"]
        {
            refused(&cluster.admin().add(&with(&node, "url", url.into())).send().await, &["url"]);
        }
        refused(&cluster.admin().add(&with(&node, "wieght", 2.into())).send().await, &["wieght"]);
        for body in ["{", "[]", "\"n4\"", "{\"name\":", "null"] {
            let ask = cluster.admin().add_own().header("content-type", "application/json").body(body);
            refused(&ask.send().await, &[]);
        }
        before.still_stand(&mut cluster).await;
        assert!(!cluster.data().join("x").exists());
    });
}

#[test]
fn an_unknown_node_cannot_be_removed_nor_one_without_a_name() {
    story(secs(60), || async {
        let mut cluster = Cluster::start().await;
        let before = Decisions::of(&mut cluster).await;
        refused(&cluster.admin().remove("n9").send().await, &["n9"]);
        refused(&cluster.admin().remove("../n1").send().await, &["name"]);
        let post = |target: &str| cluster.client().ask("POST", target).send();
        refused(&post("/remove-server").await, &["name"]);
        refused(&post("/remove-server?port=1").await, &["port"]);
        refused(&post("/remove-server?port=x").await, &["port"]);
        refused(&post("/remove-server?name=n1&force=perhaps").await, &["force"]);
        before.still_stand(&mut cluster).await;
    });
}

#[test]
fn the_last_node_cannot_be_removed() {
    story(secs(60), || async {
        let mut cluster = Setup::new().nodes(1).start().await;
        cluster.client().put("k", "v").send().await.is(201);
        let before = Decisions::of(&mut cluster).await;
        refused(&cluster.admin().remove("n1").send().await, &["last"]);
        before.still_stand(&mut cluster).await;
        assert_eq!(cluster.client().get("k").send().await.expect(200).text(), "v");
    });
}

#[test]
fn a_port_that_fits_two_nodes_is_refused() {
    story(secs(60), || async {
        // The same port on two addresses of the loopback network.
        let mut cluster = Cluster::start().await;
        let (_, url) = cluster.announced()[0].clone();
        let port = url.rsplit(':').next().expect("a port").to_owned();
        let scratch = Scratch::new();
        let launch = harness::launch::Launch::keyway("twin", &scratch)
            .arg("kvnode")
            .flag("--name", "twin")
            .flag("--listen", format!("127.0.0.2:{port}"))
            .flag("--data", scratch.path("twin"))
            .env("KEYWAY_CLUSTER_SECRET_FILE", cluster.secret_file());
        let node = Node::started(&launch).await;
        cluster.admin().carried_out(cluster.admin().add(&node.introduction()), secs(30)).await;
        let before = Decisions::of(&mut cluster).await;
        let answer = cluster.client().ask("POST", format!("/remove-server?port={port}")).send().await;
        answer.problem(409, &["n1", "twin"]);
        before.still_stand(&mut cluster).await;
    });
}

fn with(node: &Node, field: &str, value: Value) -> Value {
    let mut body = node.introduction();
    body[field] = value;
    body
}

/// A server that answers everything with these bytes; answers its URL.
async fn impostor(answer: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    format!("http://{address}")
}
