//! A node of Keyway; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    kvnode::cli::main_with(std::env::args_os())
}
