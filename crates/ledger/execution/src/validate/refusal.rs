//! revm's refusals in the words of [`InvalidTransaction`].

use alloy_consensus::Transaction as _;
use revm::context_interface::result::InvalidTransaction as Refusal;
use types::Transaction;

use super::{InvalidTransaction, TransactionRules, cost_max};

/// Translates what the EVM found out with the state at hand.
pub(crate) fn refused_by_evm(
    refusal: Refusal,
    transaction: &Transaction,
    rules: &TransactionRules,
) -> InvalidTransaction {
    let sender = transaction.sender();
    match refusal {
        Refusal::NonceTooLow { tx, state } => {
            InvalidTransaction::NonceTooLow { next: state, nonce: tx }
        }
        Refusal::NonceTooHigh { tx, state } => {
            InvalidTransaction::NonceTooHigh { sender, nonce: tx, next: state }
        }
        Refusal::NonceOverflowInTransaction => InvalidTransaction::NonceMaximum,
        Refusal::LackOfFundForMaxFee { balance, .. } => InvalidTransaction::InsufficientFunds {
            balance: *balance,
            cost: cost_max(transaction, rules),
        },
        Refusal::RejectCallerWithCode => InvalidTransaction::SenderNotEoa { sender },
        Refusal::TxGasLimitGreaterThanCap { gas_limit, cap } => {
            InvalidTransaction::GasLimitTooHigh { gas: gas_limit, limit: cap }
        }
        Refusal::CreateInitCodeSizeLimit => InvalidTransaction::InitCodeTooLarge {
            bytes: transaction.envelope().input().len(),
            limit: super::INIT_CODE_BYTES_MAX,
        },
        other => InvalidTransaction::Other(other.to_string()),
    }
}
