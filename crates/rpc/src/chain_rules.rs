//! The rules under which the blocks of the served chain are executed.

use alloy_eips::eip1559::{BaseFeeParams, INITIAL_BASE_FEE};
use execution::{BLOB_BASE_FEE_MIN, BlockEnvironment, ChainRules, SpecId};
use types::{FeeMode, Header};

use crate::service::Service;

/// Of the block at `height`; beyond the head, of the next one.
pub fn rules_at(service: &Service, height: u64) -> ChainRules {
    let own = || execution::rules(&service.genesis, height);
    service.ledger.rules(height).unwrap_or_else(own)
}

/// What execution knows of a block with this header.
pub fn environment(header: &Header, time_ms: u64, rules: &ChainRules) -> BlockEnvironment {
    let blob_base_fee = blob_base_fee(header, rules).unwrap_or(BLOB_BASE_FEE_MIN);
    BlockEnvironment { blob_base_fee, ..BlockEnvironment::of_header(header, time_ms) }
}

/// Wei per gas of blobs in a block; `None` in blocks without that field.
pub fn blob_base_fee(header: &Header, rules: &ChainRules) -> Option<u128> {
    let excess = header.excess_blob_gas?;
    Some(rules.blobs.map_or(BLOB_BASE_FEE_MIN, |blobs| blobs.calc_blob_fee(excess)))
}

/// Excess blob gas of the block after `parent`, whose rules are given; `None` before Cancun.
pub fn next_excess_blob_gas(parent: &Header, rules: &ChainRules) -> Option<u64> {
    if !rules.spec.is_enabled_in(SpecId::CANCUN) {
        return None;
    }
    let excess = rules.blobs.and_then(|blobs| parent.next_block_excess_blob_gas(blobs));
    Some(excess.unwrap_or(0))
}

/// Base fee of the block after `parent`, whose rules are given, wei per gas; `None` before London.
pub fn next_base_fee(parent: &Header, rules: &ChainRules) -> Option<u64> {
    if !rules.spec.is_enabled_in(SpecId::LONDON) {
        return None;
    }
    if rules.base_fee_market {
        return parent.next_block_base_fee(BaseFeeParams::ethereum()).or(Some(INITIAL_BASE_FEE));
    }
    Some(match rules.fee_mode {
        FeeMode::Free => 0,
        FeeMode::Metered => rules.base_fee_wei,
    })
}
