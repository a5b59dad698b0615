//! The genesis file in the form that Ethereum's clients share.

use std::collections::BTreeMap;

use alloy_consensus::Header;
use alloy_primitives::{Address, B64, B256, Bytes, U256, keccak256};
use eyre::{Context, Result};
use serde::Deserialize;
use state::{AccountRecord, StateKey, StateValue, mpt::MptState};

use super::schedule::ForkConfiguration;

/// Block 0 of the chain.
#[derive(Debug)]
pub struct Genesis {
    /// Its header.
    pub header: Header,
    /// Its state.
    pub state: MptState,
    /// When which fork begins.
    pub configuration: ForkConfiguration,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    config: ForkConfiguration,
    nonce: U256,
    timestamp: U256,
    extra_data: Bytes,
    gas_limit: U256,
    difficulty: U256,
    mix_hash: B256,
    coinbase: Address,
    alloc: BTreeMap<Address, Account>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    balance: U256,
    #[serde(default)]
    nonce: U256,
    #[serde(default)]
    code: Bytes,
    #[serde(default)]
    storage: BTreeMap<B256, B256>,
}

impl Genesis {
    /// Reads the file's text.
    pub fn from_json(text: &str) -> Result<Self> {
        let file: File = serde_json::from_str(text).wrap_err("genesis.json")?;
        let mut state = MptState::new();
        for (address, account) in file.alloc {
            allocate(&mut state, address, account)?;
        }
        let header = Header {
            state_root: state.root(),
            nonce: B64::from(u64::try_from(file.nonce)?),
            timestamp: u64::try_from(file.timestamp)?,
            extra_data: file.extra_data,
            gas_limit: u64::try_from(file.gas_limit)?,
            difficulty: file.difficulty,
            mix_hash: file.mix_hash,
            beneficiary: file.coinbase,
            ..Header::default()
        };
        Ok(Self { header, state, configuration: file.config })
    }
}

fn allocate(state: &mut MptState, address: Address, account: Account) -> Result<()> {
    let code_hash = keccak256(&account.code);
    let nonce = u64::try_from(account.nonce)?;
    let record = AccountRecord { nonce, balance: account.balance, code_hash };
    state.set(StateKey::Account(address), Some(StateValue::Account(record)))?;
    if !account.code.is_empty() {
        state.set(StateKey::Code(code_hash), Some(StateValue::Code(account.code)))?;
    }
    for (slot, value) in account.storage {
        let value = U256::from_be_bytes(value.0);
        let value = (!value.is_zero()).then_some(StateValue::Storage(value));
        state.set(StateKey::Storage(address, slot.into()), value)?;
    }
    Ok(())
}
