//! Where experiments are made: servers, runs, the table, the pictures.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::chart::{self, Chart};
use crate::cli::interrupt::INTERRUPTED;
use crate::engine::Finished;
use crate::plan::Plan;
use crate::record::{self, Row, row};
use crate::{cli, table};

use super::keyway::{Keyway, Used};

/// Which server is asked.
#[derive(Debug, Clone)]
pub enum Server {
    /// A fresh Keyway for each number of nodes; this program.
    Own(PathBuf),
    /// This one, as it is.
    Given(String),
}

/// What can be chosen.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose figures.
    pub server: Server,
    /// Where results go.
    pub folder: PathBuf,
    /// The small form, which ends in seconds.
    pub quick: bool,
    /// Other numbers of nodes.
    pub nodes: Option<Vec<u32>>,
    /// Other numbers of clients.
    pub clients: Option<Vec<u32>>,
    /// Threads of the tool.
    pub threads: u32,
    /// Another seed.
    pub seed: u64,
    /// No progress.
    pub quiet: bool,
    /// Once it is set, the experiment is given up.
    pub stop: Arc<AtomicBool>,
}

/// An experiment under way.
#[derive(Debug)]
pub struct Lab {
    options: Options,
    name: &'static str,
    before: Row,
    keyway: Option<Keyway>,
    nodes: Option<u32>,
    failures: u64,
    pictures: Vec<PathBuf>,
}

impl Lab {
    /// An experiment of this name. Its files from before are replaced.
    ///
    /// # Errors
    /// Where results cannot be written.
    pub fn new(name: &'static str, options: Options) -> Result<Self, String> {
        let folder = &options.folder;
        let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir_all(folder).map_err(wrong)?;
        for entry in std::fs::read_dir(folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            let rest = file.strip_prefix(name).unwrap_or_default();
            if matches!(rest, ".csv" | "-seconds.csv") || (rest.starts_with('-') && rest.ends_with(".svg")) {
                std::fs::remove_file(&path).map_err(wrong)?;
            }
        }
        let mut before = row([("experiment", name.to_owned())]);
        before.extend(record::circumstances());
        Ok(Self { options, name, before, keyway: None, nodes: None, failures: 0, pictures: Vec::new() })
    }

    /// The full form, or the small one.
    #[must_use]
    pub fn pick<T>(&self, full: T, quick: T) -> T {
        if self.options.quick { quick } else { full }
    }

    /// The numbers of nodes to try; of a server that is given, nobody knows, and it is tried once.
    #[must_use]
    pub fn nodes(&self, full: &[u32], quick: &[u32]) -> Vec<Option<u32>> {
        match self.options.server {
            Server::Given(_) => vec![None],
            Server::Own(_) => {
                let chosen = self.options.nodes.clone();
                chosen.unwrap_or_else(|| self.pick(full, quick).to_vec()).into_iter().map(Some).collect()
            }
        }
    }

    /// Whether the servers are our own.
    #[must_use]
    pub fn knows_nodes(&self) -> bool {
        matches!(self.options.server, Server::Own(_))
    }

    /// The numbers of clients to try.
    #[must_use]
    pub fn clients(&self, full: &[u32], quick: &[u32]) -> Vec<u32> {
        self.options.clients.clone().unwrap_or_else(|| self.pick(full, quick).to_vec())
    }

    /// A plan for the server with so many nodes, which is started if it does not run; the one before is stopped.
    pub(super) fn plan(&mut self, nodes: Option<u32>, api: &str) -> Result<Plan, String> {
        let url = match (&self.options.server.clone(), nodes) {
            (Server::Given(url), _) => url.clone(),
            (Server::Own(program), Some(nodes)) => {
                if self.nodes != Some(nodes) || self.keyway.is_none() {
                    self.stop()?;
                    self.keyway = Some(Keyway::start(program, nodes)?);
                    self.nodes = Some(nodes);
                }
                self.keyway.as_ref().map(|keyway| keyway.url().to_owned()).unwrap_or_default()
            }
            (Server::Own(_), None) => return Err("a Keyway of how many nodes?".to_owned()),
        };
        let mut plan = Plan::new(&url, api)?;
        plan.seed = self.options.seed;
        plan.threads = self.options.threads;
        plan.stop = Arc::clone(&self.options.stop);
        Ok(plan)
    }

    /// Stops the Keyway, if one runs.
    pub(super) fn stop(&mut self) -> Result<(), String> {
        self.nodes = None;
        self.keyway.take().map_or(Ok(()), Keyway::stop)
    }

    /// Writes every key once; figures are not kept.
    pub(super) fn preload(&mut self, plan: &Plan) -> Result<(), String> {
        let finished = self.watched("preload", &plan.preload())?;
        self.note(&finished);
        Ok(())
    }

    /// Makes a run and adds it to the experiment's table, with what this experiment says of it.
    pub(super) fn measure(&mut self, said: &[(&str, String)], plan: &Plan) -> Result<Finished, String> {
        let name: Vec<&str> = said.iter().map(|(_, value)| value.as_str()).collect();
        let before = self.used();
        let finished = self.watched(&name.join(" "), plan)?;
        let after = self.used();
        self.note(&finished);
        let mut columns = self.before();
        columns.extend(said.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        columns.extend(record::settings(plan));
        columns.extend(record::results(&finished));
        columns.extend(costs(before.zip(after), self.nodes, &finished));
        table::append(&self.table(""), &[columns])?;
        Ok(finished)
    }

    /// Adds the seconds of a run to a table of their own.
    pub(super) fn seconds(&self, finished: &Finished) -> Result<(), String> {
        let before = self.before();
        let rows = finished.seconds.iter();
        let rows: Vec<Row> =
            rows.map(|second| before.iter().cloned().chain(record::second(second)).collect()).collect();
        table::append(&self.table("-seconds"), &rows)
    }

    /// Draws a picture of a table of this experiment: `""` of its runs, `"-seconds"` of their seconds.
    pub(super) fn picture(&mut self, of: &str, name: &str, chart: &Chart) -> Result<(), String> {
        let svg = chart::draw(chart, &table::read(&self.table(of))?)?;
        let path = self.options.folder.join(format!("{}-{name}.svg", self.name));
        std::fs::write(&path, svg).map_err(|error| format!("{}: {error}", path.display()))?;
        self.pictures.push(path);
        Ok(())
    }

    /// The table of its runs, and the pictures.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        std::iter::once(self.table("")).chain(self.pictures.iter().cloned()).collect()
    }

    /// Operations that failed so far.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// What every row begins with.
    fn before(&self) -> Row {
        let nodes = self.nodes.map_or(String::new(), |nodes| nodes.to_string());
        self.before.iter().cloned().chain(row([("nodes", nodes)])).collect()
    }

    fn table(&self, of: &str) -> PathBuf {
        self.options.folder.join(format!("{}{of}.csv", self.name))
    }

    fn used(&self) -> Option<Used> {
        self.keyway.as_ref().map(Keyway::used)
    }

    fn watched(&self, name: &str, plan: &Plan) -> Result<Finished, String> {
        let many = |nodes: u32| format!("{nodes} {} ", if nodes == 1 { "node" } else { "nodes" });
        let nodes = self.nodes.map_or(String::new(), many);
        let finished = cli::watched(&format!("{nodes}{name}"), plan, self.options.quiet)?;
        // A row of half a run would be taken for a whole one.
        if self.options.stop.load(Ordering::Relaxed) { Err(INTERRUPTED.to_owned()) } else { Ok(finished) }
    }

    /// Failures are said at once: a table of a hundred rows hides one.
    fn note(&mut self, finished: &Finished) {
        self.failures += finished.total.failures();
        let text = crate::report::failures(finished);
        if !text.is_empty() {
            // Where nobody listens there is nobody to tell.
            let _ = write!(std::io::stderr(), "{text}");
        }
    }
}

/// What proxy and nodes have spent on each operation, and hold in memory.
fn costs(used: Option<(Used, Used)>, nodes: Option<u32>, finished: &Finished) -> Row {
    let count = finished.operations.max(1) as f64;
    let micros = |from: std::time::Duration, to: std::time::Duration| {
        format!("{:.3}", to.saturating_sub(from).as_secs_f64() * 1e6 / count)
    };
    let mib = |kib: u64, of: u32| format!("{:.2}", kib as f64 / 1024.0 / f64::from(of.max(1)));
    let (proxy_cpu, nodes_cpu, proxy, node) = match used {
        None => Default::default(),
        Some((from, to)) => (
            micros(from.proxy_cpu, to.proxy_cpu),
            micros(from.nodes_cpu, to.nodes_cpu),
            mib(to.proxy_kib, 1),
            mib(to.nodes_kib, nodes.unwrap_or(1)),
        ),
    };
    row([
        ("proxy_cpu_us", proxy_cpu),
        ("nodes_cpu_us", nodes_cpu),
        ("proxy_mib", proxy),
        ("mib_per_node", node),
    ])
}
