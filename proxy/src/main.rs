//! The program `keyway`: all of it is in the library, so that tests can reach it.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Both sides of the data path allocate a dozen times per request, on threads that share nothing.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    keyway::cli::run(std::env::args_os())
}
