//! Real input under load, small enough for every run, and in full with `tests/run --long`.

use harness::{secs, story_alone};
use system::elastic::{Scale, run};

#[test]
fn nodes_come_and_go_under_load_and_no_client_notices() {
    story_alone(secs(240), || {
        let scale =
            Scale { keys: 20_000, clients: 16, calm: secs(3), change: secs(60), seed: 1, folder: None };
        run(scale, |line| println!("{line}"))
    });
}

#[test]
#[ignore = "takes many minutes: tests/run --long"]
fn nodes_come_and_go_under_full_load_and_no_client_notices() {
    story_alone(secs(40 * 60), || {
        let scale =
            Scale { keys: 200_000, clients: 16, calm: secs(15), change: secs(900), seed: 2, folder: None };
        run(scale, |line| println!("{line}"))
    });
}
