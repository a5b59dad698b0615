//! `heqi genesis`: genesis files.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{ErrorKind, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use alloy_primitives::{Address, U256};
use serde_json::json;
use types::{
    AllocatedAccount, Genesis, GenesisObserver, GenesisValidator, Parameters, Profile, ValidatorKey,
};

use crate::{
    Output,
    arguments::GenesisRequest,
    error::{self, CliError},
};

/// Writes a genesis file and prints its hash.
pub fn new(request: &GenesisRequest, output: Output) -> Result<(), CliError> {
    let genesis = build(request, now_ms())?;
    let hash = checked_hash(&genesis, &request.out)?;
    write(&genesis, &request.out)?;
    match output.json {
        true => println!("{}", json!({"file": request.out, "genesis_hash": hash})),
        false => println!("{hash}"),
    }
    Ok(())
}

/// Prints the hash.
pub fn hash(path: &Path, output: Output) -> Result<(), CliError> {
    let hash = checked_hash(&node::files::load_genesis(path)?, path)?;
    match output.json {
        true => println!("{}", json!({"genesis_hash": hash})),
        false => println!("{hash}"),
    }
    Ok(())
}

/// Prints what the file says.
pub fn check(path: &Path, output: Output) -> Result<(), CliError> {
    let genesis = node::files::load_genesis(path)?;
    let hash = checked_hash(&genesis, path)?;
    node::files::check_activations(&genesis)?;
    let summary = json!({
        "genesis_hash": hash,
        "chain_id": genesis.chain_id,
        "profile": genesis.profile,
        "validators": genesis.validators,
        "observers": genesis.observers,
        "validator_admin": genesis.validator_admin,
        "predeploys": genesis.predeploys,
        "allocated_accounts": genesis.allocation.len(),
        "parameters": genesis.parameters,
    });
    if output.json {
        println!("{summary}");
        return Ok(());
    }
    let text = |key: &str, value: String| {
        println!("{}", output.language.text(key, &[("value", value)]));
    };
    text("genesis_hash", hash.to_string());
    text("genesis_chain_id", genesis.chain_id.to_string());
    text("genesis_time", genesis.time_ms.to_string());
    for validator in &genesis.validators {
        text("genesis_validator", format!("{} {}", validator.key, validator.organisation));
    }
    for observer in &genesis.observers {
        let GenesisObserver { organisation, key, address } = observer;
        text("genesis_observer", format!("{key} {organisation} {address}"));
    }
    text("genesis_admin", genesis.validator_admin.to_string());
    text("genesis_accounts", genesis.allocation.len().to_string());
    Ok(())
}

/// Hash of block 0 of a genesis that came from `path`, which is one that a network can start from.
pub fn checked_hash(genesis: &Genesis, path: &Path) -> Result<alloy_primitives::B256, CliError> {
    genesis.check().map_err(|error| CliError::file(path, error))?;
    execution::check_genesis(genesis).map_err(|error| CliError::file(path, error))?;
    node::files::genesis_hash(genesis).map_err(|error| CliError::file(path, error))
}

/// Writes a file that must not exist and makes it durable.
pub fn write(genesis: &Genesis, path: &Path) -> Result<(), CliError> {
    let text =
        serde_json::to_string_pretty(genesis).map_err(|error| CliError::file(path, error))?;
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let values = vec![("path", path.display().to_string())];
            return Err(CliError::new(error::EXISTS, values));
        }
        Err(error) => return Err(CliError::file(path, error)),
    };
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| CliError::file(path, error))
}

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn build(request: &GenesisRequest, time_ms: u64) -> Result<Genesis, CliError> {
    let profile = match request.profile.as_str() {
        "dev" => Profile::Dev,
        "prod" => Profile::Prod,
        "conformance" => Profile::Conformance,
        other => return Err(wrong(other)),
    };
    Ok(Genesis {
        format: 1,
        chain_id: request.chain_id,
        ledger_id: 0,
        profile,
        time_ms,
        parameters: Parameters::default(),
        validators: request
            .validators
            .iter()
            .map(|text| validator(text))
            .collect::<Result<_, _>>()?,
        observers: request.observers.iter().map(|text| observer(text)).collect::<Result<_, _>>()?,
        validator_admin: request.validator_admin,
        predeploys: true,
        allocation: request
            .allocation
            .iter()
            .map(|text| allocated(text))
            .collect::<Result<BTreeMap<_, _>, _>>()?,
    })
}

fn validator(text: &str) -> Result<GenesisValidator, CliError> {
    let (organisation, key) = named_key(text).ok_or_else(|| wrong(text))?;
    Ok(GenesisValidator { organisation, key })
}

fn observer(text: &str) -> Result<GenesisObserver, CliError> {
    let (named, address) = text.rsplit_once('@').ok_or_else(|| wrong(text))?;
    let (organisation, key) = named_key(named).ok_or_else(|| wrong(text))?;
    let address = address.parse().map_err(|_| wrong(text))?;
    Ok(GenesisObserver { organisation, key, address })
}

/// `NAME=PUBLIC_KEY`.
fn named_key(text: &str) -> Option<(String, ValidatorKey)> {
    let (name, key) = text.rsplit_once('=')?;
    let key = alloy_primitives::hex::decode(key).ok()?;
    let name = name.trim();
    (!name.is_empty()).then_some((name.to_string(), ValidatorKey(key.try_into().ok()?)))
}

fn allocated(text: &str) -> Result<(Address, AllocatedAccount), CliError> {
    let (address, balance) = text.split_once('=').ok_or_else(|| wrong(text))?;
    let address = address.parse().map_err(|_| wrong(text))?;
    let balance: U256 = balance.parse().map_err(|_| wrong(text))?;
    Ok((address, AllocatedAccount { balance, ..AllocatedAccount::default() }))
}

fn wrong(text: &str) -> CliError {
    CliError::new(error::ARGUMENT, vec![("argument", format!("{text:.200}"))])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// RFC 8032, section 7.1, tests 1 and 2.
    const FIRST_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    const SECOND_KEY: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

    fn request(folder: &Path) -> GenesisRequest {
        GenesisRequest {
            out: folder.join("genesis.json"),
            chain_id: 7_412_883,
            validators: vec![format!("Bank A=0x{FIRST_KEY}"), format!("B={SECOND_KEY}")],
            observers: Vec::new(),
            validator_admin: Address::repeat_byte(3),
            allocation: vec![format!("{}=1000", Address::repeat_byte(4))],
            profile: "prod".into(),
        }
    }

    #[test]
    fn a_feature_that_nobody_knows_is_found_before_the_network_starts() {
        let folder = tempfile::tempdir().unwrap();
        let request = request(folder.path());
        let output = Output { language: crate::language::Language::En, json: true };
        let mut genesis = build(&request, 5).unwrap();
        genesis.parameters.activations.insert("osaka".into(), 1_000);
        write(&genesis, &request.out).unwrap();
        check(&request.out, output).unwrap();
        std::fs::remove_file(&request.out).unwrap();
        genesis.parameters.activations.insert("osakka".into(), 1_000);
        write(&genesis, &request.out).unwrap();
        let error = check(&request.out, output).unwrap_err();
        assert_eq!(error.code().id, "NOD-0028");
        assert!(error.cause().contains("`osakka` holds from block 1000 on"), "{}", error.cause());
    }

    #[test]
    fn what_is_written_is_read_with_the_same_hash() {
        let folder = tempfile::tempdir().unwrap();
        let request = request(folder.path());
        let genesis = build(&request, 5).unwrap();
        write(&genesis, &request.out).unwrap();
        let read = node::files::load_genesis(&request.out).unwrap();
        assert_eq!(read, genesis);
        let hash = |genesis| checked_hash(genesis, &request.out).unwrap();
        assert_eq!(hash(&read), hash(&genesis));
        assert_ne!(hash(&read), hash(&build(&request, 6).unwrap()));
        assert_eq!(write(&genesis, &request.out).unwrap_err().code().id, "CLI-0010");
    }

    #[test]
    fn observers_are_part_of_the_hash_and_of_the_file_only_where_there_are_some() {
        let folder = tempfile::tempdir().unwrap();
        let without = request(folder.path());
        let observer = format!("Court C=0x{SECOND_KEY}@10.1.2.3:30303");
        let observers = vec![observer, format!("D={FIRST_KEY}@[2001:db8::1]:7")];
        let with = GenesisRequest { observers, ..without.clone() };
        let (plain, observed) = (build(&without, 5).unwrap(), build(&with, 5).unwrap());
        let hash = |genesis| checked_hash(genesis, &with.out).unwrap();
        assert_ne!(hash(&plain), hash(&observed));
        assert!(!serde_json::to_string(&plain).unwrap().contains("observers"));
        write(&observed, &with.out).unwrap();
        let read = node::files::load_genesis(&with.out).unwrap();
        assert_eq!((&read, hash(&read)), (&observed, hash(&observed)));
        assert_eq!(read.observers[0].address, "10.1.2.3:30303".parse().unwrap());
        for bad in [
            "",
            "C",
            &format!("C={SECOND_KEY}"),
            &format!("={SECOND_KEY}@1.2.3.4:5"),
            &format!("C={SECOND_KEY}@host:5"),
            &format!("C={SECOND_KEY}@1.2.3.4"),
            "C=00@1.2.3.4:5",
        ] {
            let request = GenesisRequest { observers: vec![bad.into()], ..without.clone() };
            assert_eq!(build(&request, 5).unwrap_err().code().id, "CLI-0012", "{bad}");
        }
        for refused in [
            vec![format!("C={SECOND_KEY}@0.0.0.0:5")],
            vec![format!("C={SECOND_KEY}@1.2.3.4:0")],
            vec![format!("C={SECOND_KEY}@1.2.3.4:5"), format!("D={SECOND_KEY}@1.2.3.4:6")],
            vec![format!("{}={SECOND_KEY}@1.2.3.4:5", "n".repeat(65))],
            vec![format!("C=01{}@1.2.3.4:5", "00".repeat(31))],
        ] {
            let request = GenesisRequest { observers: refused.clone(), ..without.clone() };
            let genesis = build(&request, 5).unwrap();
            assert!(checked_hash(&genesis, Path::new("g")).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let good = request(folder.path());
        let key = FIRST_KEY;
        for bad in ["", "A", "=", &format!("={key}"), "A=0x12", "A=zz"] {
            let request = GenesisRequest { validators: vec![bad.into()], ..good.clone() };
            assert_eq!(build(&request, 5).unwrap_err().code().id, "CLI-0012", "{bad}");
        }
        let request = GenesisRequest { allocation: vec!["0x12=1".into()], ..good.clone() };
        assert!(build(&request, 5).is_err());
        let small_order = format!("B=01{}", "00".repeat(31));
        let unusable =
            GenesisRequest { validators: vec![format!("A={key}"), small_order], ..good.clone() };
        let error = checked_hash(&build(&unusable, 5).unwrap(), Path::new("g")).unwrap_err();
        let report = error.report(crate::language::Language::En);
        assert!(report.contains("organisation B") && report.contains("canonical"), "{report}");
        let twice =
            GenesisRequest { validators: vec![format!("A={key}"), format!("B={key}")], ..good };
        let error = checked_hash(&build(&twice, 5).unwrap(), Path::new("g")).unwrap_err();
        assert!(error.report(crate::language::Language::En).contains("twice"));
    }
}
