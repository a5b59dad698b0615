//! Which Ed25519 signatures count.
//!
//! RFC 8032 leaves room: libraries differ on small-order points, non-canonical encodings and the
//! cofactor; the consensus library accepts the most (ZIP-215). A vote that only some of them accept
//! would make a certificate that nodes take and an auditor's OpenSSL refuses, so the narrowest rule
//! is used: canonical key, canonical `R` and `s`, neither point of small order, the equation without
//! cofactor. Whatever passes here passes the consensus library's rules and OpenSSL's as well.

use ed25519_dalek::{Signature, VerifyingKey};
use types::ValidatorKey;

/// The signature is not valid under the strict rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRefused {
    /// The key is no point of the curve, not canonically encoded, or of small order.
    #[error("validator key {0} is not a canonical Ed25519 key")]
    Key(ValidatorKey),
    /// The signature does not match, or is one of those that not every library accepts.
    #[error("signature does not verify under validator key {0}")]
    Signature(ValidatorKey),
}

/// A public key that strict verification can use, decoded once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrictKey(VerifyingKey);

impl StrictKey {
    /// Decodes 32 bytes; `None` if they are no point, not the point's canonical encoding, or a
    /// point of small order.
    pub fn decode(bytes: &[u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        // Decompression takes y modulo the prime, so one point may have two encodings.
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        (canonical && !key.is_weak()).then_some(Self(key))
    }

    /// Whether `signature` (64 bytes, `R || s`) is this key's over exactly `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// Checks that `key` can be a validator's. Consensus stops at a set with any other key, so whoever
/// stores keys for it asks here first.
///
/// # Errors
/// [`SignatureRefused::Key`].
pub fn check_validator_key(key: &ValidatorKey) -> Result<(), SignatureRefused> {
    StrictKey::decode(&key.0).map(drop).ok_or(SignatureRefused::Key(*key))
}

/// Checks `signature` (64 bytes, `R || s`, RFC 8032) of `message`.
///
/// # Errors
/// Says whether key or signature is at fault.
pub fn verify_strict(
    key: &ValidatorKey,
    message: &[u8],
    signature: &[u8; 64],
) -> Result<(), SignatureRefused> {
    let strict = StrictKey::decode(&key.0).ok_or(SignatureRefused::Key(*key))?;
    strict.verify(message, signature).then_some(()).ok_or(SignatureRefused::Signature(*key))
}

#[cfg(test)]
mod wycheproof;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};
    use types::ValidatorKey;

    use super::{SignatureRefused, check_validator_key, verify_strict};

    /// RFC 8032 section 7.1, test 2.
    const KEY: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    const SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    /// The group order, little endian.
    const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn rfc_8032_vector_verifies_and_every_flipped_bit_does_not() {
        let key = ValidatorKey(bytes(KEY));
        assert_eq!(check_validator_key(&key), Ok(()));
        let signature: [u8; 64] = bytes(SIGNATURE);
        assert_eq!(verify_strict(&key, &[0x72], &signature), Ok(()));
        for bit in 0..512 {
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(verify_strict(&key, &[0x72], &changed).is_err(), "bit {bit}");
        }
        assert!(verify_strict(&key, &[0x73], &signature).is_err());
    }

    #[test]
    fn s_above_the_group_order_is_refused() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let mut signature = key.sign(b"vote").to_bytes();
        let order: [u8; 32] = bytes(ORDER);
        let mut carry = 0;
        for (byte, add) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        let validator = ValidatorKey(key.verifying_key().to_bytes());
        assert_eq!(
            verify_strict(&validator, b"vote", &signature),
            Err(SignatureRefused::Signature(validator))
        );
    }

    #[test]
    fn small_order_key_is_refused_though_the_equation_holds() {
        // The identity point: s = 0 and R = identity satisfy the equation for every message.
        let mut identity = [0u8; 32];
        identity[0] = 1;
        let mut signature = [0u8; 64];
        signature[..32].copy_from_slice(&identity);
        let key = ValidatorKey(identity);
        assert_eq!(check_validator_key(&key), Err(SignatureRefused::Key(key)));
        assert_eq!(verify_strict(&key, b"any", &signature), Err(SignatureRefused::Key(key)));
    }

    #[test]
    fn non_canonical_and_off_curve_keys_are_refused() {
        // y = p + 3 is the second encoding of y = 3, a point whose order is not small.
        let mut non_canonical = [0xff; 32];
        non_canonical[0] = 0xf0;
        non_canonical[31] = 0x7f;
        let mut canonical = [0u8; 32];
        canonical[0] = 3;
        let parsed = ed25519_dalek::VerifyingKey::from_bytes(&canonical).unwrap();
        assert!(!parsed.is_weak());
        assert!(ed25519_dalek::VerifyingKey::from_bytes(&non_canonical).is_ok());
        let off_curve = (0..=255u8)
            .map(|first| {
                let mut key = [0u8; 32];
                key[0] = first;
                key
            })
            .find(|key| ed25519_dalek::VerifyingKey::from_bytes(key).is_err())
            .unwrap();
        assert_eq!(check_validator_key(&ValidatorKey(canonical)), Ok(()));
        for key in [non_canonical, off_curve].map(ValidatorKey) {
            assert_eq!(check_validator_key(&key), Err(SignatureRefused::Key(key)));
            assert_eq!(verify_strict(&key, b"any", &[0; 64]), Err(SignatureRefused::Key(key)));
        }
    }
}
