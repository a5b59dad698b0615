//! Transactions without a signature of their own: signed with a development key, or taken from an
//! impersonated account as they are.

use std::sync::Arc;

use alloy_consensus::{SignableTransaction as _, TxEnvelope};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, B256, Signature, U256};
use ledger_api::DevelopmentError;
use types::Transaction;

use crate::{accounts::DevAccount, ledger::DevLedger};

impl DevLedger {
    pub(crate) fn account_of(&self, address: Address) -> Option<&DevAccount> {
        self.accounts.iter().find(|account| account.address == address)
    }

    /// Signs and sends, or sends from an impersonated account.
    pub(crate) fn send_from(
        &self,
        sender: Address,
        unsigned: TxEnvelope,
    ) -> Result<B256, DevelopmentError> {
        let signature = match self.account_of(sender) {
            Some(account) => account.key.sign_hash(unsigned.signature_hash()),
            None => {
                let writer = self.writer();
                if !writer.impersonates_all && !writer.impersonated.contains(&sender) {
                    return Err(DevelopmentError::UnknownAccount(sender));
                }
                no_signature(sender)
            }
        };
        let encoded = with_signature(unsigned, signature)?.encoded_2718();
        let transaction = Transaction::with_sender(encoded.into(), sender)
            .map_err(|error| DevelopmentError::Refused(error.into()))?;
        self.admit(Arc::new(transaction))
    }
}

/// Nobody's signature. It names the sender, so that equal transactions of two accounts have
/// different hashes.
fn no_signature(sender: Address) -> Signature {
    Signature::new(U256::from_be_bytes(sender.into_word().0), U256::ONE, false)
}

fn with_signature(
    unsigned: TxEnvelope,
    signature: Signature,
) -> Result<TxEnvelope, DevelopmentError> {
    Ok(match unsigned {
        TxEnvelope::Legacy(signed) => signed.strip_signature().into_signed(signature).into(),
        TxEnvelope::Eip2930(signed) => signed.strip_signature().into_signed(signature).into(),
        TxEnvelope::Eip1559(signed) => signed.strip_signature().into_signed(signature).into(),
        TxEnvelope::Eip7702(signed) => signed.strip_signature().into_signed(signature).into(),
        TxEnvelope::Eip4844(_) => {
            return Err(DevelopmentError::Refused(types::TransactionError::Blob.into()));
        }
    })
}
