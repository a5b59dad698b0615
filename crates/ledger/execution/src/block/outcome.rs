//! What executing a block yields.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bloom, Bytes};
use state::StateDiff;
use types::{Receipt, ValidatorSet};

use crate::InvalidTransaction;

/// Output kept of a failed transaction, bytes: enough for any error that a person reads.
pub const FAILURE_OUTPUT_BYTES_MAX: usize = 4 * 1024;

/// One executed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionResult {
    /// Gas used after refunds.
    pub gas_used: u64,
    /// Wei per gas charged.
    pub effective_gas_price: u128,
    /// Whether it succeeded.
    pub success: bool,
    /// Address that a creation leads to, whether it succeeded or not; `None` for calls.
    pub contract_address: Option<Address>,
    /// Revert data, at most [`FAILURE_OUTPUT_BYTES_MAX`]; empty on success.
    pub failure_output: Bytes,
    /// Why it stopped, where it neither succeeded nor reverted.
    pub halt: Option<String>,
}

/// A candidate that was left out because it is not valid now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Position among the candidates.
    pub index: usize,
    /// Why; [`InvalidTransaction::disposition`] says what to do with it.
    pub reason: InvalidTransaction,
}

/// The effect of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockOutcome {
    /// Positions of the included transactions among those given, ascending.
    pub included: Vec<usize>,
    /// Results of the included transactions.
    pub results: Vec<TransactionResult>,
    /// Receipts of the included transactions.
    pub receipts: Arc<Vec<Receipt>>,
    /// Candidates that are not valid now. Candidates that are neither included nor rejected did
    /// not fit.
    pub rejected: Vec<Rejected>,
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// Union of the receipts' blooms.
    pub logs_bloom: Bloom,
    /// Root of the transactions trie.
    pub transactions_root: B256,
    /// Root of the receipts trie.
    pub receipts_root: B256,
    /// Changes of the state, with the values before.
    pub diff: StateDiff,
    /// Validators that certify the next block; `None` only under rules without the native
    /// contract that keeps them.
    pub next_validators: Option<ValidatorSet>,
}
