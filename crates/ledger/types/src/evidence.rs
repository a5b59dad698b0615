//! Proof that a validator signed two votes of which an honest one signs at most one.
//!
//! Both votes are kept as the exact bytes that were signed, so that a stranger can check both
//! signatures with any Ed25519 tool. What the bytes say is described in
//! `docs/en/ledger-format.md`: each begins with the ledger's namespace and the kind of the vote and
//! names epoch and view.

use alloy_primitives::{B256, Bytes};

use crate::ValidatorKey;

/// Longest message under a vote's signature, bytes. Real ones have about 100.
pub const VOTE_MESSAGE_BYTES_MAX: usize = 512;

/// What a vote says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VoteKind {
    /// "This block may be certified."
    Notarize,
    /// "This view passes without a block."
    Nullify,
    /// "This block is final."
    Finalize,
}

impl VoteKind {
    /// Stable word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notarize => "notarize",
            Self::Nullify => "nullify",
            Self::Finalize => "finalize",
        }
    }

    /// What the namespace under its signature ends with.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Notarize => "_NOTARIZE",
            Self::Nullify => "_NULLIFY",
            Self::Finalize => "_FINALIZE",
        }
    }
}

/// One signed vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedVote {
    /// What it says.
    pub kind: VoteKind,
    /// The block that it names; `None` for [`VoteKind::Nullify`].
    pub block_hash: Option<B256>,
    /// View of that block's parent; 0 for [`VoteKind::Nullify`].
    pub parent_view: u64,
    /// The bytes that were signed, at most [`VOTE_MESSAGE_BYTES_MAX`].
    pub message: Bytes,
    /// RFC 8032 Ed25519 signature over `message`.
    pub signature: [u8; 64],
}

/// Two votes of one validator in one view that exclude each other: two blocks notarized, two blocks
/// finalized, or a block finalized and the view passed without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Who signed both.
    pub validator: ValidatorKey,
    /// Epoch of both votes.
    pub epoch: u64,
    /// View of both votes.
    pub view: u64,
    /// When this node saw the second one, milliseconds since the Unix epoch on its own clock.
    pub seen_ms: u64,
    /// The votes.
    pub votes: [SignedVote; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_suffixes_belong_together() {
        for kind in [VoteKind::Notarize, VoteKind::Nullify, VoteKind::Finalize] {
            assert_eq!(kind.suffix(), format!("_{}", kind.name().to_uppercase()));
        }
    }
}
