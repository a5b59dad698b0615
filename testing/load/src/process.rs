//! What a process and its files cost, read from `/proc` (Linux).

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use eyre::{Context, Result, bail, eyre};

/// Kernel ticks per second in `/proc/PID/stat`: 100 on every Linux that Rust supports.
const TICKS_PER_SECOND: u64 = 100;
/// Bytes of a block in `st_blocks`.
const DISK_BLOCK_BYTES: u64 = 512;

/// Processor time of a process so far, user and system, all threads (µs).
///
/// # Errors
/// There is no such process.
pub fn processor_micros(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).wrap_err_with(|| path.clone())?;
    let after_name = text.rsplit_once(')').ok_or_else(|| eyre!("{path} has no name"))?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let field = |index: usize| -> Result<u64> {
        Ok(fields.get(index).ok_or_else(|| eyre!("{path} is short"))?.parse()?)
    };
    // fields 14 and 15 of proc(5), counted from field 3
    Ok((field(11)? + field(12)?) * (1_000_000 / TICKS_PER_SECOND))
}

/// Resident memory of a process (bytes).
///
/// # Errors
/// There is no such process.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or_else(|| eyre!("process {pid} has no VmRSS"))?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

/// Allocated bytes of all files under a directory. Files that vanish meanwhile count nothing.
pub fn disk_bytes(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
            Ok(metadata) => metadata.blocks() * DISK_BLOCK_BYTES,
            Err(_) => 0,
        })
        .sum()
}

/// Allocated bytes of one file; 0 when there is none.
pub fn file_bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.blocks() * DISK_BLOCK_BYTES)
}

/// Ends a process at once (`kill -9`) whose command line names `folder`; refuses any other.
///
/// # Errors
/// There is no such process, it belongs to something else, or it does not end.
pub fn kill(pid: u32, folder: &Path) -> Result<()> {
    let command = fs::read(format!("/proc/{pid}/cmdline")).wrap_err("the node is not running")?;
    let command = String::from_utf8_lossy(&command).into_owned();
    if !command.contains(&*folder.to_string_lossy()) {
        bail!("process {pid} is not a node of {}", folder.display());
    }
    let status = Command::new("sh").args(["-c", "kill -9 \"$0\"", &pid.to_string()]).status()?;
    if !status.success() {
        bail!("kill -9 {pid}: {status}");
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    #[test]
    fn own_process_has_memory_and_time() {
        let pid = std::process::id();
        assert!(super::resident_bytes(pid).unwrap() > 0);
        super::processor_micros(pid).unwrap();
        assert!(super::processor_micros(u32::MAX).is_err());
    }

    #[test]
    fn no_stranger_is_killed() {
        let folder = std::path::Path::new("/no/such/network");
        assert!(super::kill(std::process::id(), folder).is_err());
        assert!(super::kill(u32::MAX, folder).is_err());
    }
}
