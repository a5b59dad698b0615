//! Transactions of a block in the form that the EVM takes.

use alloy_consensus::{
    Transaction as _, TxEnvelope, Typed2718 as _, transaction::SignerRecoverable as _,
};
use alloy_primitives::Address;
use eyre::{Result, ensure};
use revm::{
    context::{TxEnv, either::Either},
    context_interface::transaction::SignedAuthorization,
};

use super::schedule::Schedule;

/// Who signed.
pub(crate) fn sender(transaction: &TxEnvelope, schedule: &Schedule) -> Result<Address> {
    let protected = transaction.chain_id().is_some();
    ensure!(!protected || schedule.replay_protection, "transaction names a chain before EIP-155");
    Ok(transaction.recover_signer()?)
}

/// The EVM's view of a transaction.
pub(crate) fn environment(transaction: &TxEnvelope, caller: Address) -> TxEnv {
    let authorizations: &[SignedAuthorization] = transaction.authorization_list().unwrap_or(&[]);
    TxEnv {
        tx_type: transaction.ty(),
        caller,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        blob_hashes: transaction.blob_versioned_hashes().unwrap_or(&[]).to_vec(),
        max_fee_per_blob_gas: transaction.max_fee_per_blob_gas().unwrap_or_default(),
        authorization_list: authorizations.iter().cloned().map(Either::Left).collect(),
    }
}
