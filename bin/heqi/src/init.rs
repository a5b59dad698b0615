//! `heqi init solidity`: a Foundry and a Hardhat project ready for a network.

use std::{fs, path::Path, time::Duration};

use serde_json::json;

use crate::{
    Output,
    arguments::InitRequest,
    error::{self, CliError},
    http::Url,
    status::quantity,
};

/// Time for the node to tell its chain id.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest URL, bytes.
const URL_BYTES_MAX: usize = 500;

/// The contract and its test, which both projects have.
const COUNTER: &str = include_str!("../templates/solidity/Counter.sol");
const COUNTER_TEST: &str = include_str!("../templates/solidity/Counter.t.sol");

/// Everything else by path.
const FILES: [(&str, &str); 8] = [
    ("README.md", include_str!("../templates/solidity/README.md")),
    ("README.zh.md", include_str!("../templates/solidity/README.zh.md")),
    (".gitignore", include_str!("../templates/solidity/gitignore")),
    ("foundry/foundry.toml", include_str!("../templates/solidity/foundry/foundry.toml")),
    (
        "foundry/script/Deploy.s.sol",
        include_str!("../templates/solidity/foundry/script/Deploy.s.sol"),
    ),
    ("hardhat/package.json", include_str!("../templates/solidity/hardhat/package.json")),
    ("hardhat/hardhat.config.ts", include_str!("../templates/solidity/hardhat/hardhat.config.ts")),
    ("hardhat/scripts/deploy.ts", include_str!("../templates/solidity/hardhat/scripts/deploy.ts")),
];

/// Writes both projects into a folder that is absent or empty.
pub fn solidity(request: &InitRequest, output: Output) -> Result<(), CliError> {
    let rpc = checked(&request.rpc)?;
    let chain_id = match request.chain_id {
        Some(chain_id) => chain_id,
        None => chain_id(rpc)?,
    };
    let folder = &request.dir;
    make_empty(folder)?;
    for (path, text) in projects(rpc, chain_id) {
        write(&folder.join(path), &text)?;
    }
    let path = folder.display().to_string();
    match output.json {
        true => println!("{}", json!({"folder": path, "chain_id": chain_id, "rpc": rpc})),
        false => {
            let values = [("path", path), ("chain_id", chain_id.to_string()), ("rpc", rpc.into())];
            println!("{}", output.language.text("init_solidity_done", &values));
        }
    }
    Ok(())
}

/// A URL that can stand between quotes in every file; without the slash at its end.
fn checked(url: &str) -> Result<&str, CliError> {
    let plain = url.trim_end_matches('/');
    let rest = plain.strip_prefix("http://").or_else(|| plain.strip_prefix("https://"));
    let known = |c: char| c.is_ascii_alphanumeric() || "-._:/[]".contains(c);
    match rest {
        Some(rest)
            if !rest.is_empty() && plain.len() <= URL_BYTES_MAX && rest.chars().all(known) =>
        {
            Ok(plain)
        }
        _ => Err(CliError::new(error::ARGUMENT, vec![("argument", format!("{url:.200}"))])),
    }
}

fn chain_id(rpc: &str) -> Result<u64, CliError> {
    let answer = Url::parse(rpc)?.call("eth_chainId", &json!([]), ANSWER_TIME_MAX)?;
    quantity(&answer).ok_or_else(|| {
        let values = vec![("url", rpc.to_owned()), ("cause", answer.to_string())];
        CliError::new(error::ANSWER, values)
    })
}

/// All files with their text.
fn projects(rpc: &str, chain_id: u64) -> Vec<(&'static str, String)> {
    let filled =
        |text: &str| text.replace("@RPC@", rpc).replace("@CHAIN_ID@", &chain_id.to_string());
    let test = |counter: &str, command: &str| {
        COUNTER_TEST.replace("@COUNTER@", counter).replace("@TEST@", command)
    };
    let mut files: Vec<_> = FILES.iter().map(|(path, text)| (*path, filled(text))).collect();
    files.extend([
        ("foundry/src/Counter.sol", COUNTER.to_owned()),
        ("foundry/test/Counter.t.sol", test("../src/Counter.sol", "forge test")),
        ("hardhat/contracts/Counter.sol", COUNTER.to_owned()),
        ("hardhat/contracts/Counter.t.sol", test("./Counter.sol", "npx hardhat test solidity")),
    ]);
    files
}

fn make_empty(folder: &Path) -> Result<(), CliError> {
    fs::create_dir_all(folder).map_err(|error| CliError::file(folder, error))?;
    let mut found = fs::read_dir(folder).map_err(|error| CliError::file(folder, error))?;
    match found.next() {
        None => Ok(()),
        Some(_) => Err(CliError::new(error::EXISTS, vec![("path", folder.display().to_string())])),
    }
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| CliError::file(folder, error))?;
    }
    fs::write(path, text).map_err(|error| CliError::file(path, error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::language::Language;

    const OUTPUT: Output = Output { language: Language::En, json: false };

    fn request(dir: &Path, rpc: &str, chain_id: Option<u64>) -> InitRequest {
        InitRequest { dir: dir.into(), rpc: rpc.into(), chain_id }
    }

    #[test]
    fn both_projects_name_the_network_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("projects");
        let request = request(&dir, "https://node.example:8545/", Some(4_242));
        solidity(&request, OUTPUT).unwrap();
        let read = |path: &str| fs::read_to_string(dir.join(path)).unwrap();
        assert!(read("foundry/foundry.toml").contains("heqi = \"https://node.example:8545\""));
        let config = read("hardhat/hardhat.config.ts");
        assert!(config.contains("chainId: 4242,") && config.contains("8545/api\""), "{config}");
        assert_eq!(read("foundry/src/Counter.sol"), read("hardhat/contracts/Counter.sol"));
        for (path, text) in projects("https://node.example:8545", 4_242) {
            assert_eq!(read(path), text);
            let open = ["@RPC@", "@CHAIN_ID@", "@COUNTER@", "@TEST@"];
            assert!(!open.iter().any(|place| text.contains(place)), "{path}");
        }
        let again = solidity(&request, OUTPUT).unwrap_err();
        assert_eq!(again.code().id, "CLI-0010");
    }

    #[test]
    fn both_readmes_have_the_same_commands() {
        let commands = |path: &str| {
            let files = projects("http://127.0.0.1:8545", 1);
            let (_, text) = files.into_iter().find(|(found, _)| *found == path).unwrap();
            let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(commands("README.md"), commands("README.zh.md"));
        assert!(commands("README.md").len() > 12);
    }

    #[test]
    fn odd_urls_are_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("projects");
        for url in
            ["", "ftp://x", "http://", "http://x\"; import(\"y", "http://x\n", "javascript:1"]
        {
            let error = solidity(&request(&dir, url, Some(1)), OUTPUT).unwrap_err();
            assert_eq!(error.code().id, "CLI-0012", "{url}");
        }
        // Nobody listens on port 1, so that nobody tells the chain id.
        let error = solidity(&request(&dir, "http://127.0.0.1:1", None), OUTPUT).unwrap_err();
        assert_eq!(error.code().id, "CLI-0008");
        assert!(!dir.exists());
    }
}
