//! The program `keyway`: all of it is in the library, so that tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyway::cli::run(std::env::args_os())
}
