//! Many seeds of the simulated cluster. `KEYWAY_SEED=7` replays one and prints its trace; `KEYWAY_SEEDS=5000` runs more.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use sim::world::{Report, Shape, run};

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_acknowledged_write_is_lost_whatever_dies_when() {
    let shape = Shape::default();
    if let Some(seed) = variable("KEYWAY_SEED") {
        let report = run(seed, &shape).unwrap();
        println!("{}\n{} operations, {} changes", report.trace, report.answered, report.changes);
        return;
    }
    let seeds = variable("KEYWAY_SEEDS").unwrap_or(1000);
    let first = variable("KEYWAY_FIRST_SEED").unwrap_or(0);
    let (next, all) = (AtomicU64::new(first), Mutex::new((Report::default(), Vec::new())));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    let outcome = run(seed, &shape);
                    let (sum, failures) = &mut *all.lock().unwrap();
                    match outcome {
                        Ok(report) => sum.add(&report),
                        Err(failure) => failures.push(failure),
                    }
                }
            });
        }
    });
    let (sum, failures) = all.into_inner().unwrap();
    println!("{sum:?}");
    for failure in &failures {
        println!("{}", failure.lines().next().unwrap_or_default());
    }
    assert!(failures.is_empty(), "{} of {seeds} seeds fail; one is\n{}", failures.len(), failures[0]);
    // Runs in which little happens would prove little.
    assert!(sum.changes > 0 && sum.answered > 0, "{sum:?}");
}

#[test]
fn without_faults_every_change_is_carried_out() {
    let shape = Shape { faults: false, ..Shape::default() };
    for seed in 0..20 {
        let report = run(seed, &shape).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(report.changes >= 3, "seed {seed}: only {} changes", report.changes);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let shape = Shape::default();
    for seed in [1, 2, 3] {
        assert_eq!(run(seed, &shape), run(seed, &shape));
    }
}
