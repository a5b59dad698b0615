//! A child process that is bounded in time, memory and output, and that is alone: no environment, an
//! empty folder, the lowest priority. What it starts ends with it.

use std::{
    fmt::Display,
    io::{Read, Write},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, Signal};

use crate::limits::{
    COMPILER_FILE_BYTES_MAX, COMPILER_MEMORY_BYTES_MAX, COMPILER_OUTPUT_BYTES_MAX,
    COMPILER_TIME_MAX,
};

/// How often the end is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// Processor time is counted in whole seconds.
const PROCESSOR_SECONDS_MAX: u64 = COMPILER_TIME_MAX.as_secs();
/// The lowest priority: whoever waits for a compiler waits, and nobody else does.
const NICENESS: i32 = 19;
/// Waits for a line, then becomes the program: by then its limits are set, and whatever it starts has
/// them too.
const STARTER: &str = r#"read -r _ && exec "$0" "$@""#;
/// What a POSIX shell ends with where a program cannot be run or is not found.
const NOT_STARTED: [i32; 2] = [126, 127];

/// Runs a program on `input` and answers what it prints.
///
/// # Errors
/// It cannot be started, takes too long, prints too much, or fails; in words.
pub(crate) fn run(
    program: &Path,
    arguments: &[&str],
    folder: &Path,
    input: Vec<u8>,
    time_max: Duration,
) -> Result<Vec<u8>, String> {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", STARTER])
        .arg(program)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        // A compiler may be a script whose interpreter has to be found.
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    let not_started = |why: &dyn Display| format!("{} does not start: {why}", program.display());
    let mut child = command.spawn().map_err(|error| not_started(&error))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let result = bound(pid).and_then(|()| converse(&mut child, input, time_max));
    if let (Some(pid), Err(_)) = (pid, &result) {
        // It, and whatever it started.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
    let ended = child.wait();
    let code = ended.ok().and_then(|status| status.code()).filter(|_| result.is_err());
    match code {
        Some(code) if NOT_STARTED.contains(&code) => Err(not_started(&"no program of this name")),
        _ => result,
    }
}

fn bound(pid: Option<Pid>) -> Result<(), String> {
    let limits = [
        (Resource::Data, COMPILER_MEMORY_BYTES_MAX),
        (Resource::Cpu, PROCESSOR_SECONDS_MAX),
        (Resource::Fsize, COMPILER_FILE_BYTES_MAX),
        (Resource::Core, 0),
    ];
    for (resource, limit) in limits {
        let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
        rustix::process::prlimit(pid, resource, limit)
            .map_err(|error| format!("its limits cannot be set: {error}"))?;
    }
    rustix::process::setpriority_process(pid, NICENESS)
        .map_err(|error| format!("its priority cannot be set: {error}"))
}

fn converse(child: &mut Child, input: Vec<u8>, time_max: Duration) -> Result<Vec<u8>, String> {
    let end = Instant::now() + time_max;
    let mut stdin = child.stdin.take().ok_or("it has no input")?;
    let stdout = child.stdout.take().ok_or("it has no output")?;
    // One that does not read its input, or closes it early, shows in its output.
    thread::spawn(move || stdin.write_all(b"\n").and_then(|()| stdin.write_all(&input)));
    let reader = thread::spawn(move || {
        let mut output = Vec::new();
        let bytes_max = COMPILER_OUTPUT_BYTES_MAX as u64 + 1;
        stdout.take(bytes_max).read_to_end(&mut output).map(|_| output)
    });
    while !reader.is_finished() {
        if Instant::now() >= end {
            return Err(format!("it did not finish within {} s", time_max.as_secs()));
        }
        thread::sleep(LOOK_INTERVAL);
    }
    let output = reader.join().map_err(|_| "its output was not read")?;
    let output = output.map_err(|error| format!("its output cannot be read: {error}"))?;
    if output.len() > COMPILER_OUTPUT_BYTES_MAX {
        return Err(format!("its output exceeds {COMPILER_OUTPUT_BYTES_MAX} bytes"));
    }
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(output),
            Some(status) => return Err(format!("it ended with {status}")),
            None if Instant::now() >= end => return Err("it did not end".into()),
            None => thread::sleep(LOOK_INTERVAL),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shell(script: &str, time_max: Duration) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        run(Path::new("/bin/sh"), &["-c", script], folder.path(), b"input".to_vec(), time_max)
    }

    #[test]
    fn input_goes_in_and_output_comes_out() {
        let time = Duration::from_secs(20);
        assert_eq!(shell("cat", time).unwrap(), b"input");
        assert!(shell("cat; exit 3", time).unwrap_err().contains('3'));
        assert_eq!(shell("echo $HOME$AWS_SECRET_ACCESS_KEY", time).unwrap(), b"\n");
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent 'solc'");
        let error = run(&absent, &["-c"], folder.path(), Vec::new(), time).unwrap_err();
        assert!(error.contains("absent 'solc' does not start"), "{error}");
    }

    #[test]
    fn who_takes_too_long_or_prints_too_much_is_ended_with_all_it_started() {
        let before = Instant::now();
        let error = shell("sleep 60 & sleep 60", Duration::from_millis(300)).unwrap_err();
        assert!(error.contains("did not finish"), "{error}");
        assert!(before.elapsed() < Duration::from_secs(20));
        let error = shell("yes 0123456789abcdef", Duration::from_secs(60)).unwrap_err();
        assert!(error.contains("exceeds"), "{error}");
    }

    #[test]
    fn no_file_grows_beyond_the_limit() {
        let blocks = COMPILER_FILE_BYTES_MAX / 1_048_576 + 1;
        let write = |blocks: u64| {
            let script = format!("dd if=/dev/zero of=file bs=1048576 count={blocks} 2> /dev/null");
            shell(&script, Duration::from_secs(60))
        };
        assert!(write(1).is_ok());
        assert!(write(blocks).is_err());
    }
}
