//! Signed transactions and a state that tests can write.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope, TxLegacy};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use crypto::{EthereumKey, Secret};
use execution::validate::TransactionRules;
use state::{AccountRecord, StateError, StateKey, StateReader, StateValue};
use types::{FeeMode, Transaction};

use crate::{Pool, PoolConfig};

pub(crate) const CHAIN_ID: u64 = 7_777;

pub(crate) fn rules(fee_mode: FeeMode) -> TransactionRules {
    let base_fee_wei = if fee_mode == FeeMode::Free { 0 } else { 100 };
    TransactionRules {
        chain_id: CHAIN_ID,
        block_gas_limit: 60_000_000,
        fee_mode,
        base_fee_wei,
        init_code_bytes_max: execution::validate::INIT_CODE_BYTES_MAX,
        transaction_gas_max: u64::MAX,
    }
}

pub(crate) fn free_pool(config: PoolConfig) -> Pool {
    Pool::new(config, rules(FeeMode::Free))
}

pub(crate) fn key(number: u8) -> EthereumKey {
    EthereumKey::from_secret(Secret::new([number; 32])).unwrap()
}

pub(crate) fn sender(number: u8) -> Address {
    key(number).address()
}

/// A type 2 transaction with everything that tests vary.
pub(crate) struct Offer {
    pub(crate) from: u8,
    pub(crate) nonce: u64,
    pub(crate) fee: u128,
    pub(crate) tip: u128,
    pub(crate) value: u64,
    pub(crate) gas: u64,
    pub(crate) data_bytes: usize,
}

impl Offer {
    pub(crate) fn new(from: u8, nonce: u64) -> Self {
        Self { from, nonce, fee: 0, tip: 0, value: 0, gas: 1_000_000, data_bytes: 0 }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        let unsigned = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit: self.gas,
            max_fee_per_gas: self.fee,
            max_priority_fee_per_gas: self.tip,
            to: TxKind::Call(Address::repeat_byte(0xee)),
            value: U256::from(self.value),
            input: vec![0; self.data_bytes].into(),
            ..TxEip1559::default()
        };
        let signature = key(self.from).sign_hash(unsigned.signature_hash());
        TxEnvelope::from(unsigned.into_signed(signature)).encoded_2718().into()
    }

    pub(crate) fn signed(&self) -> Arc<Transaction> {
        Arc::new(Transaction::decode(self.bytes()).unwrap())
    }
}

/// The `nonce`th transaction of a sender, without fees.
pub(crate) fn plain(from: u8, nonce: u64) -> Arc<Transaction> {
    Offer::new(from, nonce).signed()
}

/// A legacy transaction, as ethers sends them where fees are zero.
pub(crate) fn legacy(from: u8, nonce: u64, chain_id: Option<u64>, price: u128) -> Arc<Transaction> {
    let unsigned = TxLegacy {
        chain_id,
        nonce,
        gas_price: price,
        gas_limit: 21_000,
        to: TxKind::Call(Address::ZERO),
        ..TxLegacy::default()
    };
    let signature = key(from).sign_hash(unsigned.signature_hash());
    let encoded = TxEnvelope::from(unsigned.into_signed(signature)).encoded_2718();
    Arc::new(Transaction::decode(encoded.into()).unwrap())
}

pub(crate) fn account(nonce: u64) -> Option<AccountRecord> {
    Some(AccountRecord { nonce, ..AccountRecord::default() })
}

/// Accounts in memory; counts how often it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    pub(crate) records: Arc<Mutex<BTreeMap<Address, AccountRecord>>>,
    pub(crate) reads: Arc<Mutex<usize>>,
    pub(crate) broken: bool,
}

impl StateReader for Accounts {
    async fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
        *self.reads.lock().unwrap() += 1;
        if self.broken {
            return Err(StateError::Store("disk on fire".into()));
        }
        let records = self.records.lock().unwrap();
        let read = |key: &StateKey| match key {
            StateKey::Account(address) => records.get(address).copied().map(StateValue::Account),
            _ => None,
        };
        Ok(keys.iter().map(read).collect())
    }
}
