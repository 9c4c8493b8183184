//! The machine that it runs on: what it is, what it costs, and where threads may run.

use std::process::Command;
use std::time::Duration;

/// User and system time of this process so far.
#[must_use]
pub fn cpu_time() -> Duration {
    cpu_time_of("self").unwrap_or_default()
}

/// The same of another process, by its id.
#[must_use]
pub fn cpu_time_of(process: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may hold anything; what follows it is numbers, the 12th and 13th the times.
    let numbers: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = numbers.get(11)?.parse::<u64>().ok()? + numbers.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
}

/// Resident memory of a process, in KiB.
#[must_use]
pub fn memory_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The processes that a process has started and that still run.
#[must_use]
pub fn children_of(process: u32) -> Vec<u32> {
    let parent = format!("PPid:\t{process}");
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|id: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            status.lines().any(|line| line == parent)
        })
        .collect()
}

/// Keeps the calling thread on one processor.
///
/// # Errors
/// Where there is none of this number.
pub fn bind(cpu: usize) -> Result<(), String> {
    #[cfg(target_os = "linux")]
    {
        let mut set = rustix::thread::CpuSet::new();
        if cpu >= rustix::thread::CpuSet::MAX_CPU {
            return Err(format!("there is no processor {cpu}"));
        }
        set.set(cpu);
        rustix::thread::sched_setaffinity(None, &set).map_err(|error| format!("processor {cpu}: {error}"))
    }
    #[cfg(not(target_os = "linux"))]
    Err(format!("processor {cpu}: binding works on Linux only"))
}

/// What a reader of figures must know of it: processors and their kind, system.
#[must_use]
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map(|(_, name)| name.trim());
    let release = read("/proc/sys/kernel/osrelease");
    let system = format!("{} {}", std::env::consts::OS, release.trim());
    format!("{cores} cores, {}, {}", model.unwrap_or(std::env::consts::ARCH), system.trim())
}

/// The commit of the working copy that this program was built in, and whether it was changed since.
#[must_use]
pub fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").args(["-C", env!("CARGO_MANIFEST_DIR")]).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|changes| !changes.is_empty());
    if changed { format!("{commit}+changes") } else { commit }
}
