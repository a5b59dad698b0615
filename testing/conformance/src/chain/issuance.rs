//! Ether that comes into being: rewards of proof of work, and withdrawals after it.

use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, U256};
use eyre::{OptionExt, Result};
use revm::primitives::hardfork::SpecId;
use state::{AccountRecord, StateKey, StateValue, mpt::MptState};

/// Wei in an ether.
const ETHER_WEI: u64 = 1_000_000_000_000_000_000;

/// Credits beneficiary and ommers (yellow paper, 11.3; EIP-649, EIP-1234). Nothing after the merge.
pub(super) fn reward(
    state: &mut MptState,
    spec: SpecId,
    header: &Header,
    ommers: &[Header],
) -> Result<()> {
    let Some(reward) = block_reward(spec) else {
        return Ok(());
    };
    let mut total = reward;
    for ommer in ommers {
        let part = ommer
            .number
            .checked_add(8)
            .and_then(|number| number.checked_sub(header.number))
            .ok_or_eyre("number of an ommer")?;
        credit(state, ommer.beneficiary, reward * U256::from(part) / U256::from(8))?;
        total += reward / U256::from(32);
    }
    credit(state, header.beneficiary, total)
}

/// Credits withdrawals (EIP-4895).
pub(super) fn withdraw(state: &mut MptState, withdrawals: &[Withdrawal]) -> Result<()> {
    for withdrawal in withdrawals {
        credit(state, withdrawal.address, withdrawal.amount_wei())?;
    }
    Ok(())
}

/// Wei for the beneficiary of a block; `None` after the merge.
pub fn block_reward(spec: SpecId) -> Option<U256> {
    let ether = if spec.is_enabled_in(SpecId::MERGE) {
        return None;
    } else if spec.is_enabled_in(SpecId::PETERSBURG) {
        2
    } else if spec.is_enabled_in(SpecId::BYZANTIUM) {
        3
    } else {
        5
    };
    Some(U256::from(ether) * U256::from(ETHER_WEI))
}

/// Adds to a balance; nothing comes from nothing (EIP-161).
fn credit(state: &mut MptState, address: Address, wei: U256) -> Result<()> {
    if wei.is_zero() {
        return Ok(());
    }
    let key = StateKey::Account(address);
    let mut record = match state.get(&key) {
        Some(StateValue::Account(record)) => record,
        _ => AccountRecord::default(),
    };
    record.balance = record.balance.checked_add(wei).ok_or_eyre("balance overflows")?;
    state.set(key, Some(StateValue::Account(record)))?;
    Ok(())
}
