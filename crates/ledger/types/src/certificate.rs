//! Finality certificates in a form that a stranger can check with OpenSSL.

use alloy_primitives::B256;

use crate::{Namespace, ValidatorKey};

/// One validator's signature over [`signed_bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidatorSignature {
    /// Who signed.
    pub key: ValidatorKey,
    /// RFC 8032 Ed25519 signature.
    pub signature: [u8; 64],
}

/// A quorum's statement that a block is final, and with it every ancestor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Epoch whose validators signed.
    pub epoch: u64,
    /// View in which the block was proposed and finalized.
    pub view: u64,
    /// View of the block's parent.
    pub parent_view: u64,
    /// The block.
    pub block_hash: B256,
    /// In ascending order of the keys, each at most once.
    pub signatures: Vec<ValidatorSignature>,
}

impl Certificate {
    /// What each signature signs.
    pub fn signed_bytes(&self, namespace: &Namespace) -> Vec<u8> {
        signed_bytes(namespace, self.epoch, self.view, self.parent_view, self.block_hash)
    }
}

/// Signatures needed from `validators` validators: n − ⌊(n−1)/3⌋.
pub const fn quorum(validators: usize) -> usize {
    if validators == 0 { 0 } else { validators - (validators - 1) / 3 }
}

/// The exact bytes under a finalize signature: `varint(length of ns) || ns || varint(epoch) ||
/// varint(view) || varint(parent view) || block hash`, where ns = namespace || "_FINALIZE" and
/// varint is unsigned LEB128.
pub fn signed_bytes(
    namespace: &Namespace,
    epoch: u64,
    view: u64,
    parent_view: u64,
    block_hash: B256,
) -> Vec<u8> {
    const SUFFIX: &[u8] = b"_FINALIZE";
    let mut out = Vec::with_capacity(Namespace::LENGTH + SUFFIX.len() + 64);
    varint(&mut out, (Namespace::LENGTH + SUFFIX.len()) as u64);
    out.extend_from_slice(&namespace.to_bytes());
    out.extend_from_slice(SUFFIX);
    varint(&mut out, epoch);
    varint(&mut out, view);
    varint(&mut out, parent_view);
    out.extend_from_slice(block_hash.as_slice());
    out
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
