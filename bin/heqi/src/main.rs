//! The `heqi` program.

use std::process::ExitCode;

/// A node allocates small pieces on many threads all the time: a tenth of its processor time with
/// the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    heqi::run(std::env::args_os())
}
