//! Limits of the pool. Every one of them refuses with a reason; none makes anybody wait.

/// Transactions that the pool holds.
pub const TRANSACTIONS_MAX: usize = 100_000;
/// Encoded transactions that the pool holds, bytes. The decoded form takes about as much again.
pub const BYTES_MAX: usize = 256 * 1024 * 1024;
/// Executable transactions of one sender.
pub const LANE_TRANSACTIONS_MAX: usize = 4_096;
/// How far ahead of its sender's next nonce a transaction may be, nonces.
pub const NONCE_GAP_MAX: u64 = 1_024;
/// Transactions of one sender while the pool is under pressure.
pub const SENDER_SHARE_MAX: usize = 256;
/// Fill of the pool, in percent of either total, from which [`SENDER_SHARE_MAX`] holds.
pub const PRESSURE_PERCENT: usize = 75;
/// Blocks after which a transaction that still waits for a lower nonce is dropped.
pub const QUEUED_BLOCKS_MAX: u64 = 1_000;

/// Limits of one pool; the defaults are the constants of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Transactions held (default 100,000).
    pub transactions_max: usize,
    /// Encoded bytes held (default 256 MiB).
    pub bytes_max: usize,
    /// Executable transactions of one sender (default 4,096). One that fills a gap may make up to
    /// `nonce_gap_max` more executable.
    pub lane_transactions_max: usize,
    /// How many nonces a transaction may be ahead of its sender's next one (default 1,024).
    pub nonce_gap_max: u64,
    /// Transactions of one sender once the pool is over [`PRESSURE_PERCENT`] full (default 256).
    pub sender_share_max: usize,
    /// Lifetime of a transaction that waits for a lower nonce, blocks (default 1,000).
    pub queued_blocks_max: u64,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            transactions_max: TRANSACTIONS_MAX,
            bytes_max: BYTES_MAX,
            lane_transactions_max: LANE_TRANSACTIONS_MAX,
            nonce_gap_max: NONCE_GAP_MAX,
            sender_share_max: SENDER_SHARE_MAX,
            queued_blocks_max: QUEUED_BLOCKS_MAX,
        }
    }
}
