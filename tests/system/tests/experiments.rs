//! The experiments of the reports, in their quick form, on Keyways that the load tool starts itself.

use std::sync::Arc;

use harness::{binary, secs, story};
use loadgen::experiment::{Experiment, Lab, Options, Server};
use loadgen::table;

#[test]
fn each_experiment_runs_on_fresh_keyways_without_one_failed_operation() {
    story(secs(180), || async {
        let program = binary::keyway().to_owned();
        let folder = tempfile::tempdir().expect("a folder");
        for (experiment, nodes) in [
            (Experiment::ClientRing, &["1", "2"][..]),
            (Experiment::Distributor, &["1", "3"]),
            (Experiment::Haproxy, &["1", "2"]),
            (Experiment::Gtstore, &["2", "4"]),
            (Experiment::TwoPhaseCommit, &["5"]),
        ] {
            let options = Options {
                server: Server::Own(program.clone()),
                folder: folder.path().to_owned(),
                quick: true,
                nodes: None,
                clients: None,
                threads: 1,
                seed: 1,
                quiet: true,
                stop: Arc::default(),
            };
            let made = tokio::task::spawn_blocking(move || {
                let mut lab = Lab::new(experiment.name(), options)?;
                experiment.make(&mut lab)
            });
            let failures = made.await.expect("the experiment panicked").expect("the experiment");
            assert_eq!(failures, 0, "{}: operations failed", experiment.name());
            let path = folder.path().join(format!("{}.csv", experiment.name()));
            let table = table::read(&path).expect("its table");
            let tried = |column: &str| {
                let place = table.column(column).expect("a column");
                let mut values: Vec<&str> = table.rows.iter().map(|row| row[place].as_str()).collect();
                values.dedup();
                values
            };
            assert_eq!(tried("nodes"), nodes, "{}", experiment.name());
            assert_eq!(tried("status_5xx"), ["0"], "{}", experiment.name());
            assert!(!tried("mib_per_node").contains(&""), "what nodes cost is in the table");
        }
    });
}
