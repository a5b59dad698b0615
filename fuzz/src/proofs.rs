//! What convinces: finality certificates and proofs of state.

use commonware_codec::Decode as _;
use commonware_cryptography::certificate::Verifier as _;
use commonware_parallel::Sequential;
use commonware_utils::TestRng;
use consensus::{Finalization, ledger_certificate, verify_ledger_certificate};
use state::qmdb::{ProvedValue, verify};

use crate::{
    fixture::{self, State},
    messages::assert_encodes,
};

/// A certificate has one encoding, nodes accept it exactly if outsiders accept its published form,
/// and nothing but the validators' own is accepted.
pub fn finalization(bytes: &[u8]) -> bool {
    let scheme = fixture::scheme();
    let limits = scheme.certificate_codec_config();
    let Ok(finalization) = Finalization::decode_cfg(bytes.to_vec(), &limits) else {
        return false;
    };
    assert_encodes(&finalization, bytes);
    let inside = finalization.verify(&mut TestRng::new(1), scheme, &Sequential);
    let published = ledger_certificate(&finalization, fixture::participants());
    let outside = published.as_ref().is_ok_and(|published| {
        verify_ledger_certificate(&fixture::namespace(), fixture::set(), published).is_ok()
    });
    assert_eq!(inside, outside, "nodes and outsiders disagree on {finalization:?}");
    if inside {
        let proposal = &finalization.proposal;
        assert!(fixture::proposals().contains(proposal), "nobody signed {proposal:?}");
    }
    inside
}

/// The first byte chooses a statement about a known state, half of them false; the rest is the
/// proof. No proof makes a false statement true, and a true one has exactly one proof.
pub fn state_proof(bytes: &[u8]) -> bool {
    let Some((choice, proof)) = bytes.split_first() else {
        return false;
    };
    let State { commitment, other, statements } = fixture::state();
    let statement = &statements[usize::from(*choice) % statements.len()];
    let proved = ProvedValue {
        key: statement.key,
        value: statement.value.clone(),
        proof: proof.to_vec().into(),
    };
    assert!(verify(other, &proved).is_err(), "a proof for two states: {proved:?}");
    let accepted = verify(commitment, &proved).is_ok();
    if accepted {
        assert_eq!(statement.proof.as_deref(), Some(proof), "{:?} proved otherwise", proved.key);
    }
    accepted
}
