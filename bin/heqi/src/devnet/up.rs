//! `heqi devnet up`: makes or continues a network and waits until it works.

use std::{fs, path::Path, time::Instant};

use super::{
    create,
    organisations::{ORGANISATIONS_DEFAULT, ORGANISATIONS_MAX},
    ports::{self, Reserved},
    process::{self, Started},
    ready,
    record::{Devnet, Member},
    show, supervise,
};
use crate::{
    Output,
    arguments::UpRequest,
    error::{self, CliError},
    signals,
};

/// Makes or continues the network, starts its nodes, prints it, and stays unless detached.
pub fn up(request: &UpRequest, output: Output) -> Result<(), CliError> {
    let folder = &request.place.dir;
    refuse_foreign_folder(folder)?;
    fs::create_dir_all(folder).map_err(|error| CliError::file(folder, error))?;
    let commands = Devnet::lock_commands(folder)?;
    let running = |who: String| {
        let values = vec![("path", folder.display().to_string()), ("who", who)];
        CliError::new(error::RUNNING, values)
    };
    let Some(_supervision) = Devnet::lock_supervision(folder)? else {
        return Err(running("heqi devnet up".into()));
    };
    let begin = Instant::now();
    let (devnet, reserved) = prepare(request, output)?;
    let pids: Vec<String> =
        devnet.members().iter().filter_map(Member::process).map(|pid| pid.to_string()).collect();
    if !pids.is_empty() && !request.detach {
        return Err(running(pids.join(", ")));
    }
    let interrupted = match request.detach {
        true => None,
        false => Some(signals::follow()?),
    };
    let _ = fs::remove_file(devnet.down_request());
    let mut started = match start_missing(&devnet, !request.detach) {
        Ok(started) => started,
        Err(error) => {
            process::stop_all(&devnet.members())?;
            return Err(error);
        }
    };
    step(output, "step_nodes", &[("orgs", devnet.members().len().to_string())], begin);
    let members = devnet.members();
    match ready::wait(&devnet, &members, &mut started, interrupted.as_ref()) {
        Ok(Some(height)) => {
            step(output, "step_final", &[("height", height.to_string())], begin);
            show::network(&devnet, output, request.detach)?;
        }
        Ok(None) => return supervise::stop_started(started, &devnet, output),
        Err(error) => {
            supervise::stop_started(started, &devnet, output)?;
            return Err(error);
        }
    }
    drop((commands, reserved));
    match interrupted {
        Some(interrupted) => supervise::stay(&devnet, started, &interrupted, output),
        None => Ok(()),
    }
}

/// Only an empty folder, or one of an earlier `up`, is written to.
fn refuse_foreign_folder(folder: &Path) -> Result<(), CliError> {
    if Devnet::exists(folder) {
        return Ok(());
    }
    let own = |name: &str| {
        name.starts_with('.') || name.starts_with("devnet.json") || name == "genesis.json"
    };
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries.flatten(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(CliError::file(folder, error)),
    };
    let known: Vec<String> = super::organisations::names(ORGANISATIONS_MAX)
        .map(super::organisations::short_name)
        .collect();
    let foreign = entries.find(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        !own(&name) && !known.contains(&name)
    });
    match foreign {
        Some(entry) => {
            let values = vec![("path", entry.path().display().to_string())];
            Err(CliError::new(error::EXISTS, values))
        }
        None => Ok(()),
    }
}

fn prepare(request: &UpRequest, output: Output) -> Result<(Devnet, Option<Reserved>), CliError> {
    let folder = &request.place.dir;
    let begin = Instant::now();
    if !Devnet::exists(folder) {
        let count = request.orgs.unwrap_or(ORGANISATIONS_DEFAULT);
        check_count(count, (1..=ORGANISATIONS_MAX).contains(&count), "allowed are 1 to 16")?;
        let reserved = reserve(request.port_base, ports::PORT_BASE_DEFAULT, count, output)?;
        let devnet = create::create(folder, count, reserved.base, request.fund)?;
        step(output, "step_keys", &[("orgs", count.to_string())], begin);
        step(output, "step_genesis", &[("chain_id", grouped(devnet.record.chain_id))], begin);
        return Ok((devnet, Some(reserved)));
    }
    let mut devnet = Devnet::load(folder)?;
    let count = devnet.record.organisations.len();
    if let Some(asked) = request.orgs {
        check_count(asked, asked == count, &format!("the network has {count}"))?;
    }
    let values =
        [("path", folder.display().to_string()), ("chain_id", grouped(devnet.record.chain_id))];
    step(output, "step_continue", &values, begin);
    if devnet.members().iter().any(|member| member.process().is_some()) {
        return Ok((devnet, None));
    }
    let reserved = reserve(request.port_base, devnet.record.port_base, count, output)?;
    devnet.record.port_base = reserved.base;
    create::write_configurations(&devnet)?;
    devnet.save()?;
    Ok((devnet, Some(reserved)))
}

fn check_count(asked: usize, possible: bool, cause: &str) -> Result<(), CliError> {
    let values = vec![("orgs", asked.to_string()), ("cause", cause.to_string())];
    if possible { Ok(()) } else { Err(CliError::new(error::ORGANISATIONS, values)) }
}

fn reserve(
    asked: Option<u16>,
    usual: u16,
    count: usize,
    output: Output,
) -> Result<Reserved, CliError> {
    let locks = std::env::temp_dir();
    if let Some(base) = asked {
        return ports::exactly(base, count, &locks);
    }
    let reserved = ports::next_free(usual, count, &locks)?;
    if reserved.base != usual {
        let values = [("wanted", usual.to_string()), ("base", reserved.base.to_string())];
        eprintln!("{}", output.language.text("step_ports", &values));
    }
    Ok(reserved)
}

fn start_missing(devnet: &Devnet, supervised: bool) -> Result<Vec<Started>, CliError> {
    let missing = |member: &Member| member.process().is_none();
    let members = devnet.members();
    members
        .iter()
        .filter(|member| missing(member))
        .map(|member| {
            let _ = fs::remove_file(member.start_request());
            process::start(member, supervised)
        })
        .collect()
}

fn step(output: Output, key: &str, values: &[(&str, String)], begin: Instant) {
    let seconds = begin.elapsed().as_secs_f64();
    eprintln!(" ✔ {:<52} {seconds:.1} s", output.language.text(key, values));
}

/// `7412883` as `7 412 883`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1 000"), (7_412_883, "7 412 883")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn foreign_folders_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        refuse_foreign_folder(&folder.path().join("new")).unwrap();
        fs::create_dir(folder.path().join("bank-a")).unwrap();
        fs::write(folder.path().join(".command.lock"), "").unwrap();
        refuse_foreign_folder(folder.path()).unwrap();
        fs::write(folder.path().join("thesis.doc"), "x").unwrap();
        let error = refuse_foreign_folder(folder.path()).unwrap_err();
        assert_eq!((error.code().id, error.exit()), ("CLI-0010", 2));
    }
}
