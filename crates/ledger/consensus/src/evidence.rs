//! Two conflicting votes of one validator, in the ledger's own form.
//!
//! The library reports conflicting votes as they come in, before it has checked their signatures.
//! Here both are checked strictly: what this module returns convinces a stranger.

use alloy_primitives::B256;
use commonware_codec::{Encode as _, ReadExt as _};
use commonware_consensus::simplex::types::{
    Attributable as _, Finalize, Notarize, Nullify, Subject,
};
use commonware_consensus::{Epochable as _, Viewable as _};
use commonware_cryptography::certificate::Attestation;
use types::{Evidence, SignedVote, ValidatorKey, VoteKind};

use crate::{Activity, Digest, StrictScheme};

/// The evidence that `activity` reports, if it reports any and both signatures verify with the
/// `scheme` of its epoch.
pub fn evidence_in(activity: &Activity, scheme: &StrictScheme, seen_ms: u64) -> Option<Evidence> {
    // The library's evidence shows its votes only through its encoding.
    let (signer, votes) = match activity {
        Activity::ConflictingNotarize(found) => {
            let mut bytes = found.encode();
            let first = notarize(scheme, &Notarize::read(&mut bytes).ok()?)?;
            let second = notarize(scheme, &Notarize::read(&mut bytes).ok()?)?;
            (found.signer(), [first, second])
        }
        Activity::ConflictingFinalize(found) => {
            let mut bytes = found.encode();
            let first = finalize(scheme, &Finalize::read(&mut bytes).ok()?)?;
            let second = finalize(scheme, &Finalize::read(&mut bytes).ok()?)?;
            (found.signer(), [first, second])
        }
        Activity::NullifyFinalize(found) => {
            let mut bytes = found.encode();
            let first = nullify(scheme, &Nullify::read(&mut bytes).ok()?)?;
            let second = finalize(scheme, &Finalize::read(&mut bytes).ok()?)?;
            (found.signer(), [first, second])
        }
        _ => return None,
    };
    let validator: ValidatorKey = scheme.key_of(signer)?;
    let (epoch, view) = (activity.epoch().get(), activity.view().get());
    Some(Evidence { validator, epoch, view, seen_ms, votes })
}

fn notarize(scheme: &StrictScheme, vote: &Notarize<StrictScheme, Digest>) -> Option<SignedVote> {
    let subject = Subject::Notarize { proposal: &vote.proposal };
    let block = (vote.proposal.payload, vote.proposal.parent.get());
    signed(scheme, VoteKind::Notarize, &subject, &vote.attestation, Some(block))
}

fn finalize(scheme: &StrictScheme, vote: &Finalize<StrictScheme, Digest>) -> Option<SignedVote> {
    let subject = Subject::Finalize { proposal: &vote.proposal };
    let block = (vote.proposal.payload, vote.proposal.parent.get());
    signed(scheme, VoteKind::Finalize, &subject, &vote.attestation, Some(block))
}

fn nullify(scheme: &StrictScheme, vote: &Nullify<StrictScheme>) -> Option<SignedVote> {
    let subject: Subject<'_, Digest> = Subject::Nullify { round: vote.round };
    signed(scheme, VoteKind::Nullify, &subject, &vote.attestation, None)
}

fn signed(
    scheme: &StrictScheme,
    kind: VoteKind,
    subject: &Subject<'_, Digest>,
    attestation: &Attestation<StrictScheme>,
    block: Option<(Digest, u64)>,
) -> Option<SignedVote> {
    let (message, signature) = scheme.signed_vote(subject, attestation)?;
    Some(SignedVote {
        kind,
        block_hash: block.map(|(digest, _)| B256::from_slice(digest.as_ref())),
        parent_view: block.map_or(0, |(_, parent_view)| parent_view),
        message: message.into(),
        signature,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use commonware_consensus::{
        simplex::types::{ConflictingFinalize, ConflictingNotarize, NullifyFinalize, Proposal},
        types::{Epoch, Round, View},
    };
    use crypto::StrictKey;

    use super::*;
    use crate::fixture;

    fn scheme(seed: u64) -> StrictScheme {
        let set = fixture::set(0..4);
        StrictScheme::new(&fixture::namespace(), &set, &fixture::private_key(seed)).unwrap()
    }

    fn proposal(byte: u8) -> Proposal<Digest> {
        let round = Round::new(Epoch::new(2), View::new(9));
        Proposal::new(round, View::new(8), Digest::from([byte; 32]))
    }

    fn conflicts(signer: &StrictScheme) -> Vec<Activity> {
        let notarize = |byte| Notarize::sign(signer, proposal(byte)).unwrap();
        let finalize = |byte| Finalize::sign(signer, proposal(byte)).unwrap();
        let nullify = Nullify::sign::<Digest>(signer, proposal(1).round).unwrap();
        vec![
            Activity::ConflictingNotarize(ConflictingNotarize::new(notarize(1), notarize(2))),
            Activity::ConflictingFinalize(ConflictingFinalize::new(finalize(1), finalize(2))),
            Activity::NullifyFinalize(NullifyFinalize::new(nullify, finalize(1))),
        ]
    }

    #[test]
    fn both_signatures_verify_over_bytes_that_name_the_ledger_and_the_view() {
        for activity in conflicts(&scheme(2)) {
            let found = evidence_in(&activity, &scheme(0), 77).unwrap();
            assert_eq!((found.validator, found.epoch, found.view), (fixture::key(2), 2, 9));
            assert_ne!(found.votes[0].message, found.votes[1].message);
            let key = StrictKey::decode(&found.validator.0).unwrap();
            for vote in &found.votes {
                assert!(key.verify(&vote.message, &vote.signature));
                let namespace =
                    [&fixture::namespace().to_bytes()[..], vote.kind.suffix().as_bytes()].concat();
                assert_eq!(usize::from(vote.message[0]), namespace.len());
                let (named, rest) = vote.message[1..].split_at(namespace.len());
                assert_eq!((named, &rest[..2]), (&namespace[..], &[2, 9][..]));
                let block = vote.block_hash.map(|hash| hash.to_vec()).unwrap_or_default();
                assert!(rest.ends_with(&block));
            }
        }
    }

    #[test]
    fn forged_votes_are_no_evidence() {
        let honest = Notarize::sign(&scheme(2), proposal(1)).unwrap();
        let mut forged = Notarize::sign(&scheme(2), proposal(2)).unwrap();
        forged.proposal = proposal(3);
        let activity = Activity::ConflictingNotarize(ConflictingNotarize::new(honest, forged));
        assert!(evidence_in(&activity, &scheme(0), 0).is_none());
        let vote = Notarize::sign(&scheme(2), proposal(1)).unwrap();
        assert!(evidence_in(&Activity::Notarize(vote), &scheme(0), 0).is_none());
    }
}
