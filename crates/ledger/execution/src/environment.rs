//! The block around a transaction, and both in revm's terms.

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, U256};
use revm::{
    context::{BlockEnv, TxEnv},
    context_interface::{block::BlobExcessGasAndPrice, either::Either},
};
use types::{FeeMode, Header, Transaction};

use crate::ChainRules;

/// EIP-4844's least price of blob gas, wei: that of blocks without blobs.
pub const BLOB_BASE_FEE_MIN: u128 = 1;

/// What execution knows of the block being executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockEnvironment {
    /// Height.
    pub number: u64,
    /// Milliseconds since the Unix epoch; the EVM sees whole seconds.
    pub time_ms: u64,
    /// Who receives fees (`COINBASE`).
    pub beneficiary: Address,
    /// Wei per gas (`BASEFEE`).
    pub base_fee: u64,
    /// Gas of the block (`GASLIMIT`).
    pub gas_limit: u64,
    /// Randomness of the block (`PREVRANDAO`), the header's `mixHash`.
    pub prev_randao: B256,
    /// Hash of the parent.
    pub parent_hash: B256,
    /// EIP-4788's root; zero on Heqi's ledgers.
    pub parent_beacon_block_root: B256,
    /// Difficulty (`DIFFICULTY` before the merge); zero on Heqi's ledgers.
    pub difficulty: U256,
    /// Wei per gas of blobs (`BLOBBASEFEE`); [`BLOB_BASE_FEE_MIN`] on Heqi's ledgers.
    pub blob_base_fee: u128,
}

impl BlockEnvironment {
    /// Of a block whose header is known: verification, simulation on top of a block.
    pub fn of_header(header: &Header, time_ms: u64) -> Self {
        Self {
            number: header.number,
            time_ms,
            beneficiary: header.beneficiary,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            gas_limit: header.gas_limit,
            prev_randao: header.mix_hash,
            parent_hash: header.parent_hash,
            parent_beacon_block_root: header.parent_beacon_block_root.unwrap_or_default(),
            difficulty: header.difficulty,
            blob_base_fee: BLOB_BASE_FEE_MIN,
        }
    }

    /// Whole seconds since the Unix epoch.
    pub fn timestamp(&self) -> u64 {
        self.time_ms / 1000
    }

    pub(crate) fn block_env(&self) -> BlockEnv {
        BlockEnv {
            number: U256::from(self.number),
            beneficiary: self.beneficiary,
            timestamp: U256::from(self.timestamp()),
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            difficulty: self.difficulty,
            prevrandao: Some(self.prev_randao),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
                excess_blob_gas: 0,
                blob_gasprice: self.blob_base_fee,
            }),
            slot_num: 0,
        }
    }
}

/// A transaction in revm's terms. In free mode its fee fields become zero: this is the waiver.
pub(crate) fn transaction_env(transaction: &Transaction, rules: &ChainRules) -> TxEnv {
    let envelope = transaction.envelope();
    let charged = rules.fee_mode == FeeMode::Metered;
    let tip = envelope.max_priority_fee_per_gas();
    TxEnv {
        tx_type: transaction.type_byte(),
        caller: transaction.sender(),
        gas_limit: envelope.gas_limit(),
        gas_price: if charged { envelope.max_fee_per_gas() } else { 0 },
        gas_priority_fee: if charged { tip } else { tip.map(|_| 0) },
        kind: envelope.kind(),
        value: envelope.value(),
        data: envelope.input().clone(),
        nonce: envelope.nonce(),
        chain_id: envelope.chain_id(),
        access_list: envelope.access_list().cloned().unwrap_or_default(),
        blob_hashes: envelope.blob_versioned_hashes().unwrap_or_default().to_vec(),
        max_fee_per_blob_gas: envelope.max_fee_per_blob_gas().unwrap_or_default(),
        authorization_list: envelope
            .authorization_list()
            .unwrap_or_default()
            .iter()
            .cloned()
            .map(Either::Left)
            .collect(),
    }
}
