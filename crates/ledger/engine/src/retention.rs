//! How much the stores of the consensus library keep.
//!
//! The chain store drops bodies by itself. The library keeps every block and certificate a second
//! time, and the log of the state databases, for peers that are behind: whoever lacks blocks asks
//! for them here. With full history all of it stays, so that a peer can replay from block 1. With
//! retention a bounded window stays; a node that is further behind joins by state sync.

use std::num::NonZeroUsize;

use commonware_glue::stateful::PruneConfig;

/// Blocks kept at least, however little is retained: certificates are copied from the archives
/// this far back at start.
const ARCHIVE_BLOCKS_MIN: u64 = 2_048;
/// Epochs kept at least, for peers that restart or join meanwhile.
const ARCHIVE_EPOCHS_MIN: u64 = 2;
/// Blocks kept at most (unless the epochs are longer): the library remembers about 300 bytes of
/// memory for each.
const ARCHIVE_BLOCKS_MAX: u64 = 65_536;
/// Blocks whose changes the logs of the state databases keep at most, for peers under state sync.
const STATE_LOG_BLOCKS_MAX: u64 = 4_096;
/// Blocks between two prunings.
const PRUNING_INTERVAL_BLOCKS: NonZeroUsize = NonZeroUsize::new(256).expect("is not zero");

/// What the library keeps when bodies of `retained_blocks` are kept; `None` keeps everything.
pub(crate) fn prune_config(retained_blocks: Option<u64>, epoch_blocks: u64) -> Option<PruneConfig> {
    let least = ARCHIVE_BLOCKS_MIN.max(epoch_blocks.saturating_mul(ARCHIVE_EPOCHS_MIN));
    let archived = retained_blocks?.min(ARCHIVE_BLOCKS_MAX).max(least);
    let logged = archived.min(STATE_LOG_BLOCKS_MAX.max(least));
    let count = |blocks| usize::try_from(blocks).unwrap_or(usize::MAX / 2);
    Some(PruneConfig {
        maintenance_interval: PRUNING_INTERVAL_BLOCKS,
        retained_marshal_blocks: count(archived),
        retained_qmdb_blocks: count(logged),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_history_keeps_everything_for_peers_that_replay() {
        assert_eq!(prune_config(None, 200), None);
    }

    #[test]
    fn a_window_is_at_least_two_epochs_and_at_most_what_memory_allows() {
        let blocks = |retained, epoch| {
            let config = prune_config(Some(retained), epoch).expect("is on");
            config.assert_valid();
            (config.retained_marshal_blocks, config.retained_qmdb_blocks)
        };
        assert_eq!(blocks(1, 200), (2_048, 2_048));
        assert_eq!(blocks(10_000, 200), (10_000, 4_096));
        assert_eq!(blocks(10_000, 6_000), (12_000, 12_000));
        assert_eq!(blocks(u64::MAX, 200), (65_536, 4_096));
        assert_eq!(blocks(5, 1_000_000), (2_000_000, 2_000_000));
    }
}
