//! What to simulate, and what to pretend about the block.

use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, U256};

use crate::BlockEnvironment;

/// The fields of a call object. A nonce would be ignored, so there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallRequest {
    /// Sender; the zero address where none is given.
    pub from: Option<Address>,
    /// Recipient; `None` creates a contract.
    pub to: Option<Address>,
    /// Wei.
    pub value: U256,
    /// Call data or init code.
    pub data: Bytes,
    /// Gas; the allowed maximum where none is given.
    pub gas: Option<u64>,
    /// Wei per gas; ignored in free mode, as the two that follow.
    pub gas_price: Option<u128>,
    /// Wei per gas at most (EIP-1559).
    pub max_fee_per_gas: Option<u128>,
    /// Tip, wei per gas at most (EIP-1559).
    pub max_priority_fee_per_gas: Option<u128>,
    /// Slots that start warm (EIP-2930).
    pub access_list: Option<AccessList>,
    /// Delegations (EIP-7702).
    pub authorization_list: Vec<SignedAuthorization>,
    /// Hashes of blobs (EIP-4844), on chains that have them.
    pub blob_versioned_hashes: Vec<B256>,
    /// Wei per gas of blobs at most.
    pub max_fee_per_blob_gas: Option<u128>,
}

/// Pretended fields of the block; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockOverrides {
    /// Height.
    pub number: Option<u64>,
    /// Seconds since the Unix epoch.
    pub time: Option<u64>,
    /// Gas of the block.
    pub gas_limit: Option<u64>,
    /// Beneficiary.
    pub fee_recipient: Option<Address>,
    /// Randomness.
    pub prev_randao: Option<B256>,
    /// Wei per gas.
    pub base_fee_per_gas: Option<u64>,
    /// Wei per gas of blobs.
    pub blob_base_fee: Option<u128>,
    /// Difficulty, seen where the revision has one.
    pub difficulty: Option<U256>,
}

impl BlockOverrides {
    pub(super) fn apply(&self, environment: &mut BlockEnvironment) {
        let Self { number, time, gas_limit, fee_recipient, prev_randao, base_fee_per_gas, .. } =
            self;
        environment.blob_base_fee = self.blob_base_fee.unwrap_or(environment.blob_base_fee);
        environment.difficulty = self.difficulty.unwrap_or(environment.difficulty);
        environment.number = number.unwrap_or(environment.number);
        environment.time_ms =
            time.map_or(environment.time_ms, |seconds| seconds.saturating_mul(1000));
        environment.gas_limit = gas_limit.unwrap_or(environment.gas_limit);
        environment.beneficiary = fee_recipient.unwrap_or(environment.beneficiary);
        environment.prev_randao = prev_randao.unwrap_or(environment.prev_randao);
        environment.base_fee = base_fee_per_gas.unwrap_or(environment.base_fee);
    }
}
