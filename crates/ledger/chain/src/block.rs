//! What goes into the store and what comes out.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Log, U256};
use state::StateValue;
use types::{Block, Receipt};

/// A final block with everything that execution found out about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalizedBlock {
    /// Header, extension and body.
    pub block: Arc<Block>,
    /// One per transaction, in order.
    pub receipts: Arc<Vec<Receipt>>,
    /// Who signed each transaction, in order.
    pub senders: Arc<Vec<Address>>,
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxLocation {
    /// Height of its block.
    pub number: u64,
    /// Position in the block, from 0.
    pub index: u32,
}

/// What the history knows of a value at an old height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OldValue {
    /// It has not changed since; the current value holds.
    Unchanged,
    /// It was this; `None` where it was absent.
    Was(Option<StateValue>),
}

/// Slots of an account that the old values name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedSlots {
    /// Slots that some block changed, ascending.
    pub slots: Vec<U256>,
    /// Whether the account has no others: all its changes are kept.
    pub all: bool,
}

/// A log with its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Address, topics and data.
    pub log: Log,
    /// Height of the block.
    pub block_number: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Block time, seconds since the Unix epoch.
    pub block_timestamp: u64,
    /// Hash of the transaction.
    pub transaction_hash: B256,
    /// Position of the transaction in the block, from 0.
    pub transaction_index: u32,
    /// Position of the log in the block, from 0.
    pub log_index: u32,
}
