//! What every signed consensus message starts with.

use alloy_primitives::B256;

use crate::{ChainId, Incarnation, LedgerId};

/// Binds votes to one incarnation of one ledger of one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// Ledger, 0 is the main one.
    pub ledger_id: LedgerId,
    /// Raised only by the recovery ceremony.
    pub incarnation: Incarnation,
}

impl Namespace {
    /// Length of [`Self::to_bytes`].
    pub const LENGTH: usize = 4 + 8 + 32 + 4 + 4;

    /// `"heqi" || chain id (8) || genesis hash (32) || ledger id (4) || incarnation (4)`, numbers
    /// big endian.
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0u8; Self::LENGTH];
        bytes[..4].copy_from_slice(b"heqi");
        bytes[4..12].copy_from_slice(&self.chain_id.to_be_bytes());
        bytes[12..44].copy_from_slice(self.genesis_hash.as_slice());
        bytes[44..48].copy_from_slice(&self.ledger_id.to_be_bytes());
        bytes[48..].copy_from_slice(&self.incarnation.to_be_bytes());
        bytes
    }
}
