//! Ed25519 under the strict rules (crate `crypto`).

use commonware_codec::DecodeExt as _;
use commonware_cryptography::{Verifier as _, ed25519};
use crypto::{StrictKey, check_validator_key, verify_strict};
use ed25519_dalek::{Signer as _, SigningKey};
use types::ValidatorKey;

use crate::fixture;

/// Bytes of key and signature, which stand before the message.
const FIXED_BYTES: usize = 96;

/// The input is `key (32) || signature (64) || message`, and is looked at twice. As it is: what the
/// strict rules accept, other libraries accept. As a change of a true signature (the signature's
/// bytes are flipped bits): only no change at all verifies.
pub fn strict_key(bytes: &[u8]) -> bool {
    let Some((fixed, message)) = bytes.split_at_checked(FIXED_BYTES) else {
        return false;
    };
    let mut key = [0u8; 32];
    key.copy_from_slice(&fixed[..32]);
    let mut signature = [0u8; 64];
    signature.copy_from_slice(&fixed[32..]);
    only_the_true_signature_verifies(message, &signature);
    accepted_by_all(&key, &signature, message)
}

fn accepted_by_all(key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
    let strict = StrictKey::decode(key);
    assert_eq!(check_validator_key(&ValidatorKey(*key)).is_ok(), strict.is_some());
    let accepted = strict.is_some_and(|strict| strict.verify(message, signature));
    assert_eq!(verify_strict(&ValidatorKey(*key), message, signature).is_ok(), accepted);
    if accepted {
        let key = ed25519_dalek::VerifyingKey::from_bytes(key).expect("accepted");
        let plain = ed25519_dalek::Signature::from_bytes(signature);
        ed25519_dalek::Verifier::verify(&key, message, &plain).expect("refused by plain rules");
        assert!(library_accepts(key.as_bytes(), signature, message), "refused by the library");
    }
    accepted
}

/// Whether the consensus library accepts, over a message without namespace: it prepends the length
/// of one, which is why votes are compared through the scheme (target `finalization`) and here only
/// the keys are.
fn library_accepts(key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
    let key = ed25519::PublicKey::decode(key.to_vec());
    let signature = ed25519::Signature::decode(signature.to_vec());
    match (key, signature) {
        // What it signs is `varint(0) || message` without namespace.
        (Ok(key), Ok(signature)) => match message.split_first() {
            Some((0, message)) => key.verify(b"", message, &signature),
            _ => true,
        },
        _ => false,
    }
}

fn only_the_true_signature_verifies(message: &[u8], flipped: &[u8; 64]) {
    let key: SigningKey = fixture::signing_key();
    let mut signature = key.sign(message).to_bytes();
    signature.iter_mut().zip(flipped).for_each(|(byte, bits)| *byte ^= bits);
    let strict = StrictKey::decode(key.verifying_key().as_bytes()).expect("an honest key");
    let unchanged = flipped.iter().all(|bits| *bits == 0);
    assert_eq!(strict.verify(message, &signature), unchanged);
}
