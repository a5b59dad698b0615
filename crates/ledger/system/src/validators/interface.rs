//! Rust side of `interfaces/IValidators.sol`: the file is the source, so both are one.

#![allow(missing_docs)]

use alloy_sol_types::SolInterface;

alloy_sol_types::sol!("interfaces/IValidators.sol");

/// Whether the call is one of the ledger's own. It is known before anything is decoded, so that
/// nobody else can make the contract decode their arguments.
pub(super) fn is_system_call(input: &[u8]) -> bool {
    input.first_chunk::<4>().is_some_and(|selector| {
        IValidatorsSystem::IValidatorsSystemCalls::valid_selector(*selector)
    })
}
