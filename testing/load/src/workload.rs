//! What a transaction does.

use alloy_primitives::{Address, Bytes, TxKind, address, keccak256};
use clap::ValueEnum;
use eyre::Result;
use serde::Serialize;

use crate::{
    accounts::{Account, Call, Signed},
    token::{TRANSFER_GAS, Token, call_data, transfer_data},
};

/// The platform's contract of validators.
const VALIDATORS: Address = address!("4845514900000000000000000000000000000001");

/// Kinds of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Workload {
    /// A transfer of value 0 to another account: signature, nonce and nothing else.
    Native,
    /// An ERC-20 transfer of one unit: two slots, one event.
    Erc20,
    /// A contract that writes two slots and emits nothing.
    Store2,
    /// `getValidators()` of the platform's native contract.
    Validators,
}

/// Contracts that the workloads call.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    /// Chain id.
    pub chain_id: u64,
    /// ERC-20.
    pub token: Token,
    /// `contracts/Store.sol`.
    pub store: Address,
}

impl Workload {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Erc20 => "erc20",
            Self::Store2 => "store2",
            Self::Validators => "validators",
        }
    }

    /// Whether a chain without Heqi's native contracts can run it.
    pub const fn is_plain_ethereum(self) -> bool {
        !matches!(self, Self::Validators)
    }

    /// Gas limit: a third above what it costs at most.
    const fn gas(self) -> u64 {
        match self {
            Self::Native => 21_000,
            Self::Erc20 => TRANSFER_GAS,
            Self::Store2 => 90_000,
            Self::Validators => 100_000,
        }
    }

    /// A signed transaction.
    ///
    /// # Errors
    /// See [`Account::sign`].
    pub fn sign(
        self,
        targets: &Targets,
        from: &Account,
        nonce: u64,
        to: Address,
    ) -> Result<Signed> {
        let (to, data) = match self {
            Self::Native => (to, Bytes::new()),
            Self::Erc20 => (targets.token.address, transfer_data(to)),
            Self::Store2 => (targets.store, call_data("put(uint256)", &[nonce + 1])),
            Self::Validators => (VALIDATORS, keccak256("getValidators()")[..4].to_vec().into()),
        };
        let call = Call { to: TxKind::Call(to), data };
        from.sign(targets.chain_id, nonce, self.gas(), &call)
    }
}
