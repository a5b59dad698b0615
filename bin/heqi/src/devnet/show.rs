//! What a network looks like: for people, and as JSON.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use serde_json::{Value, json};

use super::{
    accounts::{self as development, Account},
    ready::{Answer, ask},
    record::{Devnet, Member},
};
use crate::{Output, error::CliError, language::Language};

/// End of each log that is shown at most, bytes.
const LOG_BYTES_MAX: u64 = 1024 * 1024;

/// A node as scripts see it.
pub fn node_json(member: &Member, pid: Option<u32>) -> Value {
    json!({
        "org": member.name,
        "role": member.role,
        "rpc": member.rpc(),
        "pid": pid,
        "data": absolute(&member.data()),
    })
}

fn absolute(path: &std::path::Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}

fn network_json(devnet: &Devnet) -> Value {
    let nodes: Vec<Value> =
        devnet.members().iter().map(|member| node_json(member, member.process())).collect();
    json!({
        "chain_id": devnet.record.chain_id,
        "nodes": nodes,
        "accounts": account_list(devnet),
    })
}

fn account_list(devnet: &Devnet) -> Vec<Account> {
    let names = devnet.record.organisations.iter().map(|organisation| organisation.name.as_str());
    development::accounts(names)
}

/// What `heqi devnet up` prints once the network works.
pub fn network(devnet: &Devnet, output: Output, detached: bool) -> Result<(), CliError> {
    if output.json {
        print_line(&network_json(devnet).to_string());
        return Ok(());
    }
    let language = output.language;
    let path = [("path", devnet.folder.display().to_string())];
    let stop = if detached { "hint_stop" } else { "hint_ctrl_c" };
    let rows: Vec<(Member, Option<u32>, Answer)> = looked_at(devnet);
    print_line(&format!("\n{}", table(&rows, language)));
    for key in ["hint_keys", "hint_env", stop, "hint_warning"] {
        print_line(&format!("   {}", language.text(key, &path)));
    }
    Ok(())
}

/// `heqi devnet status`.
pub fn status(devnet: &Devnet, output: Output) -> Result<(), CliError> {
    let rows = looked_at(devnet);
    if !output.json {
        print_line(&table(&rows, output.language));
        return Ok(());
    }
    let nodes: Vec<Value> = rows
        .iter()
        .map(|(member, pid, answer)| {
            let mut node = node_json(member, *pid);
            node["height"] = json!(answer.height);
            node["peers"] = json!(answer.peers);
            node
        })
        .collect();
    print_line(&json!({"chain_id": devnet.record.chain_id, "nodes": nodes}).to_string());
    Ok(())
}

fn looked_at(devnet: &Devnet) -> Vec<(Member, Option<u32>, Answer)> {
    let members = devnet.members().into_iter();
    members
        .map(|member| {
            let pid = member.process();
            let answer = if pid.is_some() { ask(&member) } else { Answer::default() };
            (member, pid, answer)
        })
        .collect()
}

fn table(rows: &[(Member, Option<u32>, Answer)], language: Language) -> String {
    let word = |key: &str| language.text(key, &[]);
    let mut lines = vec![
        ["head_org", "head_node", "head_rpc", "head_block", "head_peers", "head_pid"]
            .map(word)
            .to_vec(),
    ];
    for (member, pid, answer) in rows {
        let number = |value: Option<u64>| value.map_or("-".into(), |value| value.to_string());
        let state = match (pid, answer.height) {
            (None, _) => word("stopped"),
            (Some(_), None) => word("starting"),
            (Some(_), height) => number(height),
        };
        lines.push(vec![
            member.name.clone(),
            member.node.clone(),
            member.rpc(),
            state,
            number(answer.peers),
            pid.map_or("-".into(), |pid| pid.to_string()),
        ]);
    }
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| width(&line[column])).max().unwrap_or(0))
        .collect();
    let text = lines.iter().map(|line| {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, wide)| format!("{cell}{}", " ".repeat(wide.saturating_sub(width(cell)))));
        format!("   {}", cells.collect::<Vec<_>>().join("   ")).trim_end().to_string()
    });
    format!("{}\n", text.collect::<Vec<_>>().join("\n"))
}

/// Columns on a terminal: Chinese characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if ('\u{2e80}'..='\u{ffef}').contains(&c) { 2 } else { 1 }).sum()
}

/// `heqi devnet accounts`.
pub fn accounts(devnet: &Devnet, output: Output) -> Result<(), CliError> {
    let list = account_list(devnet);
    if output.json {
        print_line(&json!(list).to_string());
        return Ok(());
    }
    eprintln!("{}", output.language.text("accounts_warning", &[]));
    for account in list {
        print_line(&format!("{:<14} {}  {}", account.org, account.address, account.private_key));
    }
    Ok(())
}

/// `heqi devnet env`.
pub fn env(devnet: &Devnet, output: Output) -> Result<(), CliError> {
    let members = devnet.members();
    let list = account_list(devnet);
    let (Some(member), Some(account)) = (members.first(), list.first()) else { return Ok(()) };
    let values = [
        ("ETH_RPC_URL", member.rpc()),
        ("CHAIN_ID", devnet.record.chain_id.to_string()),
        ("PRIVATE_KEY", account.private_key.to_string()),
    ];
    if output.json {
        let values: serde_json::Map<String, Value> =
            values.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        print_line(&Value::Object(values).to_string());
        return Ok(());
    }
    for (name, value) in values {
        print_line(&format!("export {name}={value}"));
    }
    Ok(())
}

/// `heqi devnet logs`.
pub fn logs(devnet: &Devnet, org: Option<&str>, lines: usize) -> Result<(), CliError> {
    let members = match org {
        Some(org) => vec![devnet.member(org)?],
        None => devnet.members(),
    };
    for member in members {
        let text = tail(&member.log(), lines)?;
        print_line(&format!("==> {} ({}) <==\n{text}", member.name, member.node));
    }
    Ok(())
}

fn tail(path: &std::path::Path, lines: usize) -> Result<String, CliError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(CliError::file(path, error)),
    };
    let mut bytes = Vec::new();
    let mut read = |file: &mut File| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_MAX)))?;
        file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)
    };
    read(&mut file).map_err(|error| CliError::file(path, error))?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}

/// Data goes out at once, also into a pipe; a reader that is gone is no error of ours.
fn print_line(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::devnet::create;

    #[test]
    fn scripts_see_what_the_contract_says() {
        let folder = tempfile::tempdir().unwrap();
        let devnet = create::create(folder.path(), 2, 9545, false).unwrap();
        let seen = network_json(&devnet);
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&seen), ["accounts", "chain_id", "nodes"]);
        assert_eq!(keys(&seen["nodes"][0]), ["data", "org", "pid", "role", "rpc"]);
        assert_eq!(keys(&seen["accounts"][0]), ["address", "org", "private_key"]);
        assert_eq!(seen["chain_id"], devnet.record.chain_id);
        assert_eq!(seen["nodes"][1]["rpc"], "http://127.0.0.1:9555");
        assert_eq!(seen["nodes"][1]["org"], "Supplier B");
        assert_eq!(seen["nodes"][1]["role"], "validator");
        let key = seen["accounts"][0]["private_key"].as_str().unwrap();
        assert_eq!((key.len(), &key[..2]), (66, "0x"));
    }

    #[test]
    fn tables_line_up_in_both_languages() {
        let folder = tempfile::tempdir().unwrap();
        let devnet = create::create(folder.path(), 4, 9545, false).unwrap();
        let rows = looked_at(&devnet);
        for (language, word) in [(Language::En, "stopped"), (Language::Zh, "已停止")] {
            let table = table(&rows, language);
            let columns: Vec<usize> =
                table.lines().skip(1).map(|line| width(line.split(word).next().unwrap())).collect();
            assert_eq!(columns.len(), 4);
            assert!(columns.iter().all(|column| *column == columns[0]), "{table}");
        }
    }

    #[test]
    fn logs_show_their_end() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        assert_eq!(tail(&log, 2).unwrap(), "");
        std::fs::write(&log, "a\nb\nc\n").unwrap();
        assert_eq!(tail(&log, 2).unwrap(), "b\nc");
        assert_eq!(tail(&log, 9).unwrap(), "a\nb\nc");
        assert_eq!(tail(&log, 0).unwrap(), "");
    }
}
