//! Question: which storage engine, with which settings, serves a node's load best?
//!
//! ```text
//! cargo bench -p kvnode --features engine-redb --bench engines -- [--records N] [--seconds S] [--large N]
//!     [--folder DIR] [--seed N] [--text] [--engines NAME,NAME,...]
//! ```
//!
//! Every engine does the same, one after the other, in a fresh folder: records as a node stores them (8 + 10 byte
//! keys in the order of their hashes, 100-byte values), every commit synced, one writing thread; then values of 1 MiB.
//! The folder must be on a real disk: in memory, syncing costs nothing and the slowest engine looks best.

#![expect(clippy::print_stdout, reason = "a bench is there to print its results")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kvnode::store::engine::fjall::{FjallEngine, Tuning};
#[cfg(feature = "engine-redb")]
use kvnode::store::engine::redb::RedbEngine;
use kvnode::store::engine::{Batch, Engine, Limit, Options, Space};
use kvnode::store::record::{Record, Segment, StoreKey};
use kvnode::version::Version;

type Anyhow<T> = Result<T, Box<dyn std::error::Error>>;

const MIB: usize = 1 << 20;

struct Setup {
    records: u64,
    seconds: f64,
    large: u64,
    folder: PathBuf,
    seed: u64,
    text: bool,
    engines: Vec<String>,
    /// Given to itself: fill this engine in this folder, and end without closing it.
    crash: bool,
}

fn main() -> Anyhow<()> {
    // `cargo test --all-targets` starts benches too, without this.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let setup = Setup::from_arguments()?;
    if setup.crash {
        return crash(&setup);
    }
    describe(&setup)?;
    for name in &setup.engines {
        println!("\n{name}");
        measure(name, &setup)?;
    }
    Ok(())
}

impl Setup {
    fn from_arguments() -> Anyhow<Self> {
        let mut setup = Self {
            records: 200_000,
            seconds: 1.5,
            large: 256,
            folder: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-engines"),
            seed: 1,
            text: false,
            engines: vec!["fjall".into(), "redb".into()],
            crash: false,
        };
        if !cfg!(feature = "engine-redb") {
            setup.engines.retain(|name| name != "redb");
        }
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--bench" => {}
                "--records" => setup.records = value()?.parse()?,
                "--seconds" => setup.seconds = value()?.parse()?,
                "--large" => setup.large = value()?.parse()?,
                "--folder" => setup.folder = value()?.into(),
                "--seed" => setup.seed = value()?.parse()?,
                "--text" => setup.text = true,
                "--engines" => setup.engines = value()?.split(',').map(str::to_owned).collect(),
                "--crash" => setup.crash = true,
                other => return Err(format!("unknown argument {other}").into()),
            }
        }
        Ok(setup)
    }

    fn rest_of(&self, started: Instant) -> Option<Duration> {
        Duration::from_secs_f64(self.seconds).checked_sub(started.elapsed())
    }
}

fn open(name: &str, folder: &Path) -> Anyhow<Box<dyn Engine>> {
    let options = Options::default();
    let tuned = |tuning| -> Anyhow<Box<dyn Engine>> {
        Ok(Box::new(FjallEngine::open_tuned(folder, &options, tuning)?))
    };
    let shipped = Tuning::default();
    match name {
        "fjall" => tuned(shipped),
        "fjall-lz4" => tuned(Tuning { compress: true, ..shipped }),
        "fjall-together" => tuned(Tuning { separate_from: None, ..shipped }),
        "fjall-separate-4k" => tuned(Tuning { separate_from: Some(4 << 10), ..shipped }),
        "fjall-memtable-16m" => tuned(Tuning { memtable_bytes: 16 << 20, ..shipped }),
        "fjall-memtable-128m" => tuned(Tuning { memtable_bytes: 128 << 20, ..shipped }),
        "fjall-block-16k" => tuned(Tuning { block_bytes: 16 << 10, ..shipped }),
        #[cfg(feature = "engine-redb")]
        "redb" => Ok(Box::new(RedbEngine::open(folder, &options, false)?)),
        #[cfg(feature = "engine-redb")]
        "redb-quick-repair" => Ok(Box::new(RedbEngine::open(folder, &options, true)?)),
        other => Err(format!("no engine {other} in this build (redb needs --features engine-redb)").into()),
    }
}

fn measure(name: &str, setup: &Setup) -> Anyhow<()> {
    let folder = setup.folder.join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let before = (written()?, cpu_seconds()?);
    let engine = open(name, &folder)?;
    let mut load = Load::new(setup);

    let started = Instant::now();
    for first in (0..setup.records).step_by(256) {
        load.commit(&*engine, first..setup.records.min(first + 256))?;
    }
    row(
        "fill, batches of 256",
        &format!("{:.0} puts/s", setup.records as f64 / started.elapsed().as_secs_f64()),
    );
    for batch in [1, 16, 64, 256] {
        overwrite(&*engine, setup, &mut load, batch)?;
    }
    settle()?;
    gets(&*engine, setup, &mut load)?;
    scan(&*engine, setup.records)?;
    row("on disk", &format!("{} MiB", on_disk(&folder)? / MIB as u64));
    large(&*engine, setup, &mut load)?;
    row("on disk with these", &format!("{} MiB", on_disk(&folder)? / MIB as u64));
    drop(engine);
    let (written, seconds) = (written()? - before.0, cpu_seconds()? - before.1);
    let given = load.bytes / MIB as u64;
    row("in all", &format!("{given} MiB given, {} MiB written, {seconds:.1} s of CPU", written / MIB as u64));
    row("open after closing", &time_to_open(name, &folder)?);

    let itself = std::env::current_exe()?;
    let mut child = Command::new(itself);
    child.args(["--bench", "--crash", "--engines", name, "--folder"]).arg(&folder);
    child.args(["--records", &setup.records.to_string(), "--seconds", &setup.seconds.to_string()]);
    let ended = child.status()?;
    if ended.success() {
        return Err("the process that was to be killed lived on".into());
    }
    row("open after kill -9 under writes", &time_to_open(name, &folder)?);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn overwrite(engine: &dyn Engine, setup: &Setup, load: &mut Load, batch: u64) -> Anyhow<()> {
    let (started, mut puts, mut times) = (Instant::now(), 0, Vec::new());
    while setup.rest_of(started).is_some() {
        let keys: Vec<u64> = (0..batch).map(|_| load.random.below(setup.records)).collect();
        let before = Instant::now();
        load.commit(engine, keys)?;
        times.push(before.elapsed());
        puts += batch;
    }
    let rate = puts as f64 / started.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let latency = format!("commit p50 {:.2} ms, p99 {:.2} ms, longest {:.1} ms", at(50), at(99), at(100));
    row(&format!("overwrite, batches of {batch}"), &format!("{rate:.0} puts/s ({latency})"));
    Ok(())
}

fn gets(engine: &dyn Engine, setup: &Setup, load: &mut Load) -> Anyhow<()> {
    for (what, offset) in [("random gets", 0), ("gets of absent keys", setup.records)] {
        let (started, cpu, mut gets, mut found) = (Instant::now(), cpu_seconds()?, 0_u64, 0);
        while setup.rest_of(started).is_some() {
            for _ in 0..100 {
                let key = key(load.random.below(setup.records) + offset);
                if let Some(stored) = engine.get(Space::Records, &key.0)? {
                    Record::decode(&key, stored)?;
                    found += 1;
                }
                gets += 1;
            }
        }
        if found != if offset == 0 { gets } else { 0 } {
            return Err(format!("{what}: {found} of {gets} were found").into());
        }
        let (rate, per_cpu) =
            (gets as f64 / started.elapsed().as_secs_f64(), gets as f64 / (cpu_seconds()? - cpu));
        row(what, &format!("{rate:.0} gets/s ({per_cpu:.0} for a second of CPU)"));
    }
    Ok(())
}

fn scan(engine: &dyn Engine, records: u64) -> Anyhow<()> {
    const TIMES: u64 = 3;
    let (snapshot, segment) = (engine.snapshot(), Segment::whole());
    let (started, cpu, mut seen) = (Instant::now(), cpu_seconds()?, 0);
    for _ in 0..TIMES {
        let mut after = None::<Bytes>;
        loop {
            let limit = Limit { entries: 1000, bytes: MIB };
            let page = snapshot.scan(Space::Records, segment.bounds(after.as_deref()), limit)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            seen += page.len() as u64;
        }
    }
    if seen != records * TIMES {
        return Err(format!("{TIMES} scans gave {seen} of {records} records").into());
    }
    let (rate, per_cpu) =
        (seen as f64 / started.elapsed().as_secs_f64(), seen as f64 / (cpu_seconds()? - cpu));
    row("scan", &format!("{rate:.0} records/s ({per_cpu:.0} for a second of CPU)"));
    Ok(())
}

/// Waits until an engine that works in the background has nothing to do, so that reads are compared at rest.
fn settle() -> Anyhow<()> {
    let (started, mut before) = (Instant::now(), 0);
    while before != written()? && started.elapsed() < Duration::from_secs(20) {
        before = written()?;
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}

fn large(engine: &dyn Engine, setup: &Setup, load: &mut Load) -> Anyhow<()> {
    let rate =
        |started: Instant| format!("{:.0} MiB/s", setup.large as f64 / started.elapsed().as_secs_f64());
    load.value_bytes = MIB;
    for what in ["1 MiB values, put one by one", "1 MiB values, put again"] {
        let started = Instant::now();
        for i in 0..setup.large {
            load.commit(engine, [2 * setup.records + i])?;
        }
        row(what, &rate(started));
    }
    let started = Instant::now();
    for _ in 0..setup.large {
        let key = key(2 * setup.records + load.random.below(setup.large));
        let stored = engine.get(Space::Records, &key.0)?.ok_or("a large value is missing")?;
        Record::decode(&key, stored)?;
    }
    row("1 MiB values, random gets", &rate(started));
    Ok(())
}

/// Runs in a process of its own: writes for a while, and dies without a goodbye.
fn crash(setup: &Setup) -> Anyhow<()> {
    let engine = open(&setup.engines[0], &setup.folder)?;
    let mut load = Load::new(setup);
    let started = Instant::now();
    while setup.rest_of(started).is_some() {
        let keys: Vec<u64> = (0..64).map(|_| load.random.below(setup.records)).collect();
        load.commit(&*engine, keys)?;
    }
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)?;
    Ok(())
}

fn time_to_open(name: &str, folder: &Path) -> Anyhow<String> {
    let started = Instant::now();
    let engine = open(name, folder)?;
    let time = format!("{:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    drop(engine);
    Ok(time)
}

/// Makes batches of records.
struct Load {
    random: Random,
    text: bool,
    value_bytes: usize,
    version: u64,
    /// Given to the engine so far.
    bytes: u64,
}

impl Load {
    fn new(setup: &Setup) -> Self {
        Self { random: Random(setup.seed), text: setup.text, value_bytes: 100, version: 0, bytes: 0 }
    }

    fn commit(&mut self, engine: &dyn Engine, keys: impl IntoIterator<Item = u64>) -> Anyhow<()> {
        let mut batch = Batch::default();
        for number in keys {
            let key = key(number);
            let stored = self.record().encode(&key);
            batch.put(Space::Records, key.0, stored);
        }
        self.bytes += batch.bytes() as u64;
        Ok(engine.commit(batch)?)
    }

    fn record(&mut self) -> Record {
        self.version += 1;
        let mut value = Vec::with_capacity(self.value_bytes + 64);
        while value.len() < self.value_bytes {
            let random = self.random.next();
            if self.text {
                let (user, count) = (random % 10_000, random >> 50);
                value.extend_from_slice(
                    format!(r#"{{"user":"user-{user}","visits":{count},"active":true}}"#).as_bytes(),
                );
            } else {
                value.extend_from_slice(&random.to_le_bytes());
            }
        }
        value.truncate(self.value_bytes);
        Record {
            version: Version(self.version),
            modified_ms: 1_700_000_000_000,
            expiry_ms: 0,
            content_type: None,
            content_encoding: None,
            value: value.into(),
        }
    }
}

fn key(number: u64) -> StoreKey {
    StoreKey::of(format!("key{number:07}").as_bytes())
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

fn row(what: &str, result: &str) {
    println!("  {what:32} {result}");
}

fn describe(setup: &Setup) -> Anyhow<()> {
    let Setup { records, seconds, large, seed, .. } = setup;
    let values = if setup.text { "JSON text" } else { "random bytes" };
    println!(
        "{records} records of 100 bytes ({values}), {seconds} s a row, {large} values of 1 MiB, seed {seed}"
    );
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("\t: unknown");
    let cores = std::thread::available_parallelism()?;
    println!("{cores} cores, {}", model.trim_start_matches(['\t', ':', ' ']));
    std::fs::create_dir_all(&setup.folder)?;
    const TMPFS: i64 = 0x0102_1994;
    let memory = rustix::fs::statfs(&setup.folder)?.f_type == TMPFS;
    let sync = time_of_sync(&setup.folder)?;
    println!("{}: fdatasync of a 4 KiB append takes {sync:.2} ms (median)", setup.folder.display());
    if memory {
        println!("WARNING: this folder is in memory; no figure below says anything about a disk");
    }
    if cfg!(debug_assertions) {
        println!("WARNING: built without optimisation");
    }
    Ok(())
}

fn time_of_sync(folder: &Path) -> Anyhow<f64> {
    use std::io::Write as _;
    let path = folder.join("sync");
    let mut file = std::fs::File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        file.write_all(&[0; 4096])?;
        let started = Instant::now();
        file.sync_data()?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(path)?;
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// What this process has had written to disk.
fn written() -> Anyhow<u64> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).ok_or("no write_bytes")?;
    Ok(line.parse()?)
}

/// What this process has computed: less disturbed by others on the machine than time is.
fn cpu_seconds() -> Anyhow<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which may hold anything: user and system time are the 12th and 13th, in hundredths.
    let (_, fields) = stat.rsplit_once(") ").ok_or("no fields")?;
    let ticks: Vec<f64> = fields.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

/// Blocks in use: fjall's journal is a file with holes.
fn on_disk(folder: &Path) -> Anyhow<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // A file that was merged away while we looked counts nothing.
        let Ok(about) = entry.metadata() else { continue };
        bytes += if about.is_dir() { on_disk(&entry.path())? } else { about.blocks() * 512 };
    }
    Ok(bytes)
}
