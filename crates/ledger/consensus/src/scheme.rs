//! The certificate scheme: Ed25519 signatures of individual validators, each strictly verified.
//!
//! Same certificates and signed bytes as the library's Ed25519 scheme, but no batch equation: a
//! vote enters a certificate, and a certificate is accepted, only if every signature passes
//! [`StrictKey::verify`]. Strict acceptance implies the library's, so nothing is lost but the
//! batching (about 50 µs per signature on one core).

use std::{fmt, sync::Arc};

use commonware_codec::Read;
use commonware_consensus::{
    simplex::{scheme::Namespace, types::Subject},
    types::{Participant, Round},
};
use commonware_cryptography::{
    Digest,
    certificate::{
        self, AssemblyError, Attestation, Membership, Scheme, Subject as _, Verification, Verifier,
    },
    ed25519::{
        PrivateKey, PublicKey, Signature,
        certificate::{Certificate, Generic},
    },
};
use commonware_parallel::Strategy;
use commonware_utils::{
    N3f1,
    iter::NonEmpty,
    ordered::{Quorum as _, Set},
    union_unique,
};
use crypto::StrictKey;
use rand_core::CryptoRng;
use types::{Namespace as LedgerNamespace, ValidatorKey, ValidatorSet};

use crate::{KeyError, abstention::Abstention, keys, validator_key};

/// One epoch's validators, and this node's key if it is one of them. Cloning shares it.
#[derive(Clone)]
pub struct StrictScheme(Arc<Committee>);

struct Committee {
    /// Participants, namespace and own key; signs and assembles.
    generic: Generic<Namespace>,
    /// In the order of the participants.
    keys: Vec<StrictKey>,
    /// When not to sign.
    abstention: Abstention,
}

impl fmt::Debug for StrictScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StrictScheme")
            .field("participants", &self.0.generic.participants)
            .field("signer", &self.0.generic.signer_index())
            .finish()
    }
}

impl StrictScheme {
    /// A scheme that votes with `identity` if it is in the set, and only verifies otherwise.
    pub fn new(
        namespace: &LedgerNamespace,
        set: &ValidatorSet,
        identity: &PrivateKey,
    ) -> Result<Self, KeyError> {
        Self::abstaining(namespace, set, identity, Abstention::default())
    }

    /// As [`Self::new`], but signs only what `abstention` allows.
    pub fn abstaining(
        namespace: &LedgerNamespace,
        set: &ValidatorSet,
        identity: &PrivateKey,
        abstention: Abstention,
    ) -> Result<Self, KeyError> {
        let participants = keys::participants(set)?;
        let namespace = namespace.to_bytes();
        let generic = Generic::signer(&namespace, participants.clone(), identity.clone())
            .unwrap_or_else(|| Generic::verifier(&namespace, participants));
        Self::from_generic(generic, abstention)
    }

    /// A scheme that only verifies.
    pub fn verifier(namespace: &LedgerNamespace, set: &ValidatorSet) -> Result<Self, KeyError> {
        let participants = keys::participants(set)?;
        let generic = Generic::verifier(&namespace.to_bytes(), participants);
        Self::from_generic(generic, Abstention::default())
    }

    fn from_generic(generic: Generic<Namespace>, abstention: Abstention) -> Result<Self, KeyError> {
        let keys: Result<Vec<StrictKey>, KeyError> = generic
            .participants
            .iter()
            .map(validator_key)
            .map(|key| StrictKey::decode(&key.0).ok_or(KeyError::NotStrict(key)))
            .collect();
        Ok(Self(Arc::new(Committee { keys: keys?, generic, abstention })))
    }

    /// Whether this node votes in the epoch.
    pub fn is_signer(&self) -> bool {
        self.0.generic.signer_index().is_some()
    }

    /// Key of the validator with this number.
    pub fn key_of(&self, signer: Participant) -> Option<ValidatorKey> {
        let index = usize::try_from(signer.get()).ok()?;
        self.0.generic.participants.get(index).map(validator_key)
    }

    /// The bytes under a vote and its signature, if the signature verifies strictly.
    pub fn signed_vote<D: Digest>(
        &self,
        subject: &Subject<'_, D>,
        attestation: &Attestation<Self>,
    ) -> Option<(Vec<u8>, [u8; 64])> {
        let signature = attestation.signature.get()?;
        let message = self.signed_bytes(subject);
        if !self.verify_one(attestation.signer, &message, signature) {
            return None;
        }
        Some((message, <[u8; 64]>::try_from(signature.as_ref()).ok()?))
    }

    fn verify_one(&self, signer: Participant, message: &[u8], signature: &Signature) -> bool {
        let index = usize::try_from(signer.get()).unwrap_or(usize::MAX);
        let Some(key) = self.0.keys.get(index) else {
            return false;
        };
        <&[u8; 64]>::try_from(signature.as_ref()).is_ok_and(|bytes| key.verify(message, bytes))
    }

    /// The bytes under every signature of a subject.
    fn signed_bytes<D: Digest>(&self, subject: &Subject<'_, D>) -> Vec<u8> {
        union_unique(subject.namespace(&self.0.generic.namespace), &subject.message())
    }

    /// Signers and signatures of a certificate that has the right shape and a quorum.
    fn signatures<'a>(
        &self,
        certificate: &'a Certificate,
    ) -> Option<Vec<(Participant, &'a Signature)>> {
        let participants = &self.0.generic.participants;
        let quorum = usize::try_from(participants.quorum::<N3f1>()).unwrap_or(usize::MAX);
        let count = certificate.signers.count();
        if certificate.signers.len() != participants.len()
            || count != certificate.signatures.len()
            || count < quorum
        {
            return None;
        }
        let signatures = certificate.signatures.iter();
        certificate.signers.iter().zip(signatures).map(|(i, s)| Some((i, s.get()?))).collect()
    }
}

fn round_of<D: Digest>(subject: &Subject<'_, D>) -> Round {
    match subject {
        Subject::Notarize { proposal } | Subject::Finalize { proposal } => proposal.round,
        Subject::Nullify { round } => *round,
    }
}

impl Verifier for StrictScheme {
    type Subject<'a, D: Digest> = Subject<'a, D>;
    type Faults = N3f1;
    type PublicKey = PublicKey;
    type Certificate = Certificate;

    fn verify_certificate<R, D>(
        &self,
        _rng: &mut R,
        subject: Subject<'_, D>,
        certificate: &Certificate,
        strategy: &impl Strategy,
    ) -> bool
    where
        R: CryptoRng,
        D: Digest,
    {
        let Some(signatures) = self.signatures(certificate) else {
            return false;
        };
        let message = self.signed_bytes(&subject);
        strategy
            .map_collect_vec(signatures, |(signer, signature)| {
                self.verify_one(signer, &message, signature)
            })
            .into_iter()
            .all(|valid| valid)
    }

    // Strict rules have no batch equation, so votes are verified as they arrive.
    fn is_batchable() -> bool {
        false
    }

    fn max_certificate_size(participants: u32) -> usize {
        Generic::<Namespace>::max_certificate_size(participants)
    }

    fn certificate_codec_config(&self) -> <Certificate as Read>::Cfg {
        self.0.generic.certificate_codec_config()
    }

    fn certificate_codec_config_unbounded() -> <Certificate as Read>::Cfg {
        Generic::<Namespace>::certificate_codec_config_unbounded()
    }
}

impl Scheme for StrictScheme {
    type Signature = Signature;

    fn me(&self) -> Option<Membership> {
        self.0.generic.signer_index().map(Membership::Signer)
    }

    fn participants(&self) -> &Set<PublicKey> {
        &self.0.generic.participants
    }

    // A node that abstains goes on as one that only verifies: the library asks for nothing but
    // this to tell the two apart once an engine runs.
    fn sign<D: Digest>(&self, subject: Subject<'_, D>) -> Option<Attestation<Self>> {
        if !self.0.abstention.allows(round_of(&subject)) {
            return None;
        }
        self.0.generic.sign(subject)
    }

    fn verify_attestation<R, D>(
        &self,
        _rng: &mut R,
        subject: Subject<'_, D>,
        attestation: &Attestation<Self>,
        _strategy: &impl Strategy,
    ) -> bool
    where
        R: CryptoRng,
        D: Digest,
    {
        attestation.signature.get().is_some_and(|signature| {
            self.verify_one(attestation.signer, &self.signed_bytes(&subject), signature)
        })
    }

    fn optimistic_assemble<'a, R, D, I, J>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        pending: I,
        verified: J,
        strategy: &impl Strategy,
    ) -> Result<Certificate, Verification<Self>>
    where
        R: CryptoRng,
        D: Digest,
        I: IntoIterator<Item = Attestation<Self>>,
        I::IntoIter: ExactSizeIterator + Send,
        J: IntoIterator<Item = &'a Attestation<Self>>,
        J::IntoIter: Send,
    {
        certificate::verify_then_assemble::<Self, _, D, _, _>(
            self, rng, subject, pending, verified, strategy,
        )
    }

    fn assemble<I>(
        &self,
        attestations: NonEmpty<I>,
        _strategy: &impl Strategy,
    ) -> Result<Certificate, AssemblyError>
    where
        I: Iterator<Item = Attestation<Self>> + Send,
    {
        self.0.generic.assemble::<Self, _>(attestations)
    }

    fn is_attributable() -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
