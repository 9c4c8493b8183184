//! The quick form of each experiment, against the small server. Against Keyway itself: `tests/system`.

use loadgen::table;

use crate::command_line::{loadgen, said};
use crate::server::{Mood, Server};

/// Which experiment, how many runs its quick form makes of one server, and pictures.
const EXPERIMENTS: [(&str, &str, usize, usize); 5] = [
    ("0", "client-ring", 2 * 2 * 3, 3),
    ("1", "distributor", 2 * (2 + 2), 10),
    ("2", "haproxy", 1, 4),
    ("3", "gtstore", 2, 3),
    ("4", "two-phase-commit", 2 * 2 * 3, 2),
];

#[test]
fn each_experiment_leaves_a_table_of_all_its_runs_and_its_pictures() {
    let server = Server::start(Mood::Good);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    for (number, name, runs, pictures) in EXPERIMENTS {
        let output = loadgen(&["experiment", number, "--quick", "--target", &server.url(), "--out", out]);
        assert!(output.status.success(), "{name}: {}", said(&output));
        let table = table::read(&folder.path().join(format!("{name}.csv"))).unwrap();
        assert_eq!(table.rows.len(), runs, "{name}");
        for column in ["machine", "commit", "seed", "median_us", "throughput"] {
            let place = table.column(column).unwrap();
            assert!(table.rows.iter().all(|row| !row[place].is_empty()), "{name}: a row has no {column}");
        }
        let files = std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
        let drawn: Vec<_> = files
            .filter(|path| path.extension().is_some_and(|kind| kind == "svg"))
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(name))
            .collect();
        assert_eq!(drawn.len(), pictures, "{name}: {drawn:?}");
        for path in drawn {
            let svg = std::fs::read_to_string(&path).unwrap();
            assert!(svg.contains("class=\"mark") && !svg.contains("NaN"), "{}", path.display());
        }
    }
}

#[test]
fn results_of_another_experiment_and_other_files_are_left_alone() {
    let server = Server::start(Mood::Good);
    let folder = tempfile::tempdir().unwrap();
    for file in ["notes.txt", "gtstore.csv", "two-phase-commit-notes.csv", "two-phase-commit.csv"] {
        std::fs::write(folder.path().join(file), "mine\n").unwrap();
    }
    let out = folder.path().to_str().unwrap();
    let output = loadgen(&["experiment", "4", "--quick", "--target", &server.url(), "--out", out]);
    assert!(output.status.success(), "{}", said(&output));
    let read = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap();
    for file in ["notes.txt", "gtstore.csv", "two-phase-commit-notes.csv"] {
        assert_eq!(read(file), "mine\n", "{file}");
    }
    assert!(read("two-phase-commit.csv").starts_with("experiment,"), "its own are replaced");
}

#[test]
fn without_a_program_to_start_it_says_what_to_do() {
    let output = loadgen(&["experiment", "4", "--quick", "--keyway", "/nowhere/keyway"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("cargo build --release --package keyway"), "{}", said(&output));
}
