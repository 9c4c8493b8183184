//! Requests to whole processes, a proxy or a node, counted in the thread that serves them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::counted::{Count, Failure, threads, valgrind};

const FEW: u32 = 300;
const MANY: u32 = 2300;
/// Stored once, then read or written again and again.
const PUT: &str = "PUT /kv?key=user:12345 HTTP/1.1\r\nHost: keyway\r\nContent-Length: 100\r\n\r\n";
const GET: &str = "GET /kv?key=user:12345 HTTP/1.1\r\nHost: keyway\r\n\r\n";

/// Counts the instructions of one request, in user space: one client, one request at a time, so that nothing is shared
/// among requests.
pub(crate) fn count(name: &'static str) -> Result<Count, Failure> {
    let put = format!("{PUT}{}", "x".repeat(100));
    let request = if name.ends_with("-put") { &put } else { GET };
    let life = |times| {
        let folder = tempfile::tempdir()?;
        let scene = if name.starts_with("node-") { Scene::node(&folder)? } else { Scene::proxy(&folder)? };
        scene.serve(&put, request, times)?;
        threads(folder.path())
    };
    let (few, many) = (life(FEW)?, life(MANY)?);
    // Threads start in the same order each time. What others do is for the clock, not for requests.
    let busiest = few.iter().zip(&many).max_by_key(|(few, many)| many.saturating_sub(**few));
    let (few, many) = busiest.ok_or_else(|| Failure::new("there are no threads"))?;
    Count::between((FEW, *few), (MANY, *many))
}

/// Processes of Keyway, one of them under valgrind.
struct Scene {
    address: String,
    /// In the order in which they are to end.
    running: Vec<Running>,
}

impl Scene {
    /// A node alone.
    fn node(folder: &TempDir) -> Result<Self, Failure> {
        let (node, address) = Running::start(node(valgrind(&program()?, folder.path()), folder))?;
        Ok(Self { address, running: vec![node] })
    }

    /// A proxy with one worker and one node; of the two the proxy is counted.
    fn proxy(folder: &TempDir) -> Result<Self, Failure> {
        let (node, url) = Running::start(node(Command::new(program()?), folder))?;
        let config = folder.path().join("config");
        std::fs::write(&config, format!("[[node]]\nname = \"n1\"\nurl = \"http://{url}\"\n"))?;
        let mut command = valgrind(&program()?, folder.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--workers", "1", "--log", "error", "--config"]);
        command.arg(config).arg("--data").arg(folder.path().join("data"));
        let (proxy, address) = Running::start(command)?;
        Ok(Self { address, running: vec![proxy, node] })
    }

    /// One request first, then so many of another; then everything ends.
    fn serve(self, first: &str, request: &str, times: u32) -> Result<(), Failure> {
        let mut client = BufReader::new(TcpStream::connect(self.address)?);
        client.get_ref().set_nodelay(true)?;
        ask(&mut client, first)?;
        for _ in 0..times {
            ask(&mut client, request)?;
        }
        drop(client);
        self.running.into_iter().try_for_each(Running::stop)
    }
}

fn program() -> Result<PathBuf, Failure> {
    let program = std::env::var_os("KEYWAY_BIN").map(PathBuf::from);
    program.ok_or_else(|| Failure::new("KEYWAY_BIN must name the program that is to be counted"))
}

fn node(mut command: Command, folder: &TempDir) -> Command {
    command.args(["kvnode", "--name", "n1", "--listen", "127.0.0.1:0", "--log", "error", "--data"]);
    command.arg(folder.path().join("n1"));
    command
}

/// One request, and its whole answer.
fn ask(client: &mut BufReader<TcpStream>, request: &str) -> Result<(), Failure> {
    client.get_mut().write_all(request.as_bytes())?;
    let (mut length, mut line) = (0, String::new());
    client.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 20") {
        return Err(Failure::new(format!("the proxy answered {line:?}")));
    }
    while line != "\r\n" {
        line.clear();
        client.read_line(&mut line)?;
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    client.read_exact(&mut vec![0; length])?;
    Ok(())
}

/// A process of Keyway, ended whatever happens.
struct Running(Child);

impl Running {
    /// Starts it; also where it listens, once it serves.
    fn start(mut command: Command) -> Result<(Self, String), Failure> {
        command.env("KEYWAY_CLUSTER_SECRET", "a-secret-of-the-guards");
        let started = command.stdout(Stdio::piped()).spawn();
        let mut running = Self(started.map_err(|error| Failure::start(&error))?);
        let mut line = String::new();
        if let Some(out) = &mut running.0.stdout {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.split("\"listen\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let address =
            address.ok_or_else(|| Failure::new(format!("it said {line:?} instead of being ready")))?;
        Ok((running, address.to_owned()))
    }

    /// Lets it end by itself: valgrind writes its counts then.
    fn stop(mut self) -> Result<(), Failure> {
        Command::new("kill").arg(self.0.id().to_string()).status()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
