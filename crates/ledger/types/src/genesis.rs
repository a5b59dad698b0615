//! The genesis file: what every node of a network must hold byte for byte in effect.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::RlpEncodable;
use serde::{Deserialize, Serialize};

use crate::{
    Block, ChainId, Extension, LedgerId, Parameters, StateCommitment, ValidatorKey, ValidatorSet,
    ValidatorSetError,
    header::blank_header,
    limits::{ALLOCATION_ACCOUNTS_MAX, CHAIN_ID_MAX, OBSERVERS_MAX},
};

/// What the network is for; production refuses development keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Public test keys, loopback access without identity.
    Dev,
    /// Real data.
    Prod,
    /// Outside test suites.
    Conformance,
}

/// A validator of epoch 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisValidator {
    /// Name of its organisation.
    pub organisation: String,
    /// Its Ed25519 key.
    pub key: ValidatorKey,
}

/// An observer that block 1 registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisObserver {
    /// Its name.
    pub organisation: String,
    /// Its Ed25519 key.
    pub key: ValidatorKey,
    /// Where its connections come from and where it listens.
    pub address: SocketAddr,
}

/// An account that exists from block 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AllocatedAccount {
    /// Wei.
    pub balance: U256,
    /// Nonce.
    pub nonce: u64,
    /// Runtime code.
    pub code: Bytes,
    /// Storage.
    pub storage: BTreeMap<U256, U256>,
}

/// The genesis file (`genesis.json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// Version of this file's format: 1.
    pub format: u32,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// Ledger, 0 is the main one.
    #[serde(default)]
    pub ledger_id: LedgerId,
    /// What the network is for.
    pub profile: Profile,
    /// Time of block 0, milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Numbers that the rules depend on.
    #[serde(default)]
    pub parameters: Parameters,
    /// Validators of epoch 0.
    pub validators: Vec<GenesisValidator>,
    /// Observers from block 1 on. A file without any has the hash that it had before there was
    /// this list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observers: Vec<GenesisObserver>,
    /// Account that may set the next validator set until governance exists.
    pub validator_admin: Address,
    /// Whether block 1 deploys the contracts that Ethereum tools expect (CREATE2 deployer,
    /// Multicall3, CreateX, Safe singleton factory, EntryPoint).
    #[serde(default = "yes")]
    pub predeploys: bool,
    /// Accounts created in block 1.
    #[serde(default)]
    pub allocation: BTreeMap<Address, AllocatedAccount>,
}

fn yes() -> bool {
    true
}

impl GenesisObserver {
    /// Name, key, IP address (IPv4 mapped into IPv6) and port, as commitment and contract have them.
    pub fn parts(&self) -> (String, [u8; 32], [u8; 16], u16) {
        let ip = match self.address.ip() {
            std::net::IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            std::net::IpAddr::V6(ip) => ip,
        };
        (self.organisation.clone(), self.key.0, ip.octets(), self.address.port())
    }
}

/// Why a genesis file cannot start a ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not JSON of the expected shape.
    #[error("genesis file: {0}")]
    Json(String),
    /// Written for another release.
    #[error("genesis file has format {0}, this release reads format 1")]
    Format(u32),
    /// Outside of what clients can handle.
    #[error("chain id {0} is not between 1 and {CHAIN_ID_MAX}")]
    ChainId(ChainId),
    /// A parameter is out of range.
    #[error("genesis file: {0}")]
    Parameters(String),
    /// The validators are no set.
    #[error("genesis file: validators: {0}")]
    Validators(#[from] ValidatorSetError),
    /// The observers cannot be registered.
    #[error("genesis file: observers: {0}")]
    Observers(String),
    /// Too many accounts.
    #[error("genesis file: {0} allocated accounts exceed the limit of {ALLOCATION_ACCOUNTS_MAX}")]
    Allocation(usize),
}

impl Genesis {
    /// Reads and checks the file's text.
    pub fn from_json(text: &str) -> Result<Self, GenesisError> {
        let genesis: Self =
            serde_json::from_str(text).map_err(|error| GenesisError::Json(error.to_string()))?;
        genesis.check()?;
        Ok(genesis)
    }

    /// Checks every bound.
    pub fn check(&self) -> Result<(), GenesisError> {
        if self.format != 1 {
            return Err(GenesisError::Format(self.format));
        }
        if self.chain_id == 0 || self.chain_id > CHAIN_ID_MAX {
            return Err(GenesisError::ChainId(self.chain_id));
        }
        self.parameters.check().map_err(GenesisError::Parameters)?;
        self.validator_set()?;
        self.check_observers().map_err(GenesisError::Observers)?;
        if self.allocation.len() > ALLOCATION_ACCOUNTS_MAX {
            return Err(GenesisError::Allocation(self.allocation.len()));
        }
        Ok(())
    }

    fn check_observers(&self) -> Result<(), String> {
        if self.observers.len() > OBSERVERS_MAX {
            return Err(format!("{} exceed the limit of {OBSERVERS_MAX}", self.observers.len()));
        }
        let mut keys = BTreeSet::new();
        for observer in &self.observers {
            let GenesisObserver { organisation, key, address } = observer;
            if !keys.insert(key) {
                return Err(format!("{organisation} has the key of another one"));
            }
            if address.ip().is_unspecified() || address.port() == 0 {
                return Err(format!("{organisation}: {address} is no address of a node"));
            }
        }
        Ok(())
    }

    /// The validators of epoch 0.
    pub fn validator_set(&self) -> Result<ValidatorSet, ValidatorSetError> {
        ValidatorSet::new(self.validators.iter().map(|validator| validator.key).collect())
    }

    /// Hash of the allocation: `keccak256(rlp([[address, nonce, balance, keccak256(code), [[slot,
    /// value], …]], …]))`, addresses and slots ascending.
    pub fn allocation_hash(&self) -> B256 {
        #[derive(RlpEncodable)]
        struct Entry {
            address: Address,
            nonce: u64,
            balance: U256,
            code_hash: B256,
            storage: Vec<SlotValue>,
        }
        #[derive(RlpEncodable)]
        struct SlotValue {
            slot: U256,
            value: U256,
        }
        let entries: Vec<Entry> = self
            .allocation
            .iter()
            .map(|(address, account)| Entry {
                address: *address,
                nonce: account.nonce,
                balance: account.balance,
                code_hash: keccak256(&account.code),
                storage: account
                    .storage
                    .iter()
                    .map(|(slot, value)| SlotValue { slot: *slot, value: *value })
                    .collect(),
            })
            .collect();
        keccak256(alloy_rlp::encode(entries))
    }

    /// What block 0's extension commits to: keccak256 of an RLP list of format, chain id, ledger
    /// id, profile (0 dev, 1 prod, 2 conformance), time, keccak256 of the parameters' RLP list,
    /// validators as `[organisation, key]` in ascending order of the keys, validator admin,
    /// predeploys (0 or 1), allocation hash; and, only where there are observers, these as
    /// `[name, key, IP address (16 bytes, IPv4 mapped into IPv6), port]` in the file's order.
    pub fn commitment(&self) -> B256 {
        #[derive(RlpEncodable)]
        struct Validator {
            organisation: String,
            key: [u8; 32],
        }
        #[derive(RlpEncodable)]
        struct Observer {
            name: String,
            key: [u8; 32],
            ip: [u8; 16],
            port: u16,
        }
        #[derive(RlpEncodable)]
        #[rlp(trailing)]
        struct Commitment {
            format: u32,
            chain_id: u64,
            ledger_id: u32,
            profile: u8,
            time_ms: u64,
            parameters: B256,
            validators: Vec<Validator>,
            validator_admin: Address,
            predeploys: u8,
            allocation: B256,
            observers: Option<Vec<Observer>>,
        }
        let observers: Vec<Observer> = self
            .observers
            .iter()
            .map(GenesisObserver::parts)
            .map(|(name, key, ip, port)| Observer { name, key, ip, port })
            .collect();
        let mut validators: Vec<&GenesisValidator> = self.validators.iter().collect();
        validators.sort_by_key(|validator| validator.key);
        keccak256(alloy_rlp::encode(Commitment {
            format: self.format,
            chain_id: self.chain_id,
            ledger_id: self.ledger_id,
            profile: match self.profile {
                Profile::Dev => 0,
                Profile::Prod => 1,
                Profile::Conformance => 2,
            },
            time_ms: self.time_ms,
            parameters: keccak256(self.parameters.to_rlp()),
            validators: validators
                .into_iter()
                .map(|validator| Validator {
                    organisation: validator.organisation.clone(),
                    key: validator.key.0,
                })
                .collect(),
            validator_admin: self.validator_admin,
            predeploys: u8::from(self.predeploys),
            allocation: self.allocation_hash(),
            observers: Some(observers).filter(|observers| !observers.is_empty()),
        }))
    }

    /// Block 0 over empty databases, whose commitment the state back end supplies.
    pub fn block(&self, empty_state: StateCommitment) -> Result<Block, GenesisError> {
        let extension = Extension {
            epoch: 0,
            view: 0,
            leader: ValidatorKey::default(),
            parent_view: 0,
            time_ms: self.time_ms,
            next_validators_hash: self.validator_set()?.hash(),
            state: empty_state,
            genesis_commitment: Some(self.commitment()),
        };
        let header = crate::Header {
            gas_limit: self.parameters.block_gas_limit,
            base_fee_per_gas: Some(self.parameters.base_fee_wei),
            beneficiary: self.parameters.fee_recipient,
            ..blank_header()
        };
        Ok(Block::new(header, extension, Vec::new()))
    }
}
