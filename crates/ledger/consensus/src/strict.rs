//! Ed25519 under the rules that every common verifier agrees on.
//!
//! RFC 8032 leaves room: some verifiers multiply by the cofactor, some accept small-order points or
//! non-canonical encodings. The consensus library accepts the most (ZIP-215). A certificate is
//! evidence for outsiders, so this ledger accepts the least: canonical encodings of the key, of R
//! and of S, no small-order key or R, and the equation without cofactor. Whatever passes here
//! passes the library's rules and OpenSSL's as well.

use ed25519_dalek::{Signature, VerifyingKey};

/// A public key that strict verification can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrictKey(VerifyingKey);

impl StrictKey {
    /// Decodes 32 bytes; `None` if they are no point, not the point's canonical encoding, or a
    /// point of small order.
    pub fn decode(bytes: &[u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        (canonical && !key.is_weak()).then_some(Self(key))
    }

    /// Whether `signature` is this key's over exactly `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

#[cfg(test)]
mod tests;
