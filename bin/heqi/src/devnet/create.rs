//! Makes the files of a network.

use std::{collections::BTreeMap, fs, path::Path};

use node::config::{
    Config, LogConfig, LogFormat, P2pConfig, Peer, PeerAddress, RpcConfig, RuntimeConfig,
};
use types::{AllocatedAccount, Genesis, GenesisValidator, Parameters, Profile};

use super::{
    accounts::{account, accounts, funded_balance},
    organisations::{names, short_name},
    record::{Devnet, Organisation, VALIDATOR},
};
use crate::{error::CliError, genesis, keys};

/// Chain ids of devnets: away from those that tools know (1337, 31337), and within 31 bits.
const CHAIN_IDS: std::ops::Range<u64> = 1_000_000..2_000_000_000;

/// Keys, genesis, record and configuration of a new network.
pub fn create(folder: &Path, count: usize, base: u16, funded: bool) -> Result<Devnet, CliError> {
    let mut organisations = Vec::new();
    for name in names(count) {
        let path = folder.join(short_name(name));
        fs::create_dir_all(&path).map_err(|error| CliError::file(&path, error))?;
        let key_file = path.join("node-key.pem");
        // Left over where an earlier attempt was interrupted.
        let key = match key_file.exists() {
            true => node::files::load_node_key(&key_file)?.public(),
            false => keys::make(&key_file)?.public(),
        };
        organisations.push(Organisation {
            name: name.into(),
            folder: short_name(name),
            role: VALIDATOR.into(),
            key,
        });
    }
    let mut devnet = Devnet::new(folder, new_chain_id()?, base, funded, organisations);
    write_genesis(&mut devnet)?;
    write_configurations(&devnet)?;
    devnet.save()?;
    Ok(devnet)
}

/// A new chain for the same organisations.
pub fn renew(devnet: &mut Devnet) -> Result<(), CliError> {
    for member in devnet.members() {
        let data = member.data();
        if data.exists() {
            fs::remove_dir_all(&data).map_err(|error| CliError::file(&data, error))?;
        }
    }
    let old = devnet.record.chain_id;
    while devnet.record.chain_id == old {
        devnet.record.chain_id = new_chain_id()?;
    }
    write_genesis(devnet)?;
    write_configurations(devnet)?;
    devnet.save()
}

fn new_chain_id() -> Result<u64, CliError> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| CliError::file(Path::new("/dev/urandom"), error))?;
    let width = CHAIN_IDS.end - CHAIN_IDS.start;
    Ok(CHAIN_IDS.start + u64::from_le_bytes(bytes) % width)
}

fn write_genesis(devnet: &mut Devnet) -> Result<(), CliError> {
    let path = devnet.genesis_file();
    let record = &devnet.record;
    let names = || record.organisations.iter().map(|organisation| organisation.name.as_str());
    let allocation = match record.funded {
        true => accounts(names())
            .into_iter()
            .map(|account| {
                let funded =
                    AllocatedAccount { balance: funded_balance(), ..AllocatedAccount::default() };
                (account.address, funded)
            })
            .collect(),
        false => BTreeMap::new(),
    };
    let genesis = Genesis {
        format: 1,
        chain_id: record.chain_id,
        ledger_id: 0,
        profile: Profile::Dev,
        time_ms: genesis::now_ms(),
        // Room for every organisation that a devnet may have; the network reserves memory by it.
        parameters: Parameters { peers_max: 32, ..Parameters::default() },
        validators: record
            .organisations
            .iter()
            .filter(|organisation| organisation.role == VALIDATOR)
            .map(|organisation| GenesisValidator {
                organisation: organisation.name.clone(),
                key: organisation.key,
            })
            .collect(),
        observers: Vec::new(),
        validator_admin: account("", 0, 0).address,
        predeploys: true,
        allocation,
    };
    let hash = genesis::checked_hash(&genesis, &path)?;
    if path.exists() {
        fs::remove_file(&path).map_err(|error| CliError::file(&path, error))?;
    }
    genesis::write(&genesis, &path)?;
    devnet.record.genesis_hash = hash;
    Ok(())
}

/// One configuration file per node, from the record.
pub fn write_configurations(devnet: &Devnet) -> Result<(), CliError> {
    let members = devnet.members();
    let local = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
    for member in &members {
        let peers = members
            .iter()
            .filter(|peer| peer.key != member.key)
            .map(|peer| Peer {
                organisation: peer.name.clone(),
                key: peer.key,
                address: PeerAddress::Socket(local(peer.p2p_port)),
            })
            .collect();
        let config = Config {
            organisation: member.name.clone(),
            genesis_file: "../genesis.json".into(),
            p2p: P2pConfig { listen: local(member.p2p_port), peers },
            // Browser tools (Remix, local pages) must reach a development network.
            rpc: RpcConfig {
                listen: local(member.rpc_port),
                cors_origins: vec!["*".into()],
                ..RpcConfig::default()
            },
            // All nodes share the processors of one machine.
            runtime: RuntimeConfig {
                consensus_threads: 2,
                rpc_threads: 2,
                worker_threads: 2,
                ..RuntimeConfig::default()
            },
            log: LogConfig { format: LogFormat::Json, ..LogConfig::default() },
            ..Config::default()
        };
        let path = member.config();
        let text = toml::to_string_pretty(&config).map_err(|error| CliError::file(&path, error))?;
        fs::write(&path, text).map_err(|error| CliError::file(&path, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_new_network_is_complete_and_its_files_are_valid() {
        let folder = tempfile::tempdir().unwrap();
        let devnet = create(folder.path(), 4, 9545, true).unwrap();
        assert_eq!(Devnet::load(folder.path()).unwrap(), devnet);
        assert!(CHAIN_IDS.contains(&devnet.record.chain_id));
        let genesis = node::files::load_genesis(&devnet.genesis_file()).unwrap();
        assert_eq!(node::files::genesis_hash(&genesis).unwrap(), devnet.record.genesis_hash);
        assert_eq!(genesis.validator_admin, accounts(["Bank A"])[0].address);
        assert_eq!(genesis.allocation.len(), 12);
        for (index, member) in devnet.members().iter().enumerate() {
            let config = Config::from_file(&member.config()).unwrap();
            assert_eq!(config.p2p.peers.len(), 3);
            assert_eq!(usize::from(config.rpc.listen.port()), 9545 + 10 * index);
            assert_eq!(config.data_dir, member.data());
            let key = node::files::load_node_key(&config.node_key_file).unwrap();
            assert_eq!(key.public(), member.key);
            assert!(config.genesis_file.exists());
        }
    }

    #[test]
    fn a_renewed_network_keeps_keys_and_changes_its_chain() {
        let folder = tempfile::tempdir().unwrap();
        let before = create(folder.path(), 1, 9545, false).unwrap();
        let data = before.members()[0].data();
        fs::create_dir_all(data.join("ledgers")).unwrap();
        let mut after = before.clone();
        renew(&mut after).unwrap();
        assert!(!data.exists());
        assert_ne!(after.record.chain_id, before.record.chain_id);
        assert_ne!(after.record.genesis_hash, before.record.genesis_hash);
        assert_eq!(after.record.organisations, before.record.organisations);
        assert_eq!(Devnet::load(folder.path()).unwrap(), after);
        let genesis = node::files::load_genesis(&after.genesis_file()).unwrap();
        assert!(genesis.allocation.is_empty());
    }
}
