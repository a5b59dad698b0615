//! secp256k1 keys of accounts, for devnets and tests. Users' wallets keep their own keys.

use alloy_primitives::{Address, B256, Signature, U256};
use k256::ecdsa::SigningKey;

use crate::{RandomnessError, Secret};

/// Draws before giving up; a draw fails with a chance of about 2^-128.
const DRAWS_MAX: usize = 8;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum EthereumKeyError {
    /// No randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// Zero, or not below the group order.
    #[error("not a secp256k1 private key: it is zero or not below the group order")]
    OutOfRange,
}

/// A secp256k1 key pair. No `Debug`.
#[derive(Clone)]
pub struct EthereumKey {
    secret: Secret,
    signing: SigningKey,
}

impl EthereumKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// The operating system has no source of randomness.
    pub fn generate() -> Result<Self, EthereumKeyError> {
        for _ in 0..DRAWS_MAX {
            if let Ok(key) = Self::from_secret(Secret::generate()?) {
                return Ok(key);
            }
        }
        Err(EthereumKeyError::OutOfRange)
    }

    /// The key of 32 big-endian bytes.
    ///
    /// # Errors
    /// The number is zero or not below the group order.
    pub fn from_secret(secret: Secret) -> Result<Self, EthereumKeyError> {
        let signing =
            SigningKey::from_slice(secret.expose()).map_err(|_| EthereumKeyError::OutOfRange)?;
        Ok(Self { secret, signing })
    }

    /// The private key, for showing a devnet account to its user.
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The account: the last 20 bytes of keccak256 of the uncompressed public key.
    pub fn address(&self) -> Address {
        let point = self.signing.verifying_key().to_encoded_point(false);
        Address::from_raw_public_key(&point.as_bytes()[1..])
    }

    /// Signs a 32 byte hash (RFC 6979, low s as EIP-2 demands).
    pub fn sign_hash(&self, hash: B256) -> Signature {
        let (signature, parity) = self
            .signing
            .sign_prehash_recoverable(hash.as_slice())
            .expect("a 32 byte hash can be signed by a valid key");
        let (r, s) = signature.split_bytes();
        Signature::new(U256::from_be_slice(&r), U256::from_be_slice(&s), parity.is_y_odd())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy_primitives::{address, keccak256};

    use super::EthereumKey;
    use crate::Secret;

    #[test]
    fn address_of_a_known_key() {
        // The example of EIP-155.
        let key = EthereumKey::from_secret(Secret::new([0x46; 32])).unwrap();
        assert_eq!(key.address(), address!("9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"));
    }

    #[test]
    fn signatures_recover_to_the_signer_and_have_a_low_s() {
        for _ in 0..16 {
            let key = EthereumKey::generate().unwrap();
            let hash = keccak256(key.address());
            let signature = key.sign_hash(hash);
            assert!(signature.normalize_s().is_none());
            let scalars = k256::ecdsa::Signature::from_scalars(
                signature.r().to_be_bytes::<32>(),
                signature.s().to_be_bytes::<32>(),
            );
            let point = k256::ecdsa::VerifyingKey::recover_from_prehash(
                hash.as_slice(),
                &scalars.unwrap(),
                k256::ecdsa::RecoveryId::new(signature.v(), false),
            )
            .unwrap();
            assert_eq!(&point, key.signing.verifying_key());
        }
    }

    #[test]
    fn zero_and_numbers_above_the_order_are_no_keys() {
        assert!(EthereumKey::from_secret(Secret::new([0; 32])).is_err());
        assert!(EthereumKey::from_secret(Secret::new([0xff; 32])).is_err());
    }
}
