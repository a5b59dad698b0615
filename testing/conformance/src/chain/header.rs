//! Header fields that follow from the parent.

use alloy_consensus::Header;
use alloy_eips::eip1559::{BaseFeeParams, INITIAL_BASE_FEE};
use eyre::{Result, ensure};
use revm::primitives::hardfork::SpecId;

use super::schedule::Schedule;

/// Compares a header with its parent: hash, number, time, base fee, excess blob gas, and that the
/// fields of the block's fork are there. Seal, difficulty and gas limit are not looked at.
pub(super) fn check(header: &Header, parent: &Header, schedule: &Schedule) -> Result<()> {
    ensure!(header.parent_hash == parent.hash_slow(), "parent hash {}", header.parent_hash);
    ensure!(parent.number.checked_add(1) == Some(header.number), "number {}", header.number);
    ensure!(header.timestamp > parent.timestamp, "timestamp {}", header.timestamp);
    let base_fee = base_fee(parent, schedule);
    ensure!(
        header.base_fee_per_gas == base_fee,
        "base fee {:?}, expected {base_fee:?}",
        header.base_fee_per_gas
    );
    let excess = schedule.blobs.map(|blobs| parent.next_block_excess_blob_gas(blobs).unwrap_or(0));
    ensure!(
        header.excess_blob_gas == excess,
        "excess blob gas {:?}, expected {excess:?}",
        header.excess_blob_gas
    );
    let begun = |fork| schedule.rules.spec.is_enabled_in(fork);
    ensure!(header.withdrawals_root.is_some() == begun(SpecId::SHANGHAI), "withdrawals root");
    ensure!(header.blob_gas_used.is_some() == begun(SpecId::CANCUN), "blob gas used");
    ensure!(
        header.parent_beacon_block_root.is_some() == begun(SpecId::CANCUN),
        "parent beacon block root"
    );
    ensure!(header.requests_hash.is_some() == begun(SpecId::PRAGUE), "requests hash");
    Ok(())
}

fn base_fee(parent: &Header, schedule: &Schedule) -> Option<u64> {
    if !schedule.rules.spec.is_enabled_in(SpecId::LONDON) {
        return None;
    }
    parent.next_block_base_fee(BaseFeeParams::ethereum()).or(Some(INITIAL_BASE_FEE))
}
