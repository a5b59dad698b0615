#![allow(clippy::unwrap_used)]

use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_consensus::{
    simplex::{scheme::ed25519 as library, types::Proposal},
    types::{Epoch, Round, View},
};
use commonware_cryptography::certificate::{Scheme as _, Verifier as _};
use commonware_parallel::Sequential;
use commonware_utils::{TestRng, non_empty};
use curve25519_dalek::{
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
    edwards::EdwardsPoint,
    scalar::Scalar,
};
use ed25519_dalek::{Digest as _, Sha512, SigningKey};

use super::*;
use crate::{Digest as BlockDigest, fixture};

const VALIDATORS: u64 = 4;

struct Setup {
    /// In the order of the participants.
    seeds: Vec<u64>,
    schemes: Vec<StrictScheme>,
    proposal: Proposal<BlockDigest>,
}

impl Setup {
    fn new() -> Self {
        let set = fixture::set(0..VALIDATORS);
        let mut seeds: Vec<u64> = (0..VALIDATORS).collect();
        seeds.sort_by_key(|seed| fixture::key(*seed));
        let schemes = seeds
            .iter()
            .map(|seed| {
                let key = fixture::private_key(*seed);
                StrictScheme::new(&fixture::namespace(), &set, &key).unwrap()
            })
            .collect();
        let round = Round::new(Epoch::new(1), View::new(300));
        let proposal = Proposal::new(round, View::new(299), BlockDigest::from([9; 32]));
        Self { seeds, schemes, proposal }
    }

    fn subject(&self) -> Subject<'_, BlockDigest> {
        Subject::Finalize { proposal: &self.proposal }
    }

    fn vote(&self, index: usize) -> Attestation<StrictScheme> {
        self.schemes[index].sign(self.subject()).unwrap()
    }

    fn accepts(&self, vote: &Attestation<StrictScheme>) -> bool {
        self.schemes[3].verify_attestation(&mut TestRng::new(1), self.subject(), vote, &Sequential)
    }

    fn certifies(&self, certificate: &Certificate) -> bool {
        let mut rng = TestRng::new(1);
        self.schemes[3].verify_certificate(&mut rng, self.subject(), certificate, &Sequential)
    }

    /// The library's own scheme over the same validators.
    fn library(&self) -> library::Scheme {
        let participants = self.schemes[0].participants().clone();
        library::Scheme::verifier(&fixture::namespace().to_bytes(), participants)
    }

    /// A signature of validator 0 whose R is moved by a point of small order. It fulfils the
    /// equation only after multiplication by the cofactor.
    fn odd_signature(&self, torsion: EdwardsPoint, random: Scalar) -> Signature {
        let private = fixture::private_key(self.seeds[0]).encode();
        let key = SigningKey::from_bytes(private.as_ref().try_into().unwrap());
        let r = (ED25519_BASEPOINT_POINT * random + torsion).compress().to_bytes();
        let mut hash = Sha512::new();
        hash.update(r);
        hash.update(key.verifying_key().to_bytes());
        hash.update(self.schemes[0].signed_bytes(&self.subject()));
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let s = random + k * key.to_scalar();
        let mut bytes = r.to_vec();
        bytes.extend_from_slice(s.as_bytes());
        Signature::decode(bytes).unwrap()
    }
}

fn with_signature(index: u32, signature: Signature) -> Attestation<StrictScheme> {
    Attestation { signer: Participant::new(index), signature: signature.into() }
}

#[test]
fn votes_verify_and_make_certificates() {
    let setup = Setup::new();
    assert!((0..4).all(|index| setup.accepts(&setup.vote(index))));
    let votes = (0..3).map(|index| setup.vote(index));
    let certificate = setup.schemes[0].assemble(non_empty![@votes], &Sequential).unwrap();
    assert!(setup.certifies(&certificate));
    let mut rng = TestRng::new(1);
    let library = setup.library();
    assert!(library.verify_certificate(&mut rng, setup.subject(), &certificate, &Sequential));
}

#[test]
fn refuses_what_the_library_accepts_and_openssl_does_not() {
    let setup = Setup::new();
    // R with a component of small order, and R that is nothing but small order.
    let odd = [
        setup.odd_signature(EIGHT_TORSION[1], Scalar::from(77u64)),
        setup.odd_signature(EIGHT_TORSION[4], Scalar::from(5u64)),
        setup.odd_signature(EIGHT_TORSION[1], Scalar::ZERO),
        setup.odd_signature(EIGHT_TORSION[0], Scalar::ZERO),
    ];
    for signature in odd {
        let library = setup.library();
        let lax: Attestation<library::Scheme> =
            Attestation { signer: Participant::new(0), signature: signature.clone().into() };
        let mut rng = TestRng::new(1);
        assert!(
            library.verify_attestation(&mut rng, setup.subject(), &lax, &Sequential),
            "the library accepts it, otherwise this test shows nothing"
        );
        let vote = with_signature(0, signature);
        assert!(!setup.accepts(&vote));
        let votes = [vote.clone(), setup.vote(1), setup.vote(2)];
        let certificate = setup.schemes[0].assemble(non_empty![@votes], &Sequential).unwrap();
        assert!(library.verify_certificate(&mut rng, setup.subject(), &certificate, &Sequential));
        assert!(!setup.certifies(&certificate), "one odd signature spoils the certificate");
        assert!(!survives_verification(&setup, vote));
    }
}

/// Whether the vote gets past the step that simplex takes before it assembles.
fn survives_verification(setup: &Setup, vote: Attestation<StrictScheme>) -> bool {
    let scheme = &setup.schemes[3];
    let mut rng = TestRng::new(1);
    let votes = vec![vote, setup.vote(1), setup.vote(2), setup.vote(3)];
    let result = scheme.verify_attestations(&mut rng, setup.subject(), votes, &Sequential);
    assert_eq!(result.invalid, [Participant::new(0)]);
    assert_eq!(result.verified.len(), 3);
    result.verified.iter().any(|vote| vote.signer == Participant::new(0))
}

#[test]
fn assembling_pending_votes_verifies_them_first() {
    let setup = Setup::new();
    let odd = with_signature(0, setup.odd_signature(EIGHT_TORSION[1], Scalar::from(77u64)));
    let pending = vec![odd, setup.vote(1), setup.vote(2)];
    let none: Vec<Attestation<StrictScheme>> = Vec::new();
    let result = setup.schemes[3].optimistic_assemble(
        &mut TestRng::new(1),
        setup.subject(),
        pending,
        none.iter(),
        &Sequential,
    );
    assert_eq!(result.err().unwrap().invalid, [Participant::new(0)]);
}

#[test]
fn a_vote_counts_for_its_signer_subject_and_ledger_only() {
    let setup = Setup::new();
    let vote = setup.vote(0);
    let other = Attestation { signer: Participant::new(1), ..vote.clone() };
    assert!(!setup.accepts(&other));
    let unknown = Attestation { signer: Participant::new(4), ..vote.clone() };
    assert!(!setup.accepts(&unknown));
    let notarize = Subject::Notarize { proposal: &setup.proposal };
    let mut rng = TestRng::new(1);
    let scheme = &setup.schemes[3];
    assert!(!scheme.verify_attestation(&mut rng, notarize, &vote, &Sequential));
    let namespace = LedgerNamespace { incarnation: 2, ..fixture::namespace() };
    let elsewhere = StrictScheme::verifier(&namespace, &fixture::set(0..VALIDATORS)).unwrap();
    assert!(!elsewhere.verify_attestation(&mut rng, setup.subject(), &vote, &Sequential));
}

#[test]
fn a_removed_validator_cannot_vote_in_the_next_epoch() {
    let setup = Setup::new();
    let next_set = fixture::set(1..5);
    let removed = StrictScheme::new(&fixture::namespace(), &next_set, &fixture::private_key(0));
    let next = removed.unwrap();
    assert!(!next.is_signer());
    assert!(next.sign(setup.subject()).is_none());
    // Whatever index it claims, its signature is no vote of the new set.
    let own = setup.seeds.iter().position(|seed| *seed == 0).unwrap();
    for index in 0..5 {
        let claim = Attestation { signer: Participant::new(index), ..setup.vote(own) };
        assert!(!next.verify_attestation(
            &mut TestRng::new(1),
            setup.subject(),
            &claim,
            &Sequential
        ));
    }
}

#[test]
fn certificates_without_a_quorum_or_of_another_set_are_refused() {
    let setup = Setup::new();
    let three = (0..3).map(|index| setup.vote(index));
    let certificate = setup.schemes[0].assemble(non_empty![@three], &Sequential).unwrap();
    let larger = StrictScheme::verifier(&fixture::namespace(), &fixture::set(0..5)).unwrap();
    let mut rng = TestRng::new(1);
    assert!(!larger.verify_certificate(&mut rng, setup.subject(), &certificate, &Sequential));
    let mut short = certificate.clone();
    short.signatures.pop();
    assert!(!setup.certifies(&short));
    let two = (0..2).map(|index| setup.vote(index));
    assert_eq!(
        setup.schemes[0].assemble(non_empty![@two], &Sequential).unwrap_err(),
        AssemblyError::InsufficientAttestations(3, 2)
    );
}

#[test]
fn debug_output_holds_no_key() {
    let setup = Setup::new();
    let private = hex::encode(fixture::private_key(setup.seeds[0]).encode());
    let text = format!("{:?}", setup.schemes[0]);
    assert!(!text.contains(&private[..16]), "{text}");
}
