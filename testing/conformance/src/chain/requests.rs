//! System calls around a block (EIP-4788, EIP-2935) and the requests that contracts leave for the
//! consensus layer (EIP-7685: EIP-6110, EIP-7002, EIP-7251).

use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS,
    eip4788::BEACON_ROOTS_ADDRESS,
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_TYPE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_TYPE},
    eip7685::Requests,
};
use alloy_primitives::{Address, B256, Bytes, b256};
use eyre::{OptionExt, Result, ensure};
use revm::primitives::hardfork::SpecId;
use state::mpt::MptState;

use crate::machine::{Frame, Machine};

/// `DepositEvent(bytes,bytes,bytes,bytes,bytes)`.
const DEPOSIT_TOPIC: B256 =
    b256!("0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");

/// The calls before the first transaction.
pub(super) fn begin(machine: &mut Machine<'_>, frame: &Frame, header: &Header) -> Result<()> {
    if frame.rules.spec.is_enabled_in(SpecId::CANCUN) {
        let root = header.parent_beacon_block_root.ok_or_eyre("no parent beacon block root")?;
        system_call(machine, BEACON_ROOTS_ADDRESS, root.0.into())?;
    }
    if frame.rules.spec.is_enabled_in(SpecId::PRAGUE) {
        system_call(machine, HISTORY_STORAGE_ADDRESS, header.parent_hash.0.into())?;
    }
    Ok(())
}

/// The calls after the last transaction, and what they return; `None` before Prague. Rewards and
/// withdrawals are already in `state`.
pub(super) fn end(
    state: &mut MptState,
    frame: &Frame,
    deposit_contract: Option<Address>,
    receipts: &[ReceiptEnvelope],
) -> Result<Option<Requests>> {
    if !frame.rules.spec.is_enabled_in(SpecId::PRAGUE) {
        return Ok(None);
    }
    let deposited = receipts.iter().flat_map(ReceiptEnvelope::logs).any(|log| {
        Some(log.address) == deposit_contract && log.topics().first() == Some(&DEPOSIT_TOPIC)
    });
    ensure!(!deposited, "deposits (EIP-6110) are not part of this chain");
    let mut machine = frame.machine(state);
    let mut requests = Requests::default();
    for (kind, contract) in [
        (WITHDRAWAL_REQUEST_TYPE, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
        (CONSOLIDATION_REQUEST_TYPE, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
    ] {
        let output = system_call(&mut machine, contract, Bytes::new())?;
        requests.push_request_with_type(kind, output);
    }
    let diff = machine.diff();
    drop(machine);
    state.apply(&diff)?;
    Ok(Some(requests))
}

fn system_call(machine: &mut Machine<'_>, contract: Address, data: Bytes) -> Result<Bytes> {
    let outcome = machine.system_call(contract, data)?;
    ensure!(outcome.success, "system call to {contract} failed");
    Ok(outcome.output)
}
