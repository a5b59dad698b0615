//! Settings of the store.

/// Blocks whose overwritten values are kept unless configured otherwise.
pub const HISTORY_BLOCKS_DEFAULT: u64 = 10_000;

/// Settings of a [`ChainStore`](crate::ChainStore).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainOptions {
    /// How many blocks back old values can be read; `None` keeps all of them (archive node). A
    /// store opened with a smaller window drops what lies outside; a larger one cannot bring it
    /// back, so older heights stay pruned.
    pub history_blocks: Option<u64>,
    /// How many blocks below the head keep their body, receipts and index entries; `None` (the
    /// default) keeps all of them. Headers, extensions, certificates and validator sets stay for
    /// ever either way. A store opened with a smaller number drops what lies outside; a larger one
    /// does not bring it back by itself.
    pub retained_blocks: Option<u64>,
}

impl Default for ChainOptions {
    fn default() -> Self {
        Self { history_blocks: Some(HISTORY_BLOCKS_DEFAULT), retained_blocks: None }
    }
}
