//! What is logged of requests, and by which identity they are known.

use std::path::Path;
use std::time::Duration;

use keyway::data::{AccessSettings, Form, Settings};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{FakeNode, Proxy, member, quick, reply, soon, view};

async fn logging(folder: &TempDir, access: AccessSettings) -> Proxy {
    let access = AccessSettings { file: Some(folder.path().join("access.log")), ..access };
    let settings = Settings { access, ..quick() };
    let node = FakeNode::start(|call| async move { reply(200, call.read().await) }).await;
    let proxy = Proxy::start_with(settings, view(1, [member("n1", node.url(), 1)]), None);
    // It answers until the test ends.
    std::mem::forget(node);
    proxy
}

fn json() -> AccessSettings {
    AccessSettings { form: Some(Form::Json), ..AccessSettings::default() }
}

/// All lines, once the proxy has stopped.
async fn lines(proxy: Proxy, folder: &Path) -> Vec<String> {
    lines_after(proxy, folder, Duration::from_secs(5)).await
}

/// The same where it may take so long to stop.
async fn lines_after(proxy: Proxy, folder: &Path, limit: Duration) -> Vec<String> {
    soon(proxy.path.drain(limit)).await;
    let text = std::fs::read_to_string(folder.join("access.log")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_request_has_its_line_whoever_answers_it() {
    let folder = TempDir::new().unwrap();
    let proxy = logging(&folder, json()).await;
    let mut client = proxy.client().await;
    client.ask("PUT", "/kv?key=personal", "", b"twelve bytes").await;
    client.ask("GET", "/kv", "", b"").await;
    client.ask("GET", "/", "X-Request-Id: mine\r\n", b"").await;
    drop(client);
    let lines = lines(proxy, folder.path()).await;
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |field: &str| lines.iter().map(|line| line[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("method"), ["PUT", "GET", "GET"]);
    assert_eq!(of("target"), ["/kv", "/kv", "/"]);
    assert_eq!(of("status"), [200, 400, 200]);
    assert_eq!(of("client"), ["127.0.0.1"; 3]);
    assert_eq!(lines[0]["bytes"], 12);
    assert_eq!(lines[2]["request_id"], "mine");
    assert!(lines[0]["ms"].as_f64().unwrap() > 0.0);
    assert!(!format!("{lines:?}").contains("personal"));
}

#[tokio::test]
async fn of_many_requests_one_in_so_many_is_logged() {
    let folder = TempDir::new().unwrap();
    let proxy = logging(&folder, AccessSettings { one_in: 10, keys: true, ..json() }).await;
    let mut client = proxy.client().await;
    for i in 0..100 {
        client.ask("GET", &format!("/kv?key={i}"), "", b"").await;
    }
    drop(client);
    let lines = lines(proxy, folder.path()).await;
    assert_eq!(lines.len(), 10);
    assert!(lines[1].contains("\"/kv?key=10\""), "{}", lines[1]);
}

#[tokio::test]
async fn a_request_that_is_cut_off_before_its_answer_is_logged_without_a_status() {
    let folder = TempDir::new().unwrap();
    let access = AccessSettings { file: Some(folder.path().join("access.log")), ..json() };
    let node = FakeNode::start(|_| std::future::pending()).await;
    let nodes = view(1, [member("n1", node.url(), 1)]);
    let proxy = Proxy::start_with(Settings { access, ..quick() }, nodes, None);
    let mut client = proxy.client().await;
    client.send("GET /kv?key=a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    crate::support::until(|| node.calls() == 1).await;
    // The proxy stops, and waits no longer for the node.
    let lines = lines_after(proxy, folder.path(), Duration::from_millis(50)).await;
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((lines.len(), &line["status"]), (1, &Value::Null));
}

#[tokio::test]
async fn a_request_is_known_by_the_identity_that_its_client_gave_it() {
    let folder = TempDir::new().unwrap();
    let node = FakeNode::named("n1").await;
    let proxy = Proxy::start(view(1, [member("n1", node.url(), 1)]));
    let mut client = proxy.client().await;
    let mine = "X-Request-Id: 7f3a-1\r\n";
    for target in ["/kv?key=a", "/kv", "/"] {
        let answer = client.ask("GET", target, mine, b"").await;
        assert_eq!(answer.fields["x-request-id"], "7f3a-1", "{target}");
    }
    for unfit in ["", "X-Request-Id: two words\r\n", &format!("X-Request-Id: {}\r\n", "x".repeat(129))] {
        let answer = client.ask("GET", "/kv?key=a", unfit, b"").await;
        assert!(!answer.fields.contains_key("x-request-id"), "{unfit}: {:?}", answer.fields);
    }
    // With an access log every request has one, so that a client's complaint finds its line.
    let proxy = logging(&folder, json()).await;
    let mut client = proxy.client().await;
    let first = client.ask("GET", "/kv?key=a", "", b"").await.fields["x-request-id"].clone();
    let second = client.ask("GET", "/kv?key=a", "", b"").await.fields["x-request-id"].clone();
    drop(client);
    assert_ne!(first, second);
    let lines = lines(proxy, folder.path()).await;
    assert!(lines[0].contains(&first) && lines[1].contains(&second), "{lines:?}");
}
