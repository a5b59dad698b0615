//! What a native contract is, and the table of those that a ledger has.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolInterface;

use crate::{Context, Failure, gas};

/// Longest call data of a native contract, bytes.
pub const INPUT_BYTES_MAX: usize = 64 * 1024;

/// A contract in Rust. It keeps no state of its own: whatever it remembers is in its slots.
pub trait NativeContract: Send + Sync + 'static {
    /// Where it lives.
    fn address(&self) -> Address;

    /// Serves a call; `input` is selector and arguments. The call of the EVM carries no value.
    fn call(&self, context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure>;
}

/// Native contracts by address.
#[derive(Clone, Default)]
pub struct NativeTable(BTreeMap<Address, Arc<dyn NativeContract>>);

impl NativeTable {
    /// The contracts of a ledger; a later one replaces an earlier one at the same address.
    pub fn new(contracts: impl IntoIterator<Item = Arc<dyn NativeContract>>) -> Self {
        Self(contracts.into_iter().map(|contract| (contract.address(), contract)).collect())
    }

    /// The contract at an address.
    pub fn get(&self, address: &Address) -> Option<&Arc<dyn NativeContract>> {
        self.0.get(address)
    }

    /// Addresses, ascending.
    pub fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.0.keys().copied()
    }
}

impl std::fmt::Debug for NativeTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Charges for and decodes a call; anything that is not canonical ABI reverts without data, as
/// Solidity does.
pub fn decode_call<I: SolInterface>(context: &mut Context<'_>, input: &[u8]) -> Result<I, Failure> {
    context.charge(gas::CALL + gas::words(input.len()) * gas::WORD)?;
    if input.len() > INPUT_BYTES_MAX {
        return Err(Failure::reason("call data exceeds the limit of a native contract"));
    }
    I::abi_decode_validate(input).map_err(|_| Failure::Revert(Bytes::new()))
}
