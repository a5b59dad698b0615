#![allow(clippy::unwrap_used)]

use commonware_consensus::{
    simplex::types::{Finalize, Proposal, Subject},
    types::{Epoch, Round, View},
};
use commonware_cryptography::certificate::{Scheme as _, Subject as _};
use commonware_parallel::Sequential;
use commonware_utils::{non_empty, union_unique};
use ed25519_dalek::{Signature as DalekSignature, Verifier as _, VerifyingKey};
use types::signed_bytes;

use super::*;
use crate::{Digest, StrictScheme, fixture};

fn finalization(epoch: u64, view: u64, voters: std::ops::Range<u64>) -> Finalization {
    let set = fixture::set(0..4);
    let scheme = |seed: u64| {
        StrictScheme::new(&fixture::namespace(), &set, &fixture::private_key(seed)).unwrap()
    };
    let round = Round::new(Epoch::new(epoch), View::new(view));
    let proposal = Proposal::new(round, View::new(view - 1), Digest::from([0xab; 32]));
    let votes: Vec<Finalize<StrictScheme, Digest>> =
        voters.map(|seed| Finalize::sign(&scheme(seed), proposal.clone()).unwrap()).collect();
    Finalization::from_finalizes(&scheme(0), non_empty![@votes.iter()], &Sequential).unwrap()
}

fn published(epoch: u64, view: u64) -> Certificate {
    let participants = crate::participants(&fixture::set(0..4)).unwrap();
    ledger_certificate(&finalization(epoch, view, 0..3), &participants).unwrap()
}

/// The library signs exactly the published bytes, also where the numbers take several varint bytes.
#[test]
fn the_published_bytes_are_the_signed_bytes() {
    for (epoch, view) in [(0, 1), (1, 127), (127, 128), (128, 16_384), (u64::MAX, u64::MAX)] {
        let finalization = finalization(epoch, view, 0..3);
        let subject = Subject::Finalize { proposal: &finalization.proposal };
        let base = fixture::namespace().to_bytes();
        let derived = commonware_consensus::simplex::scheme::Namespace::new(&base);
        let library = union_unique(subject.namespace(&derived), &subject.message());
        let hash = B256::repeat_byte(0xab);
        let published = signed_bytes(&fixture::namespace(), epoch, view, view - 1, hash);
        assert_eq!(published, library, "epoch {epoch}, view {view}");
    }
}

/// What a court's expert does: plain Ed25519, nothing of this crate.
#[test]
fn each_signature_verifies_with_an_independent_tool() {
    let certificate = published(3, 300);
    let message = signed_bytes(&fixture::namespace(), 3, 300, 299, certificate.block_hash);
    assert_eq!(certificate.signatures.len(), 3);
    for ValidatorSignature { key, signature } in &certificate.signatures {
        let key = VerifyingKey::from_bytes(&key.0).unwrap();
        key.verify(&message, &DalekSignature::from_bytes(signature)).unwrap();
    }
    let keys: Vec<ValidatorKey> = certificate.signatures.iter().map(|s| s.key).collect();
    let mut expected: Vec<ValidatorKey> = (0..3).map(fixture::key).collect();
    expected.sort();
    assert_eq!(keys, expected);
}

#[test]
fn accepts_the_real_and_names_what_is_wrong_with_others() {
    let (namespace, set) = (fixture::namespace(), fixture::set(0..4));
    let check =
        |certificate: &Certificate| verify_ledger_certificate(&namespace, &set, certificate);
    let real = published(3, 300);
    assert_eq!(check(&real), Ok(()));

    let mut short = real.clone();
    short.signatures.pop();
    assert_eq!(check(&short), Err(CertificateError::NoQuorum { found: 2, needed: 3 }));

    let mut twice = real.clone();
    twice.signatures[1] = twice.signatures[0];
    assert_eq!(check(&twice), Err(CertificateError::Order(real.signatures[0].key)));

    let mut foreign = real.clone();
    foreign.signatures[0].key = fixture::key(9);
    foreign.signatures.sort_by_key(|signature| signature.key);
    assert_eq!(check(&foreign), Err(CertificateError::NotAValidator(fixture::key(9))));

    let mut bent = real.clone();
    bent.signatures[2].signature[5] ^= 1;
    assert_eq!(check(&bent), Err(CertificateError::Signature(real.signatures[2].key)));

    let moved = Certificate { view: 301, ..real.clone() };
    assert_eq!(check(&moved), Err(CertificateError::Signature(real.signatures[0].key)));
}

#[test]
fn refuses_a_certificate_of_another_set() {
    let participants = crate::participants(&fixture::set(0..5)).unwrap();
    let error = ledger_certificate(&finalization(1, 1, 0..3), &participants).unwrap_err();
    assert_eq!(error, CertificateError::OtherSet { certificate: 4, set: 5 });
    let scheme = StrictScheme::verifier(&fixture::namespace(), &fixture::set(0..4)).unwrap();
    assert_eq!(scheme.participants().len(), 4);
}
