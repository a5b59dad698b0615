//! Which heights the store holds, as records of the `meta` table.

use fjall::{Keyspace, OwnedWriteBatch};

use crate::{ChainError, damage};

const CHAIN_KEY: &str = "chain";
const ISLAND_KEY: &str = "island";
const HISTORY_KEY: &str = "history";

/// Reads a record of `N` heights, 8 bytes big endian each.
fn read_heights<const N: usize>(
    meta: &Keyspace,
    key: &'static str,
) -> Result<Option<[u64; N]>, ChainError> {
    let Some(bytes) = damage::read(meta, key, "heights", key)? else {
        return Ok(None);
    };
    let (chunks, rest) = bytes.as_chunks::<8>();
    let heights: Option<[u64; N]> =
        <[[u8; 8]; N]>::try_from(chunks).ok().map(|chunks| chunks.map(u64::from_be_bytes));
    match heights {
        Some(heights) if rest.is_empty() => Ok(Some(heights)),
        _ => Err(ChainError::Damaged {
            what: "heights",
            place: key.into(),
            reason: format!("{} bytes instead of {}", bytes.len(), N * 8),
        }),
    }
}

fn write_heights(heights: &[u64], batch: &mut OwnedWriteBatch, meta: &Keyspace, key: &'static str) {
    let bytes: Vec<u8> = heights.iter().flat_map(|height| height.to_be_bytes()).collect();
    batch.insert(meta, key, bytes);
}

/// A run of blocks below a gap: what the store held when it joined further up. It counts again once
/// headers and bodies have been filled down to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Island {
    /// Oldest header.
    pub lowest_header: u64,
    /// Oldest body; above `head` where there is none.
    pub lowest_body: u64,
    /// Newest block.
    pub head: u64,
}

impl Island {
    fn bodies(&self) -> u64 {
        self.head.saturating_add(1).saturating_sub(self.lowest_body)
    }
}

/// Blocks in the store: headers from `lowest_header` and bodies with everything that belongs to
/// them from `lowest_body`, both up to `head` without gaps; block 0 besides, where it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChainHeights {
    /// Whether block 0 is held. It stays, whatever is missing above it.
    pub genesis: bool,
    /// Oldest header of the run that ends at the head.
    pub lowest_header: u64,
    /// Oldest body of that run; the height after the head while there is none.
    pub lowest_body: u64,
    /// Newest block.
    pub head: u64,
    /// Blocks below the gap below `lowest_header`, or below `lowest_body` only.
    pub island: Option<Island>,
}

impl ChainHeights {
    pub fn read(meta: &Keyspace, genesis: bool) -> Result<Option<Self>, ChainError> {
        let heights = read_heights(meta, CHAIN_KEY)?;
        let Some([lowest_header, lowest_body, head]) = heights else {
            return Ok(None);
        };
        let island =
            read_heights(meta, ISLAND_KEY)?.and_then(|[lowest_header, lowest_body, head]| {
                (head > 0).then_some(Island { lowest_header, lowest_body, head })
            });
        if lowest_header <= head && lowest_header <= lowest_body {
            return Ok(Some(Self { genesis, lowest_header, lowest_body, head, island }));
        }
        Err(ChainError::Damaged {
            what: "heights",
            place: CHAIN_KEY.into(),
            reason: format!("headers from {lowest_header}, bodies from {lowest_body} to {head}"),
        })
    }

    pub fn write(self, batch: &mut OwnedWriteBatch, meta: &Keyspace) {
        let heights = [self.lowest_header, self.lowest_body, self.head];
        write_heights(&heights, batch, meta, CHAIN_KEY);
        let island = self.island.map(|held| [held.lowest_header, held.lowest_body, held.head]);
        write_heights(&island.unwrap_or_default(), batch, meta, ISLAND_KEY);
    }

    /// These heights begun anew at `number`; what was held so far becomes the island. Of two runs
    /// the one with more bodies stays: the other is of a join that was interrupted, or is fetched
    /// again.
    pub fn joined(held: Option<Self>, number: u64) -> Self {
        let run = held.filter(|held| held.head > 0).map(|held| Island {
            lowest_header: held.lowest_header,
            lowest_body: held.lowest_body,
            head: held.head,
        });
        let below = held.and_then(|held| held.island);
        let island = run.into_iter().chain(below).max_by_key(Island::bodies);
        Self {
            genesis: held.is_some_and(|held| held.genesis),
            lowest_header: number,
            lowest_body: number.saturating_add(1),
            head: number,
            island,
        }
    }

    /// These heights after a change: reaching as far down as what they meet, without the bodies that
    /// `retained_blocks` rules out. The headers must have been compared where they meet.
    pub fn settled(mut self, retained_blocks: Option<u64>) -> Self {
        let floor = retention_floor(self.head, retained_blocks);
        if let Some(island) = self.island {
            let above = island.head.saturating_add(1);
            if self.lowest_header == above {
                self.lowest_header = island.lowest_header;
            }
            let joined = self.lowest_header == island.lowest_header;
            if joined && self.lowest_body == above {
                self.lowest_body = island.lowest_body.min(above);
                self.island = None;
            } else if joined && floor > island.head {
                self.island = None;
            }
        }
        self.lowest_body = self.lowest_body.max(floor);
        if self.genesis && self.lowest_header == 1 {
            self.lowest_header = 0;
        }
        if self.genesis && self.lowest_header == 0 && self.lowest_body == 1 {
            self.lowest_body = 0;
        }
        self
    }

    /// Whether `number` is what the run is being filled down to: block 0, or the island's newest.
    pub fn reaches(self, number: u64) -> bool {
        (self.genesis && number == 0) || self.island.is_some_and(|island| island.head == number)
    }

    pub fn holds_header(self, number: u64) -> bool {
        (self.genesis && number == 0) || (self.lowest_header..=self.head).contains(&number)
    }

    pub fn holds_body(self, number: u64) -> bool {
        (self.genesis && number == 0) || (self.lowest_body..=self.head).contains(&number)
    }
}

/// The oldest body that a store with this head is meant to hold, block 0 aside.
pub(crate) fn retention_floor(head: u64, retained_blocks: Option<u64>) -> u64 {
    retained_blocks.map_or(0, |blocks| head.saturating_sub(blocks))
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
        let heights = read_heights(meta, HISTORY_KEY)?;
        Ok(heights.map(|[oldest, head]| Self { oldest, head }))
    }

    pub fn write(self, batch: &mut OwnedWriteBatch, meta: &Keyspace) {
        write_heights(&[self.oldest, self.head], batch, meta, HISTORY_KEY);
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
