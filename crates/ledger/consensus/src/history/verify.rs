//! Checks of answers against what is known already.

use alloy_primitives::{B256, Bytes};
use types::{
    Certificate, Extension, Header, Namespace, Receipt, ValidatorSet, receipts_root,
    transactions_root,
};

use super::{CertifiedHeader, HeaderEntry, HistoryError, SetStep};
use crate::verify_ledger_certificate;

/// The last height of an epoch; `None` where heights run out. Epoch 0 includes block 0.
pub fn last_of_epoch(epoch_blocks: u64, epoch: u64) -> Option<u64> {
    epoch.checked_add(1)?.checked_mul(epoch_blocks)?.checked_sub(1)
}

/// Walks from the validators of `epoch`, which are `set`, over the ends of epochs; answers the set
/// after each. Nothing but `set` is believed.
///
/// # Errors
/// The first step that the validators before it did not certify.
pub fn verify_steps(
    namespace: &Namespace,
    epoch_blocks: u64,
    epoch: u64,
    set: &ValidatorSet,
    steps: &[SetStep],
) -> Result<Vec<ValidatorSet>, HistoryError> {
    let mut sets: Vec<ValidatorSet> = Vec::with_capacity(steps.len());
    for (epoch, step) in (epoch..).zip(steps) {
        let height = step.last.header.number;
        let wrong = |what| Err(HistoryError::Wrong { height, what });
        if last_of_epoch(epoch_blocks, epoch) != Some(height) {
            return wrong("is not the last block of the epoch");
        }
        check_certified(namespace, epoch, sets.last().unwrap_or(set), &step.last)?;
        if step.next.hash() != step.last.extension.next_validators_hash {
            return wrong("does not name these validators as the next");
        }
        sets.push(step.next.clone());
    }
    Ok(sets)
}

/// Checks that a block of `epoch` is final.
///
/// # Errors
/// What does not hold.
pub fn verify_tip(
    namespace: &Namespace,
    epoch_blocks: u64,
    epoch: u64,
    set: &ValidatorSet,
    tip: &CertifiedHeader,
) -> Result<(), HistoryError> {
    let height = tip.header.number;
    if height == 0 || height.checked_div(epoch_blocks) != Some(epoch) {
        return Err(HistoryError::Wrong { height, what: "is not of the certificate's epoch" });
    }
    check_certified(namespace, epoch, set, tip)
}

fn check_certified(
    namespace: &Namespace,
    epoch: u64,
    set: &ValidatorSet,
    block: &CertifiedHeader,
) -> Result<(), HistoryError> {
    let CertifiedHeader { header, extension, certificate } = block;
    check_extension(header, extension)?;
    check_certificate(namespace, epoch, set, header.number, header.hash_slow(), certificate)
}

fn check_extension(header: &Header, extension: &Extension) -> Result<(), HistoryError> {
    let height = header.number;
    if header.extra_data[..] != extension.hash()[..] {
        return Err(HistoryError::Wrong { height, what: "names another extension" });
    }
    Ok(())
}

fn check_certificate(
    namespace: &Namespace,
    epoch: u64,
    set: &ValidatorSet,
    height: u64,
    hash: B256,
    certificate: &Certificate,
) -> Result<(), HistoryError> {
    let wrong = |what| Err(HistoryError::Wrong { height, what });
    if certificate.epoch != epoch {
        return wrong("the certificate is of another epoch");
    }
    if certificate.block_hash != hash {
        return wrong("the certificate is of another block");
    }
    verify_ledger_certificate(namespace, set, certificate)
        .map_err(|source| HistoryError::Certificate { height, source })
}

/// Checks headers that go down from `top`, where the header above names `hash`. Certificates are
/// checked where `set_of` knows the validators of their epoch, and are left out otherwise.
///
/// # Errors
/// The first that is not of the chain, and a certificate that does not hold.
pub fn verify_headers(
    namespace: &Namespace,
    top: u64,
    hash: B256,
    entries: Vec<HeaderEntry>,
    set_of: impl Fn(u64) -> Option<ValidatorSet>,
) -> Result<Vec<HeaderEntry>, HistoryError> {
    let mut expected = Some((top, hash));
    let mut checked = Vec::with_capacity(entries.len());
    for mut entry in entries {
        let height = entry.header.number;
        let found = entry.header.hash_slow();
        if height == 0 || expected != Some((height, found)) {
            return Err(HistoryError::Wrong { height, what: "is not what the header above names" });
        }
        check_extension(&entry.header, &entry.extension)?;
        if let Some(certificate) = &entry.certificate {
            let epoch = entry.extension.epoch;
            match set_of(epoch) {
                Some(set) => {
                    check_certificate(namespace, epoch, &set, height, found, certificate)?;
                }
                None => entry.certificate = None,
            }
        }
        expected = height.checked_sub(1).map(|below| (below, entry.header.parent_hash));
        checked.push(entry);
    }
    Ok(checked)
}

/// Checks the transactions of a block whose header is known.
///
/// # Errors
/// They have another root.
pub fn verify_body(header: &Header, transactions: &[Bytes]) -> Result<(), HistoryError> {
    if transactions_root(transactions) == header.transactions_root {
        return Ok(());
    }
    Err(HistoryError::Wrong { height: header.number, what: "has other transactions" })
}

/// Checks the receipts of a block whose header is known.
///
/// # Errors
/// They have another root.
pub fn verify_receipts(header: &Header, receipts: &[Receipt]) -> Result<(), HistoryError> {
    if receipts_root(receipts) == header.receipts_root {
        return Ok(());
    }
    Err(HistoryError::Wrong { height: header.number, what: "has other receipts" })
}
