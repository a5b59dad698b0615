//! The `heqi` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    heqi::run(std::env::args_os())
}
