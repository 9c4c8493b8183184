//! From runs to a picture, by commands alone.

use crate::command_line::{loadgen, said};
use crate::server::{Mood, Server};

#[test]
fn several_runs_become_one_picture_with_a_legend() {
    let server = Server::start(Mood::Good);
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let url = server.url();
    for (file, label) in [("one.csv", "first server"), ("two.csv", "second server")] {
        for clients in ["1", "4"] {
            let output = loadgen(&[
                "run",
                "--target",
                &url,
                "--clients",
                clients,
                "--requests",
                "50",
                "--label",
                label,
                "--csv",
                &place(file),
            ]);
            assert!(output.status.success(), "{}", said(&output));
        }
    }
    let out = place("picture.svg");
    let output =
        loadgen(&["chart", &place("one.csv"), &place("two.csv"), "--series", "label", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let svg = std::fs::read_to_string(out).unwrap();
    assert!(svg.contains(">first server<") && svg.contains(">second server<"), "{svg}");
    assert_eq!(svg.matches("<path d=\"M").count(), 2, "a line for each");
    assert!(!svg.contains("NaN"));
}
