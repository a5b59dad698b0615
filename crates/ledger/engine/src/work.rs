//! What the proposer's rhythm depends on.

use std::{future::Future, sync::Arc};

use alloy_primitives::B256;
use consensus::{Digest, pacing::Work};
use state::{StateKey, StateReader as _, StateValue};
use system::validators::StoredSet;

use crate::core::Core;

/// Answers for the pacing of one ledger. Cloning shares it.
#[derive(Clone)]
pub(crate) struct LedgerWork(pub(crate) Arc<Core>);

fn hash_of(digest: &Digest) -> B256 {
    B256::from_slice(digest.as_ref())
}

impl Work for LedgerWork {
    async fn has_work(&self, parent: &Digest) -> bool {
        let used = self.0.executed.used_by(hash_of(parent));
        self.0.pool.has_executable(&used.hashes, &used.next_nonces)
    }

    fn wait_for_work(&self, parent: &Digest) -> impl Future<Output = ()> + Send {
        let used = self.0.executed.used_by(hash_of(parent));
        self.0.pool.wait_for_work(&used.hashes, &used.next_nonces)
    }

    async fn validator_change_pending(&self, _parent: &Digest) -> bool {
        // The newest applied state stands for the parent's: the answer decides only when empty
        // blocks are built, never whether a block is valid.
        let key = StateKey::Storage(StoredSet::ADDRESS, StoredSet::pending_length_slot());
        let values = self.0.latest.read_many(&[key]).await;
        matches!(values.as_deref(), Ok([Some(StateValue::Storage(length))]) if !length.is_zero())
    }

    async fn empty_run_length(&self, parent: &Digest) -> u64 {
        let limit = self.0.genesis.parameters.trailing_blocks;
        let mut hash = hash_of(parent);
        let mut run = 0;
        while run < limit {
            let (empty, next) = match self.0.executed.get(&hash) {
                Some(block) => (block.transactions.is_empty(), block.parent),
                None => match self.stored(hash) {
                    Some(block) => block,
                    // Below the first block nothing had transactions.
                    None => return u64::MAX,
                },
            };
            if !empty {
                return run;
            }
            run += 1;
            hash = next;
        }
        run
    }
}

impl LedgerWork {
    /// Whether a final block is empty, and its parent.
    fn stored(&self, hash: B256) -> Option<(bool, B256)> {
        let number = self.0.chain.number(hash).ok().flatten()?;
        let (header, _) = self.0.chain.header(number).ok().flatten()?;
        (number > 0).then(|| (header.transaction_root_is_empty(), header.parent_hash))
    }
}
