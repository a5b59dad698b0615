//! A ledger, its users and a few contracts.

use std::sync::Arc;

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex};
use futures::FutureExt as _;
use ledger_api::Ledger as _;
use pool::Refusal;
use state::{StateKey, StateValue};
use types::Receipt;

use crate::{DevConfig, DevLedger};

/// `slot 0 += 1; log1(topic: slot 0)`; reverts with what it is called with, where that is not empty.
pub const COUNTER: [u8; 30] = hex!("3615600f57366000600037366000fd5b600160005401806000555f5fa100");

pub fn start(config: DevConfig) -> Arc<DevLedger> {
    // Deploying what tools expect takes most of the time of a start.
    DevLedger::start(DevConfig { predeploys: false, ..config }).unwrap()
}

pub fn ledger() -> Arc<DevLedger> {
    start(DevConfig::default())
}

/// Init code that returns this code.
pub fn creation(code: &[u8]) -> Bytes {
    let length = u8::try_from(code.len()).unwrap();
    [&[0x60, length, 0x60, 0x0a, 0x5f, 0x39, 0x60, length, 0x5f, 0xf3], code].concat().into()
}

pub fn transaction(to: TxKind, nonce: u64, input: Bytes) -> TxEip1559 {
    let gas_limit = 500_000;
    TxEip1559 { chain_id: 31_337, nonce, gas_limit, to, input, ..TxEip1559::default() }
}

pub fn unsigned(transaction: TxEip1559) -> TxEnvelope {
    transaction.into_signed(Signature::new(U256::ZERO, U256::ZERO, false)).into()
}

impl DevLedger {
    pub fn user(&self, index: usize) -> Address {
        self.accounts[index].address
    }

    pub fn signed(&self, index: usize, transaction: TxEip1559) -> Bytes {
        let signature = self.accounts[index].key.sign_hash(transaction.signature_hash());
        TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
    }

    pub fn submit_now(&self, encoded: Bytes) -> Result<B256, Refusal> {
        self.submit(encoded).now_or_never().unwrap()
    }

    /// Signed by an account and submitted.
    pub fn sent(&self, index: usize, to: TxKind, nonce: u64, input: Bytes) -> B256 {
        self.submit_now(self.signed(index, transaction(to, nonce, input))).unwrap()
    }

    /// The height and the receipt, once there is one.
    pub fn receipt(&self, hash: B256) -> Option<(u64, Receipt)> {
        let place = self.chain().transaction(hash).unwrap()?;
        let receipts = self.chain().receipts(place.number).unwrap().unwrap();
        Some((place.number, receipts[place.index as usize].clone()))
    }

    /// Deploys the counter from account 0.
    pub fn counter(&self, nonce: u64) -> Address {
        let hash = self.sent(0, TxKind::Create, nonce, creation(&COUNTER));
        assert!(self.receipt(hash).unwrap().1.success);
        self.user(0).create(nonce)
    }

    pub fn slot(&self, height: u64, address: Address, slot: u64) -> u64 {
        let key = StateKey::Storage(address, U256::from(slot));
        match self.store.read(height, &[key]).unwrap().pop().unwrap() {
            Some(StateValue::Storage(word)) => word.to(),
            _ => 0,
        }
    }

    pub fn height(&self) -> u64 {
        self.head().number
    }

    pub fn timestamp(&self, height: u64) -> u64 {
        self.chain().header(height).unwrap().unwrap().0.timestamp
    }
}
