//! `heqi devnet join`: a further node for a running network. It is registered as an observer, which
//! is what makes the others accept its connections; as a validator it votes from an epoch on.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    admin::Admin,
    control, create,
    organisations::{ORGANISATIONS_MAX, names, short_name},
    ports,
    record::{Devnet, Member, OBSERVER, Organisation, VALIDATOR},
};
use crate::{
    Output,
    arguments::JoinRequest,
    error::{self, CliError},
    http::Url,
    keys,
    status::quantity,
};

/// Time for one answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// Time until the node must follow the others.
const FOLLOW_TIME_MAX: Duration = Duration::from_secs(120);
/// Time until a new validator must vote: the rest of an epoch at most, which is filled with blocks.
const VOTE_TIME_MAX: Duration = Duration::from_secs(300);
/// How often the node is asked.
const ASK_INTERVAL: Duration = Duration::from_millis(200);
/// Blocks that a node which follows may be behind.
const BEHIND_BLOCKS_MAX: u64 = 2;

/// Adds a node and waits until it follows, or votes.
pub fn join(request: &JoinRequest, output: Output) -> Result<(), CliError> {
    let folder = &request.place.dir;
    let mut devnet = Devnet::load(folder)?;
    let commands = Devnet::lock_commands(folder)?;
    let begin = Instant::now();
    let through = running_member(&devnet)?;
    let name = match &request.name {
        Some(name) => name.clone(),
        None => next_name(&devnet)?,
    };
    let member = add(&mut devnet, &name)?;
    let say = |key: &str, values: &[(&str, String)]| {
        let seconds = begin.elapsed().as_secs_f64();
        eprintln!(" ✔ {:<52} {seconds:.1} s", output.language.text(key, values));
    };
    let org = || ("org", member.name.clone());
    say("join_made", &[org(), ("path", member.folder.display().to_string())]);

    let admin = Admin::new(&devnet, &through);
    admin.admit(&member)?;
    say("join_registered", &[org()]);
    let pid = match control::running(&member) {
        Some(pid) => pid,
        None => control::start_and_wait(&devnet, &member)?,
    };
    let height = follow(&through, &member)?;
    say("join_follows", &[org(), ("height", height.to_string())]);
    if request.validator {
        admin.promote(member.key)?;
        wait_for(&member, VOTE_TIME_MAX, "vote", || {
            let state = ask(&member, "heqi_consensusState")?;
            (state["voting"] == true).then_some(())
        })?;
        devnet.set_role(&member.name, VALIDATOR);
        devnet.save()?;
        say("join_votes", &[org()]);
    }
    drop(commands);
    let member = devnet.member(&member.name)?;
    if output.json {
        println!("{}", super::show::node_json(&member, Some(pid)));
    } else {
        println!("{}", output.language.text("join_done", &[org(), ("rpc", member.rpc())]));
    }
    Ok(())
}

/// A node of the network that answers.
fn running_member(devnet: &Devnet) -> Result<Member, CliError> {
    let members = devnet.members();
    let answers = |member: &&Member| ask(member, "eth_blockNumber").is_some();
    members.iter().find(answers).cloned().ok_or_else(|| {
        let path = devnet.folder.display().to_string();
        CliError::new(error::JOIN, vec![("cause", format!("no node of {path} answers"))])
    })
}

fn next_name(devnet: &Devnet) -> Result<String, CliError> {
    let taken = |name: &&str| {
        devnet.record.organisations.iter().any(|organisation| organisation.name == **name)
    };
    let name = names(ORGANISATIONS_MAX).find(|name| !taken(name));
    name.map(str::to_string).ok_or_else(|| {
        let cause = format!("a devnet has at most {ORGANISATIONS_MAX} nodes");
        CliError::new(error::JOIN, vec![("cause", cause)])
    })
}

/// Key, folder, ports and configuration of a further node. A node of this name that is there
/// already is taken as it is, so that an interrupted command can be repeated.
fn add(devnet: &mut Devnet, name: &str) -> Result<Member, CliError> {
    let refused = |cause: String| {
        CliError::new(error::ARGUMENT, vec![("argument", format!("--name: {cause}"))])
    };
    let folder = short_name(name);
    let known = devnet.members().into_iter().find(|member| member.name == name);
    if let Some(known) = known {
        if known.role == VALIDATOR {
            return Err(refused(format!("{name} is in the network")));
        }
        return Ok(known);
    }
    let organisations = &devnet.record.organisations;
    let fits = |c: char| c.is_ascii_lowercase() || c == '-';
    if folder.is_empty() || !folder.chars().all(fits) {
        return Err(refused("Latin letters, spaces and - only".into()));
    }
    if organisations.iter().any(|organisation| organisation.folder == folder) {
        return Err(refused(format!("the folder {folder} is taken")));
    }
    let count = organisations.len();
    if count >= ORGANISATIONS_MAX {
        return Err(refused(format!("a devnet has at most {ORGANISATIONS_MAX} nodes")));
    }
    let port = super::record::rpc_port(devnet.record.port_base, count);
    let _reserved = ports::exactly(port, 1, &std::env::temp_dir())?;
    let path = devnet.folder.join(&folder);
    fs::create_dir_all(&path).map_err(|error| CliError::file(&path, error))?;
    let key_file = path.join("node-key.pem");
    let key = match key_file.exists() {
        true => node::files::load_node_key(&key_file)?.public(),
        false => keys::make(&key_file)?.public(),
    };
    devnet.record.organisations.push(Organisation {
        name: name.into(),
        folder,
        role: OBSERVER.into(),
        key,
    });
    create::write_configurations(devnet)?;
    devnet.save()?;
    devnet.member(name)
}

/// Waits until the node has what the others had a moment ago; answers its height.
fn follow(through: &Member, member: &Member) -> Result<u64, CliError> {
    wait_for(member, FOLLOW_TIME_MAX, "follow", || {
        let there = ask(through, "eth_blockNumber").as_ref().and_then(quantity)?;
        let here = ask(member, "eth_blockNumber").as_ref().and_then(quantity)?;
        (here > 0 && here.saturating_add(BEHIND_BLOCKS_MAX) >= there).then_some(here)
    })
}

fn ask(member: &Member, method: &str) -> Option<Value> {
    Url::local(member.rpc_port).call(method, &json!([]), ANSWER_TIME_MAX).ok()
}

fn wait_for<T>(
    member: &Member,
    time: Duration,
    what: &str,
    mut done: impl FnMut() -> Option<T>,
) -> Result<T, CliError> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        if let Some(answer) = done() {
            return Ok(answer);
        }
        if member.process().is_none() {
            let cause = format!("its node ended; see {}", member.log().display());
            return Err(CliError::new(error::JOIN, vec![("cause", cause)]));
        }
        sleep(ASK_INTERVAL);
    }
    let seconds = time.as_secs();
    let cause = format!(
        "{} does not {what} after {seconds} s; see {}",
        member.name,
        member.log().display()
    );
    Err(CliError::new(error::JOIN, vec![("cause", cause)]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_node_is_added_once_and_keeps_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let mut devnet = create::create(folder.path(), 2, 47_310, false).unwrap();
        assert_eq!(next_name(&devnet).unwrap(), "Court C");
        let member = add(&mut devnet, "Bank E").unwrap();
        assert_eq!((member.node.as_str(), member.role.as_str()), ("node3", OBSERVER));
        assert_eq!(member.rpc_port, 47_330);
        let again = add(&mut devnet, "Bank E").unwrap();
        assert_eq!(again, member, "an interrupted command can be repeated");
        let loaded = Devnet::load(folder.path()).unwrap();
        assert_eq!(loaded.record.organisations.len(), 3);
        let config = node::config::Config::from_file(&member.config()).unwrap();
        assert_eq!(config.p2p.peers.len(), 2);
        let first = node::config::Config::from_file(&loaded.members()[0].config()).unwrap();
        assert_eq!(first.p2p.peers.len(), 2, "the others know it from their next start on");
        for name in ["Bank A", "", "机构", "../x", "Bank 5"] {
            assert_eq!(add(&mut devnet, name).unwrap_err().code().id, "CLI-0012", "{name}");
        }
    }

    #[test]
    fn a_network_that_stands_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let devnet = create::create(folder.path(), 1, 47_510, false).unwrap();
        assert_eq!(running_member(&devnet).unwrap_err().code().id, "CLI-0017");
    }

    #[test]
    fn observers_are_no_validators_of_a_renewed_network() {
        let folder = tempfile::tempdir().unwrap();
        let mut devnet = create::create(folder.path(), 1, 47_710, false).unwrap();
        add(&mut devnet, "Bank E").unwrap();
        add(&mut devnet, "Bank F").unwrap();
        devnet.set_role("Bank F", VALIDATOR);
        create::renew(&mut devnet).unwrap();
        let genesis = node::files::load_genesis(&devnet.genesis_file()).unwrap();
        let names: Vec<_> =
            genesis.validators.iter().map(|validator| validator.organisation.as_str()).collect();
        assert_eq!(names, ["Bank A", "Bank F"]);
    }
}
