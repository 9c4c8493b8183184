//! A node of Keyway; everything is in the library.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Both sides of the data path allocate a dozen times per request, on threads that share nothing.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    kvnode::cli::main_with(std::env::args_os())
}
