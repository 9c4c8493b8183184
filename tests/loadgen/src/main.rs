//! The program `loadgen`: all of it is in the library, so that tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    loadgen::cli::main(std::env::args_os())
}
