//! Finalized blocks of a ledger with their receipts, the indexes that clients ask by, and the
//! values that each block overwrote.
//!
//! [`ChainStore`] is an embedded log-structured store (fjall) in one directory. One writer adds a
//! block at a time, each in one atomic batch; readers never wait for it and see only whole blocks,
//! because every answer is checked against the head, which moves after the batch is committed. What
//! is committed outlives the process; what was committed before [`ChainStore::persist`] returned
//! outlives a power cut. Everything but the old values can be rebuilt from the blocks of consensus.
//!
//! # Disk format, version 3
//!
//! Numbers are big endian, heights 8 bytes. Another version is refused by name.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `meta` | `"format"` | version (4) |
//! | | `"chain"` | lowest header, lowest body, head |
//! | | `"island"` | lowest header, lowest body, head of a run below a gap; zeros for none |
//! | | `"genesis body"`, `"genesis receipts"` | those of block 0, encoded as the others |
//! | | `"history"` | oldest height whose state can be read, last height recorded |
//! | `headers` | height | block hash (32), length of the header (2), `rlp(header)`, `rlp(extension)` |
//! | `bodies` | height | `rlp([EIP-2718 transaction, …])` |
//! | `receipts` | height | senders and receipts, see below |
//! | `numbers` | block hash | height |
//! | `transactions` | first 16 bytes of the transaction's hash | height, index, both *variable* |
//! | `log_terms` | term (9), height | nothing |
//! | `certificates` | height | epoch (8), view (8), parent view (8), block hash (32), then key (32) and signature (64) of each signer |
//! | `validators` | epoch (8) | keys (32 each), ascending |
//! | `evidence` | validator (32), epoch (8), view (8), kinds of both votes (1 each) | version 2 (1), time seen in ms (8), then of each vote kind (1), parent view (8), block hash (32), signature (64), length of the signed message (2), message |
//! | `history` | kind (1), name, height | value before the block of that height |
//!
//! Besides, `transactions`, `log_terms`, `certificates`, `validators` and `history` have the key
//! `00` with the number of batches (8) that wrote to them, and `meta` has the same under
//! `"batches of "` and the table's name. A table that is behind has lost its newest entries.
//!
//! A *variable* number has 7 bits per byte, the lowest first; the top bit of a byte says that more
//! follow; the shortest form is the only one. `receipts` has, all numbers variable: count and bytes of
//! the block's addresses (20 each), count and bytes of its other words (32 each), count of
//! transactions, and of each: number of the sender among the addresses, type (1, plus 0x80 where it
//! succeeded), gas used, count of logs, and of each: number of the writer, count of topics, the topics
//! (twice the number of an address that is padded with zeros, or twice the number of a word plus 1),
//! length of the data, data. Addresses and words stand in the order of their first use.
//!
//! A *term* is a kind (0 address, 1 to 4 topic by position, 5 any log) and a 64-bit fold of the
//! word: the four 64-bit words of the 32 bytes (addresses left-padded with zeros) go through
//! `x = (x ^ w) · 0x9e3779b97f4a7c15 mod 2^64; x ^= x >> 32`, from 0. A block has one entry per
//! distinct term.
//!
//! Kinds of `history`: 0 account (name: address), 1 slot (address, slot number (32)), 2 code (its
//! hash). Values: nothing where the key was absent; an account as length of nonce (1), nonce, length
//! of balance (1), balance, and its code hash unless it has no code; a slot as its number; numbers
//! without leading zeros; code as it is. Entries up to the oldest readable height may be gone.

mod backfill;
mod block;
mod cache;
mod check;
mod damage;
mod encoding;
mod error;
mod evidence;
mod filter;
mod heights;
mod history;
mod keyspaces;
mod log_index;
mod logs;
mod old_values;
mod options;
mod reads;
mod receipts;
mod retention;
mod rewind;
mod set_aside;
mod stamps;
mod store;
mod varint;

pub use backfill::{BACKFILL_BODIES_MAX, BACKFILL_HEADERS_MAX};
pub use block::{ChangedSlots, FinalizedBlock, LogEntry, OldValue, TxLocation};
pub use error::{ChainError, LogQueryError};
pub use evidence::{EVIDENCE_MAX, EVIDENCE_PER_VALIDATOR_MAX};
pub use filter::{
    LOG_ANSWER_BYTES_MAX, LOG_FILTER_ALTERNATIVES_MAX, LOG_FILTER_TOPICS_MAX, LogFilter, LogLimits,
};
pub use options::{ChainOptions, HISTORY_BLOCKS_DEFAULT};
pub use set_aside::SetAside;
pub use store::ChainStore;

#[cfg(test)]
mod tests;
