//! Guards against growing slower. A clock says something else each time, above all on a machine that is shared; the
//! number of instructions does not. So this program runs parts of Keyway, and a whole proxy, under valgrind, counts
//! the instructions of each operation, and fails where there are clearly more than there used to be.
//!
//! ```text
//! guards                 measure everything, print a table; exit code 1 where a guard fails
//! guards NAME..          only these
//! guards --work NAME N   do one thing N times (what runs under valgrind)
//! ```
//!
//! `KEYWAY_BIN` names the program whose requests are counted.
//!
//! Instructions are not time: a change that costs memory or system calls shows in `tests/side-by-side` only.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is the result")]

mod counted;
mod parts;
mod requests;

use std::process::ExitCode;

use counted::{Count, Failure};

/// The allocator of the programs that are guarded.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// So much more than usual is a failure; so much less means that the guard has become loose, and is said.
const MARGIN: f64 = 0.15;

/// Something whose instructions are counted.
struct Guard {
    name: &'static str,
    /// Instructions of one, when last looked at: after a change for the better it is lowered, so that it stays.
    usual: f64,
    count: fn(&'static str) -> Result<Count, Failure>,
}

const GUARDS: &[Guard] = &[
    Guard { name: "ring-lookup-10", usual: 34.0, count: parts::count },
    Guard { name: "ring-lookup-300", usual: 34.0, count: parts::count },
    Guard { name: "ring-build-30", usual: 37_489_000.0, count: parts::count },
    Guard { name: "key-and-position", usual: 735.0, count: parts::count },
    Guard { name: "record-encode-decode", usual: 1400.0, count: parts::count },
    Guard { name: "link-request", usual: 2235.0, count: parts::count },
    Guard { name: "link-answer", usual: 3970.0, count: parts::count },
    Guard { name: "commit-64", usual: 428_000.0, count: parts::count },
    Guard { name: "proxy-get", usual: 21_080.0, count: requests::count },
    Guard { name: "proxy-put", usual: 22_280.0, count: requests::count },
    Guard { name: "node-get", usual: 21_050.0, count: requests::count },
    Guard { name: "node-put", usual: 26_900.0, count: requests::count },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--work", name, times] => match times.parse().ok().and_then(|times| parts::work(name, times)) {
            Some(()) => ExitCode::SUCCESS,
            None => usage(),
        },
        [option, ..] if option.starts_with('-') => usage(),
        ref names => guard(names),
    }
}

fn guard(names: &[&str]) -> ExitCode {
    if !cfg!(target_arch = "x86_64") {
        println!("SKIPPED: the usual numbers of instructions are those of x86-64.");
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<_> =
        GUARDS.iter().filter(|guard| names.is_empty() || names.contains(&guard.name)).collect();
    if chosen.is_empty() || names.iter().any(|name| !GUARDS.iter().any(|guard| guard.name == *name)) {
        return usage();
    }
    println!("{:<22} {:>14} {:>14} {:>7}", "instructions of one", "now", "usually", "ratio");
    let failed = chosen.into_iter().filter(|guard| !judge(guard)).count();
    if failed == 0 {
        return ExitCode::SUCCESS;
    }
    println!(
        "{failed} failed: find what costs more, or say in the change why it must, and raise `usual` in tests/guards."
    );
    ExitCode::FAILURE
}

/// Measures one and prints its line; whether it holds.
fn judge(guard: &Guard) -> bool {
    let now = match (guard.count)(guard.name) {
        Ok(now) => now.each,
        Err(failure) => {
            println!("{:<22} {failure}", guard.name);
            return false;
        }
    };
    let ratio = now / guard.usual;
    let verdict = match ratio {
        more if more > 1.0 + MARGIN => "FAILED: more than usual",
        less if less < 1.0 - MARGIN => "ok, and less than usual: lower the guard",
        _ => "ok",
    };
    println!("{:<22} {now:>14.0} {:>14.0} {ratio:>7.2}  {verdict}", guard.name, guard.usual);
    ratio <= 1.0 + MARGIN
}

fn usage() -> ExitCode {
    let names: Vec<_> = GUARDS.iter().map(|guard| guard.name).collect();
    eprintln!("usage: guards [NAME..]\nnames: {}", names.join(", "));
    ExitCode::from(2)
}
