#![allow(clippy::unwrap_used)]
use std::sync::atomic::{AtomicU64, Ordering};

use alloy_primitives::B256;
use chain::{ChainOptions, ChainStore};
use commonware_consensus::{
    simplex::types::{ConflictingFinalize, Finalize, Notarize, Nullify, NullifyFinalize, Proposal},
    types::{Round, View},
};
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use consensus::{Digest, StrictScheme, validator_key};
use types::{Namespace, ValidatorSet, VoteKind};

use super::*;
use crate::evidence;

fn namespace() -> Namespace {
    Namespace { chain_id: 7, genesis_hash: B256::repeat_byte(7), ledger_id: 0, incarnation: 0 }
}

fn key(seed: u64) -> ValidatorKey {
    validator_key(&PrivateKey::from_seed(seed).public_key())
}

fn set() -> ValidatorSet {
    ValidatorSet::new((0..4).map(key).collect()).unwrap()
}

fn signer(seed: u64) -> StrictScheme {
    StrictScheme::new(&namespace(), &set(), &PrivateKey::from_seed(seed)).unwrap()
}

fn proposal(view: u64, byte: u8) -> Proposal<Digest> {
    let round = Round::new(Epoch::new(0), View::new(view));
    Proposal::new(round, View::new(view - 1), Digest::from([byte; 32]))
}

fn observed() -> (Observed, mpsc::Receiver<Activity>, Arc<AtomicU64>) {
    let schemes = EpochSchemes::new(namespace(), PrivateKey::from_seed(0));
    schemes.register(Epoch::new(0), &set()).unwrap();
    let time = Arc::new(AtomicU64::new(1_000));
    let clock: Clock = {
        let time = Arc::clone(&time);
        Arc::new(move || time.load(Ordering::Relaxed))
    };
    let (sender, receiver) = mpsc::channel(evidence::CONFLICTS_WAITING_MAX);
    (Observed::new(schemes, clock, sender), receiver, time)
}

#[test]
fn votes_are_counted_with_their_age_and_move_the_view() {
    let (mut observed, _, time) = observed();
    let notarize = Notarize::sign(&signer(1), proposal(5, 1)).unwrap();
    observed.report(Activity::Notarize(notarize));
    time.store(3_500, Ordering::Relaxed);
    let finalize = Finalize::sign(&signer(1), proposal(5, 1)).unwrap();
    observed.report(Activity::Finalize(finalize));
    let nullify = Nullify::sign::<Digest>(&signer(2), proposal(7, 1).round).unwrap();
    observed.report(Activity::Nullify(nullify));
    let seen = observed.seen();
    assert_eq!(seen.votes[&key(1)], Votes { last_ms: 3_500, count: 2 });
    assert_eq!(seen.votes[&key(2)], Votes { last_ms: 3_500, count: 1 });
    assert_eq!(seen.votes.len(), 2);
    assert_eq!((seen.epoch, seen.view), (0, 7));
}

#[test]
fn conflicting_votes_become_evidence_that_a_stranger_can_check() {
    let (mut observed, mut conflicts, _) = observed();
    let finalize = |byte| Finalize::sign(&signer(3), proposal(9, byte)).unwrap();
    let nullify = Nullify::sign::<Digest>(&signer(3), proposal(9, 1).round).unwrap();
    observed
        .report(Activity::ConflictingFinalize(ConflictingFinalize::new(finalize(1), finalize(2))));
    observed.report(Activity::NullifyFinalize(NullifyFinalize::new(nullify, finalize(1))));
    let folder = tempfile::tempdir().unwrap();
    let store = ChainStore::open(folder.path(), ChainOptions::default()).unwrap();
    while let Ok(activity) = conflicts.try_recv() {
        assert!(evidence::record(&store, &observed.schemes, &activity, 77));
        assert!(!evidence::record(&store, &observed.schemes, &activity, 99), "known already");
    }
    let found = store.evidence(10).unwrap();
    assert_eq!(found.len(), 2);
    let strict = crypto::StrictKey::decode(&key(3).0).unwrap();
    for entry in &found {
        assert_eq!((entry.validator, entry.epoch, entry.view), (key(3), 0, 9));
        for vote in &entry.votes {
            assert!(strict.verify(&vote.message, &vote.signature));
        }
    }
    let kinds = |index: usize| [found[index].votes[0].kind, found[index].votes[1].kind];
    assert_eq!(kinds(0), [VoteKind::Nullify, VoteKind::Finalize]);
    assert_eq!(kinds(1), [VoteKind::Finalize, VoteKind::Finalize]);
}

#[test]
fn a_flood_of_conflicts_is_bounded() {
    let (mut observed, mut conflicts, _) = observed();
    for view in 2..1_000 {
        let finalize = |byte| Finalize::sign(&signer(3), proposal(view, byte)).unwrap();
        let made = ConflictingFinalize::new(finalize(1), finalize(2));
        observed.report(Activity::ConflictingFinalize(made));
    }
    let mut waiting = 0;
    while conflicts.try_recv().is_ok() {
        waiting += 1;
    }
    // The channel has one more place per sender.
    assert!((1..=evidence::CONFLICTS_WAITING_MAX + 1).contains(&waiting), "{waiting}");
}
