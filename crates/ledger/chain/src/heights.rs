//! Which heights the store holds, as records of the `meta` table.

use fjall::{Keyspace, OwnedWriteBatch};

use crate::ChainError;

const CHAIN_KEY: &str = "chain";
const HISTORY_KEY: &str = "history";

/// A record of two heights, 16 bytes big endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HeightPair(u64, u64);

impl HeightPair {
    fn read(meta: &Keyspace, key: &'static str) -> Result<Option<Self>, ChainError> {
        let Some(bytes) = meta.get(key)? else {
            return Ok(None);
        };
        let whole = <[u8; 16]>::try_from(&bytes[..]).map_err(|_| ChainError::Damaged {
            what: "heights",
            place: key.into(),
            reason: format!("{} bytes instead of 16", bytes.len()),
        })?;
        let whole = u128::from_be_bytes(whole);
        Ok(Some(Self((whole >> 64) as u64, whole as u64)))
    }

    fn write(self, batch: &mut OwnedWriteBatch, meta: &Keyspace, key: &'static str) {
        let whole = (u128::from(self.0) << 64) | u128::from(self.1);
        batch.insert(meta, key, whole.to_be_bytes());
    }
}

/// Blocks in the store, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChainHeights {
    /// Oldest block.
    pub lowest: u64,
    /// Newest block.
    pub head: u64,
}

impl ChainHeights {
    pub fn read(meta: &Keyspace) -> Result<Option<Self>, ChainError> {
        let pair = HeightPair::read(meta, CHAIN_KEY)?;
        Ok(pair.map(|HeightPair(lowest, head)| Self { lowest, head }))
    }

    pub fn write(self, batch: &mut OwnedWriteBatch, meta: &Keyspace) {
        HeightPair(self.lowest, self.head).write(batch, meta, CHAIN_KEY);
    }

    pub fn holds(self, number: u64) -> bool {
        (self.lowest..=self.head).contains(&number)
    }
}

/// Blocks whose overwritten values are in the store, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HistoryHeights {
    /// Oldest block whose state can be read. It only grows.
    pub oldest: u64,
    /// Newest block whose overwritten values are recorded.
    pub head: u64,
}

impl HistoryHeights {
    pub fn read(meta: &Keyspace) -> Result<Option<Self>, ChainError> {
        let pair = HeightPair::read(meta, HISTORY_KEY)?;
        Ok(pair.map(|HeightPair(oldest, head)| Self { oldest, head }))
    }

    pub fn write(self, batch: &mut OwnedWriteBatch, meta: &Keyspace) {
        HeightPair(self.oldest, self.head).write(batch, meta, HISTORY_KEY);
    }

    /// These heights once block `height` is recorded as well, with a window of `blocks`. The
    /// recorded block is not yet the head for readers, hence one height more than the window.
    pub fn after(previous: Option<Self>, height: u64, blocks: Option<u64>) -> Self {
        let start = previous.map_or(height.saturating_sub(1), |heights| heights.oldest);
        let oldest = start.max(Self::window_start(height, blocks));
        Self { oldest, head: height }
    }

    fn window_start(head: u64, blocks: Option<u64>) -> u64 {
        blocks.map_or(0, |blocks| head.saturating_sub(blocks.saturating_add(1)))
    }
}
