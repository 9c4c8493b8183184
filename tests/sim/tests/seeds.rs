//! Many seeds of the simulated cluster. `KEYWAY_SEED=7` replays one and prints its trace; `KEYWAY_SEEDS=5000` runs more.

use sim::world::{Shape, run};

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
    let (mut answered, mut changes) = (0, 0);
    for seed in 0..variable("KEYWAY_SEEDS").unwrap_or(1000) {
        let report = run(seed, &shape).unwrap_or_else(|failure| panic!("{failure}"));
        answered += report.answered;
        changes += report.changes;
    }
    println!("{answered} operations, {changes} changes");
    // A run in which little happens would prove little.
    assert!(changes > 0 && answered > 0, "{answered} operations, {changes} changes");
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
