//! Bytes that must not leak.

use zeroize::Zeroize;

/// 32 secret bytes. No `Debug`, no `Display`, no serialisation; wiped when dropped.
#[derive(Clone)]
pub struct Secret([u8; 32]);

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system's random number generator failed: {0}")]
pub struct RandomnessError(#[from] getrandom::Error);

impl Secret {
    /// Takes bytes over.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// 32 bytes from the operating system.
    ///
    /// # Errors
    /// The operating system has no source of randomness.
    pub fn generate() -> Result<Self, RandomnessError> {
        let mut secret = Self([0; 32]);
        getrandom::fill(&mut secret.0)?;
        Ok(secret)
    }

    /// The bytes, for handing them to a signing library.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
