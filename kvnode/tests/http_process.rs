//! The program `kvnode` as whoever starts it sees it: its output, its exit codes, and how it ends.
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kvnode::problem::{Kind, Problem};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn kvnode(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvnode"));
    command.args(["--name", "n1", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A node that is ready, and what it said then.
struct Running {
    child: Child,
    ready: Value,
    rest: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut rest = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        rest.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}, {:?}", log(&mut child)));
        Self { child, ready, rest }
    }

    fn address(&self) -> &str {
        self.ready["listen"].as_str().unwrap()
    }

    /// Sends a signal to this process.
    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Exit code, rest of standard output, log.
    fn end(mut self) -> (Option<i32>, String, String) {
        let code = wait(&mut self.child);
        let mut more = String::new();
        self.rest.read_to_string(&mut more).unwrap();
        (code, more, log(&mut self.child))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(child: &mut Child) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(start.elapsed() < PATIENCE, "the process does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn log(child: &mut Child) -> String {
    let mut text = String::new();
    let _ = child.stderr.take().unwrap().read_to_string(&mut text);
    text
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{request}\r\nConnection: close\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_ready_line_is_all_of_standard_output_and_a_signal_ends_in_success() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let node = Running::start(kvnode(folder.path(), &[]));
        assert_eq!((&node.ready["ready"], &node.ready["name"]), (&Value::Bool(true), &Value::from("n1")));
        assert_eq!(node.ready["id"].as_str().unwrap().len(), 32);
        assert_eq!(node.ready["data"], folder.path().canonicalize().unwrap().to_str().unwrap());
        assert!(ask(node.address(), "GET /kv?key=a HTTP/1.1").starts_with("HTTP/1.1 404"));
        node.signal(signal);
        let (code, more, log) = node.end();
        assert_eq!((code, &*more), (Some(0), ""), "{log}");
        assert!(log.contains("the node has stopped"), "{log}");
    }
}

#[test]
fn what_was_acknowledged_is_there_after_the_process_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let node = Running::start(kvnode(folder.path(), &[]));
    let answer = ask(node.address(), "DELETE /kv?key=a HTTP/1.1");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let mut stream = TcpStream::connect(node.address()).unwrap();
    stream
        .write_all(
            b"PUT /kv?key=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nvalue",
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let id = node.ready["id"].clone();
    drop(node);
    let node = Running::start(kvnode(folder.path(), &[]));
    assert_eq!(node.ready["id"], id);
    assert!(ask(node.address(), "GET /kv?key=a HTTP/1.1").ends_with("\r\n\r\nvalue"));
}

#[test]
fn a_node_ends_with_the_parent_that_holds_its_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Running::start(kvnode(folder.path(), &["--exit-with-parent"]));
    node.child.stdin.as_mut().unwrap().write_all(b"still here").unwrap();
    assert!(ask(node.address(), "GET / HTTP/1.1").starts_with("HTTP/1.1 200"));
    drop(node.child.stdin.take());
    assert_eq!(node.end().0, Some(0));
}

fn fails(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(stdout.is_empty());
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_start_that_cannot_be_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let node = Running::start(kvnode(folder.path(), &[]));
    let other = tempfile::tempdir().unwrap();
    let (code, log) = fails(&mut kvnode(other.path(), &["--listen", node.address()]));
    assert_eq!(code, Some(2), "a flag given twice is a mistake: {log}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvnode"));
    command.args(["--name", "n2", "--listen", node.address(), "--data"]).arg(other.path());
    let (code, log) = fails(&mut command);
    assert_eq!(code, Some(1));
    assert!(log.contains("another process listens there"), "{log}");
    assert!(other.path().read_dir().unwrap().next().is_none(), "the folder was touched");
    let (code, log) = fails(&mut kvnode(folder.path(), &[]));
    assert_eq!(code, Some(1));
    assert!(log.contains("is in use by another kvnode"), "{log}");
    let (code, log) = fails(&mut kvnode(other.path(), &["--cache", "much", "--max-value", "0"]));
    assert_eq!((code, log.lines().count()), (Some(2), 2), "{log}");
}

/// A proxy that refuses a node once and then takes it; what it was told arrives at the receiver.
async fn proxy() -> (String, Receiver<(String, String, Value)>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, hears) = channel();
    tokio::spawn(async move {
        for attempt in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let told = told.clone();
            let answer = service_fn(move |request: Request<Incoming>| {
                let told = told.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let secret = parts.headers["keyway-secret"].to_str().unwrap().to_owned();
                    let body = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
                    told.send((format!("{} {}", parts.method, parts.uri), secret, body)).unwrap();
                    let refusal = Problem::new(Kind::NameInUse);
                    Ok::<Response<Full<Bytes>>, Infallible>(match attempt {
                        0 => refusal.detail("Choose another.").response(),
                        _ => Response::builder().status(202).body(Full::default()).unwrap(),
                    })
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
            );
        }
    });
    (url, hears)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_asks_the_proxy_until_it_is_taken_in() {
    let (url, hears) = proxy().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = kvnode(folder.path(), &["--join", &url, "--log-format", "json"]);
    command.env("KEYWAY_CLUSTER_SECRET", SECRET);
    let node = tokio::task::spawn_blocking(move || Running::start(command)).await.unwrap();
    for _ in 0..2 {
        let (request, secret, body) = hears.recv_timeout(PATIENCE).unwrap();
        assert_eq!((&*request, &*secret), ("POST /admin/join", SECRET));
        let here = format!("http://{}", node.address());
        assert_eq!(body, serde_json::json!({"name": "n1", "url": here, "id": node.ready["id"]}));
    }
    node.signal("-TERM");
    let (code, _, log) = tokio::task::spawn_blocking(|| node.end()).await.unwrap();
    assert_eq!(code, Some(0));
    assert!(log.contains("Choose another.") && !log.contains(SECRET), "{log}");
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}
