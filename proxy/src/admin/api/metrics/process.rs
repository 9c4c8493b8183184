//! What the kernel knows of this process, under the names that all programs with metrics use.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::text::{Kind, Text};

pub(super) fn write(text: &mut Text) {
    let mut one = |name, kind, help, value: Option<f64>| {
        if let Some(value) = value {
            text.family(name, kind, help).value(&[], value);
        }
    };
    one("process_cpu_seconds_total", Kind::Counter, "Processor time of the proxy.", cpu_seconds());
    one("process_resident_memory_bytes", Kind::Gauge, "Memory of the proxy.", resident_bytes());
    one("process_open_fds", Kind::Gauge, "Open files and connections of the proxy.", open_files());
    let limit = getrlimit(Resource::Nofile).current.map(|limit| limit as f64);
    one("process_max_fds", Kind::Gauge, "The most that it may have open.", limit);
}

/// User and system time: the 14th and 15th field of `/proc/self/stat` (proc(5)). The second one is the name of the program
/// in parentheses, which may hold anything.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks: Vec<f64> =
        rest.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse().ok()).collect();
    (ticks.len() == 2).then(|| ticks.iter().sum::<f64>() / clock_ticks_per_second() as f64)
}

/// The second field of `/proc/self/statm`, in pages.
fn resident_bytes() -> Option<f64> {
    let pages =
        fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse::<f64>().ok()?;
    Some(pages * page_size() as f64)
}

fn open_files() -> Option<f64> {
    fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_told_of_as_it_is() {
        // Other tests use time, memory and files meanwhile: only what is certain is asked for.
        let begun = cpu_seconds().unwrap();
        let memory = vec![1_u8; 64 << 20];
        // It ends only if time is counted.
        while cpu_seconds().unwrap() < begun + 0.05 {
            assert!(memory.iter().all(|byte| *byte == 1));
        }
        assert!(resident_bytes().unwrap() > memory.len() as f64);
        let files: Vec<_> = (0..10).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        assert!(open_files().unwrap() > files.len() as f64);
    }
}
