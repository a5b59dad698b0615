//! Finality certificates between the library's form and the ledger's published one.

use alloy_primitives::B256;
use commonware_codec::{DecodeExt as _, types::lazy::Lazy};
use commonware_consensus::{
    simplex::types::Proposal,
    types::{Epoch, Participant, Round, View},
};
use commonware_cryptography::{
    certificate::Signers,
    ed25519::{self, Signature},
};
use commonware_utils::ordered::{Quorum as _, Set};
use crypto::StrictKey;
use types::{Certificate, Namespace, ValidatorKey, ValidatorSet, ValidatorSignature, quorum};

use crate::{Digest, Finalization, PublicKey, validator_key};

/// Why a certificate is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It was made by another set of validators.
    #[error("certificate counts {certificate} validators, the set has {set}")]
    OtherSet {
        /// Validators that the certificate counts.
        certificate: usize,
        /// Validators in the set.
        set: usize,
    },
    /// Its parts do not fit together.
    #[error("certificate is malformed")]
    Malformed,
    /// Too few signatures.
    #[error("certificate has {found} signatures, {needed} are needed")]
    NoQuorum {
        /// Signatures found.
        found: usize,
        /// Signatures needed.
        needed: usize,
    },
    /// Keys out of order or twice.
    #[error("certificate names validator {0} out of order")]
    Order(ValidatorKey),
    /// Somebody signed who does not certify this epoch.
    #[error("certificate names {0}, who is not a validator of its epoch")]
    NotAValidator(ValidatorKey),
    /// A signature does not verify strictly.
    #[error("signature of validator {0} is invalid")]
    Signature(ValidatorKey),
}

/// The published form of a finalization that was verified with `participants`.
pub fn ledger_certificate(
    finalization: &Finalization,
    participants: &Set<PublicKey>,
) -> Result<Certificate, CertificateError> {
    let (signers, signatures) =
        (&finalization.certificate.signers, &finalization.certificate.signatures);
    if signers.len() != participants.len() {
        let (certificate, set) = (signers.len(), participants.len());
        return Err(CertificateError::OtherSet { certificate, set });
    }
    if signers.count() != signatures.len() {
        return Err(CertificateError::Malformed);
    }
    let signatures: Option<Vec<ValidatorSignature>> = signers
        .iter()
        .zip(signatures)
        .map(|(signer, signature)| {
            let key = validator_key(participants.key(signer)?);
            Some(ValidatorSignature { key, signature: signature_bytes(signature.get()?) })
        })
        .collect();
    let proposal = &finalization.proposal;
    Ok(Certificate {
        epoch: proposal.round.epoch().get(),
        view: proposal.round.view().get(),
        parent_view: proposal.parent.get(),
        block_hash: B256::from_slice(proposal.payload.as_ref()),
        signatures: signatures.ok_or(CertificateError::Malformed)?,
    })
}

/// The library's form of a published certificate by `set`. It says nothing about the signatures:
/// check them with [`verify_ledger_certificate`].
pub fn library_finalization(
    certificate: &Certificate,
    set: &ValidatorSet,
) -> Result<Finalization, CertificateError> {
    let mut signers = Vec::with_capacity(certificate.signatures.len());
    let mut signatures = Vec::with_capacity(certificate.signatures.len());
    for ValidatorSignature { key, signature } in &certificate.signatures {
        let index = set.keys().binary_search(key);
        let index = index.map_err(|_| CertificateError::NotAValidator(*key))?;
        signers.push(Participant::new(u32::try_from(index).unwrap_or(u32::MAX)));
        let signature = Signature::decode(signature.to_vec());
        signatures.push(Lazy::from(signature.map_err(|_| CertificateError::Signature(*key))?));
    }
    let participants = u32::try_from(set.keys().len()).unwrap_or(u32::MAX);
    let signers = Signers::new(participants, signers).map_err(|_| CertificateError::Malformed)?;
    let round = Round::new(Epoch::new(certificate.epoch), View::new(certificate.view));
    let payload = Digest::from(certificate.block_hash.0);
    Ok(Finalization {
        proposal: Proposal::new(round, View::new(certificate.parent_view), payload),
        certificate: ed25519::certificate::Certificate { signers, signatures },
    })
}

/// Checks a published certificate against the validators of its epoch, as any outsider can.
pub fn verify_ledger_certificate(
    namespace: &Namespace,
    set: &ValidatorSet,
    certificate: &Certificate,
) -> Result<(), CertificateError> {
    let (found, needed) = (certificate.signatures.len(), quorum(set.keys().len()));
    if found < needed {
        return Err(CertificateError::NoQuorum { found, needed });
    }
    let message = certificate.signed_bytes(namespace);
    let mut previous: Option<ValidatorKey> = None;
    for ValidatorSignature { key, signature } in &certificate.signatures {
        if previous.is_some_and(|previous| previous >= *key) {
            return Err(CertificateError::Order(*key));
        }
        previous = Some(*key);
        if set.keys().binary_search(key).is_err() {
            return Err(CertificateError::NotAValidator(*key));
        }
        if !StrictKey::decode(&key.0).is_some_and(|strict| strict.verify(&message, signature)) {
            return Err(CertificateError::Signature(*key));
        }
    }
    Ok(())
}

fn signature_bytes(signature: &Signature) -> [u8; 64] {
    let mut bytes = [0u8; 64];
    bytes.copy_from_slice(signature.as_ref());
    bytes
}

#[cfg(test)]
mod tests;
