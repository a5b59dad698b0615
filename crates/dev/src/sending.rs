//! Transactions without a signature of their own: signed with a development key, or taken from an
//! impersonated account as they are.

use std::sync::Arc;

use alloy_consensus::{SignableTransaction as _, TxEnvelope};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, U256};
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
        if self.account_of(sender).is_some() {
            let encoded = self.sign_transaction(sender, unsigned)?;
            return self.admit_from(sender, encoded);
        }
        let impersonated = {
            let writer = self.writer();
            writer.impersonates_all || writer.impersonated.contains(&sender)
        };
        if !impersonated {
            return Err(DevelopmentError::UnknownAccount(sender));
        }
        self.send_without_signature(sender, unsigned)
    }

    /// Sends from an account whether it is impersonated or not.
    pub(crate) fn send_without_signature(
        &self,
        sender: Address,
        unsigned: TxEnvelope,
    ) -> Result<B256, DevelopmentError> {
        let encoded = with_signature(unsigned, no_signature(sender))?.encoded_2718();
        self.admit_from(sender, encoded.into())
    }

    /// The encoding of a transaction that a development account signs.
    pub(crate) fn sign_transaction(
        &self,
        address: Address,
        unsigned: TxEnvelope,
    ) -> Result<Bytes, DevelopmentError> {
        let account = self.account_of(address).ok_or(DevelopmentError::UnknownAccount(address))?;
        let signature = account.key.sign_hash(unsigned.signature_hash());
        Ok(with_signature(unsigned, signature)?.encoded_2718().into())
    }

    fn admit_from(&self, sender: Address, encoded: Bytes) -> Result<B256, DevelopmentError> {
        let transaction = Transaction::with_sender(encoded, sender)
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
