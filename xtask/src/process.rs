//! Running other programs: with the terminal, or line by line.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, ExitCode, ExitStatus},
};

use eyre::{Result, WrapErr};

/// Cargo of the pinned toolchain, as the one that runs this program.
pub fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Runs with the terminal's input and output, and answers the program's own exit code.
pub fn hand_over(mut command: Command) -> Result<ExitCode> {
    let status = command.status().wrap_err_with(|| format!("cannot run {command:?}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Runs and gives each line of output and errors, in the order written, to `line`.
pub fn lines(mut command: Command, mut line: impl FnMut(&str)) -> Result<ExitStatus> {
    let (reader, writer) = std::io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().wrap_err_with(|| format!("cannot run {command:?}"))?;
    // The command holds the writing ends; the reading ends only when none is left.
    drop(command);
    for bytes in BufReader::new(reader).split(b'\n') {
        line(String::from_utf8_lossy(&bytes?).trim_end_matches('\r'));
    }
    Ok(child.wait()?)
}
