//! Keys of the ledger's formats as keys of the consensus library, and back.

use commonware_codec::DecodeExt as _;
use commonware_utils::ordered::Set;
use crypto::check_validator_key;
use types::{ValidatorKey, ValidatorSet};

use crate::PublicKey;

/// Why a key cannot take part in consensus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a point, not canonical, or of small order.
    #[error("validator key {0} is not a strictly valid Ed25519 public key")]
    NotStrict(ValidatorKey),
}

/// The library's form of a validator's key, refused unless it is strictly valid.
pub fn public_key(key: &ValidatorKey) -> Result<PublicKey, KeyError> {
    check_validator_key(key).map_err(|_| KeyError::NotStrict(*key))?;
    decoded(key)
}

/// The library's form of any key that is a curve point: block 0 names the zero key as its leader,
/// which is a point of small order and so no validator's.
pub(crate) fn decoded(key: &ValidatorKey) -> Result<PublicKey, KeyError> {
    PublicKey::decode(key.0.to_vec()).map_err(|_| KeyError::NotStrict(*key))
}

/// The ledger's form of a key.
pub fn validator_key(key: &PublicKey) -> ValidatorKey {
    let mut bytes = [0u8; 32];
    bytes.copy_from_slice(key.as_ref());
    ValidatorKey(bytes)
}

/// A validator set as the library's participants: same keys, same order, so that an index in a
/// certificate is an index in the set.
pub fn participants(set: &ValidatorSet) -> Result<Set<PublicKey>, KeyError> {
    let keys: Result<Vec<PublicKey>, KeyError> = set.keys().iter().map(public_key).collect();
    Ok(Set::from_iter_dedup(keys?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};

    use super::*;

    fn keys(count: u64) -> Vec<ValidatorKey> {
        (0..count).map(|seed| validator_key(&PrivateKey::from_seed(seed).public_key())).collect()
    }

    #[test]
    fn order_and_bytes_are_the_same_on_both_sides() {
        let set = ValidatorSet::new(keys(20)).unwrap();
        let participants = participants(&set).unwrap();
        let back: Vec<ValidatorKey> = participants.iter().map(validator_key).collect();
        assert_eq!(back, set.keys());
    }

    #[test]
    fn keys_that_outsiders_refuse_are_no_validators() {
        // The identity, the zero key (order 4), and the identity in a non-canonical encoding.
        let mut identity = [0u8; 32];
        identity[0] = 1;
        let mut not_canonical = [0xff; 32];
        not_canonical[0] = 0xee;
        not_canonical[31] = 0x7f;
        for bytes in [identity, [0u8; 32], not_canonical, [0xff; 32]] {
            let key = ValidatorKey(bytes);
            assert_eq!(public_key(&key), Err(KeyError::NotStrict(key)));
        }
    }

    #[test]
    fn the_zero_key_of_block_0_is_a_point() {
        assert!(decoded(&ValidatorKey::default()).is_ok());
    }
}
