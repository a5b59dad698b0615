//! How much the stores of the consensus library keep.
//!
//! The chain store keeps blocks, receipts, certificates and validator sets, and serves them to peers.
//! The library's copies are windows: of the last blocks and certificates for what has not reached
//! the chain store yet and for peers that are a little behind, and of the operations of the state
//! databases for peers that are in the middle of a state sync. Whatever `retained_blocks` says,
//! they are bounded.

use std::num::{NonZeroU64, NonZeroUsize};

use commonware_glue::stateful::PruneConfig;
use commonware_utils::{NZU64, NZUsize};

/// Blocks and certificates in the archives, at least. Certificates are copied to the chain store as
/// the head moves, and those of so many blocks are looked through again at a start.
pub const ARCHIVE_BLOCKS: u64 = 1_024;
/// The same in epochs: an epoch's engine starts from the last block of the epoch before.
pub const ARCHIVE_EPOCHS: u64 = 2;
/// Blocks in the archives at most, however long an epoch is. The library remembers about 300 bytes
/// of memory for each (two entries of an archive's index at up to 48, and the sync targets of the
/// three databases at about 200): 5 MB.
pub const ARCHIVE_BLOCKS_MAX: u64 = 16_384;
/// Blocks whose operations the logs of the state databases keep beyond those that hold present
/// values. A state sync follows a target that moves while it runs; with a block every 100 ms this
/// lets one request be 100 s late.
pub const STATE_LOG_BLOCKS: u64 = 1_024;
// Certificates are copied before they are pruned.
const _: () = assert!(crate::certificates::START_OVERLAP <= ARCHIVE_BLOCKS);
/// Blocks between two prunings.
const PRUNING_INTERVAL_BLOCKS: NonZeroUsize = NZUsize!(128);
/// Blocks per file of the archives, the unit in which they are pruned. Part of the disk format.
const SECTION_BLOCKS: NonZeroU64 = NZU64!(256);

/// The windows of the library's stores. The default is for every node; others are for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// See [`ARCHIVE_BLOCKS`].
    pub archive_blocks: u64,
    /// See [`STATE_LOG_BLOCKS`].
    pub state_log_blocks: u64,
    /// Blocks between two prunings.
    pub pruning_interval_blocks: NonZeroUsize,
    /// Blocks per file of the archives. A folder keeps the number that it was made with.
    pub section_blocks: NonZeroU64,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            archive_blocks: ARCHIVE_BLOCKS,
            state_log_blocks: STATE_LOG_BLOCKS,
            pruning_interval_blocks: PRUNING_INTERVAL_BLOCKS,
            section_blocks: SECTION_BLOCKS,
        }
    }
}

impl Windows {
    /// Blocks in the archives with epochs of this length.
    pub(crate) fn archived(self, epoch_blocks: u64) -> u64 {
        let epochs = epoch_blocks.saturating_mul(ARCHIVE_EPOCHS);
        self.archive_blocks.max(epochs.min(ARCHIVE_BLOCKS_MAX))
    }

    /// What the library is told.
    pub(crate) fn prune_config(self, epoch_blocks: u64) -> PruneConfig {
        let archived = self.archived(epoch_blocks);
        let count = |blocks| usize::try_from(blocks).unwrap_or(usize::MAX / 2);
        PruneConfig {
            maintenance_interval: self.pruning_interval_blocks,
            retained_marshal_blocks: count(archived),
            retained_qmdb_blocks: count(self.state_log_blocks.min(archived)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_at_least_two_epochs_and_at_most_what_memory_allows() {
        let blocks = |epoch_blocks| {
            let config = Windows::default().prune_config(epoch_blocks);
            config.assert_valid();
            (config.retained_marshal_blocks, config.retained_qmdb_blocks)
        };
        assert_eq!(blocks(4), (1_024, 1_024));
        assert_eq!(blocks(200), (1_024, 1_024));
        assert_eq!(blocks(6_000), (12_000, 1_024));
        assert_eq!(blocks(1_000_000), (16_384, 1_024));
        assert_eq!(blocks(u64::MAX), (16_384, 1_024));
    }
}
