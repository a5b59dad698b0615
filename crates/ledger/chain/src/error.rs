//! Why the chain store refused or failed.

use alloy_primitives::B256;

/// A failure of the chain store. None of them leaves a half-written block behind.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The storage engine failed: disk full, I/O error, lock held by another process.
    #[error("chain store: {}", describe(.0))]
    Storage(#[source] fjall::Error),
    /// The directory was written by a release with another disk format.
    #[error("chain store has disk format {found}, this release reads {supported}")]
    Format {
        /// Version found on disk.
        found: u32,
        /// Version that this release reads and writes.
        supported: u32,
    },
    /// A stored value does not decode, or a value that must exist is absent. The store can be
    /// rebuilt from the blocks of consensus.
    #[error("chain store is damaged: {what} at {place}: {reason}")]
    Damaged {
        /// Which kind of value.
        what: &'static str,
        /// Its height or hash.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// A block other than the stored one was offered for a height that is final.
    #[error("block {height} is final as {stored}, refused {offered}")]
    Conflict {
        /// Height of both.
        height: u64,
        /// Hash in the store.
        stored: B256,
        /// Hash of the block offered.
        offered: B256,
    },
    /// A block whose parent is not the head was offered.
    #[error("block {height} names parent {named}, the head is {stored}")]
    WrongParent {
        /// Height of the block offered.
        height: u64,
        /// Hash of the head.
        stored: B256,
        /// Parent hash in the offered header.
        named: B256,
    },
    /// Heights must follow each other without gaps.
    #[error("height {offered} does not follow: the next height is {next}")]
    Gap {
        /// The only new height that is accepted.
        next: u64,
        /// Height offered.
        offered: u64,
    },
    /// What was offered for a height is not what the certified chain names there.
    #[error("block {height}: the chain names the {what} {named}, refused {offered}")]
    NotInChain {
        /// Height of the block offered.
        height: u64,
        /// Which part of it.
        what: &'static str,
        /// Hash or root that the chain names.
        named: B256,
        /// Hash or root of what was offered.
        offered: B256,
    },
    /// More was offered in one call than it takes.
    #[error("{count} blocks in one call exceed the limit of {limit}")]
    BatchTooLong {
        /// Blocks offered.
        count: usize,
        /// Blocks that one call takes.
        limit: usize,
    },
    /// A store that holds no block has nothing to fill up below it.
    #[error("the chain store holds no block yet")]
    Empty,
    /// A node joins at a block above what its store holds.
    #[error("the chain store goes up to block {head} already; a node joins above that")]
    AlreadyFilled {
        /// Newest block held.
        head: u64,
    },
    /// Transactions, receipts and senders of the block offered differ in number.
    #[error(
        "block {height} has {transactions} transactions, {receipts} receipts and {senders} senders"
    )]
    Uneven {
        /// Height of the block offered.
        height: u64,
        /// Transactions in the body.
        transactions: usize,
        /// Receipts given.
        receipts: usize,
        /// Senders given.
        senders: usize,
    },
    /// A diff destroys whole accounts, which the rules of Heqi's ledgers never do (EIP-6780).
    #[error("diff of block {height} destroys whole storages, which the history cannot record")]
    WipedStorage {
        /// Height of the diff.
        height: u64,
    },
    /// The block exists, but this node no longer holds the part asked for, or not yet: it is below
    /// the blocks that the node keeps or has fetched so far.
    #[error(
        "pruned history unavailable: block {height} is not kept here; the oldest available is \
         block {oldest}"
    )]
    BlockPruned {
        /// Height asked for.
        height: u64,
        /// Oldest height that can be answered.
        oldest: u64,
    },
    /// The height is older than the history kept.
    #[error(
        "values at block {height} are pruned; the oldest available are those of block {oldest}"
    )]
    Pruned {
        /// Height asked for.
        height: u64,
        /// Oldest height that can be answered.
        oldest: u64,
    },
}

/// In words, for the failures that an operator can do something about.
fn describe(error: &fjall::Error) -> String {
    match error {
        fjall::Error::Io(cause) => cause.to_string(),
        fjall::Error::Locked => "another process has it open".into(),
        fjall::Error::Poisoned => {
            "an earlier write failed, so no further one is accepted; restart the node once its \
             cause (in the log) is gone"
                .into()
        }
        other => other.to_string(),
    }
}

/// Why a log query was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum LogQueryError {
    /// More logs match than one answer may hold.
    #[error("query returned more than {limit} results")]
    TooMany {
        /// Logs in one answer.
        limit: usize,
    },
    /// Answering would read more than one query may.
    // Begins as a text by which indexers know that they should ask for fewer blocks.
    #[error(
        "query exceeds max results: more than {limit} {what} to read; narrow the range or the filter"
    )]
    TooBroad {
        /// How many of `what` one query may read.
        limit: usize,
        /// What is read: blocks or index entries.
        what: &'static str,
    },
    /// More alternatives in one position of the filter than allowed.
    #[error("exceed max addresses or topics per search position ({limit})")]
    TooManyTerms {
        /// Alternatives per position.
        limit: usize,
    },
    /// More topic positions than a log has.
    #[error("exceed max topics ({limit})")]
    TooManyTopics {
        /// Topic positions.
        limit: usize,
    },
    /// The range starts below the oldest block of this node.
    #[error("pruned history unavailable: the oldest block with logs on this node is {lowest}")]
    Pruned {
        /// Oldest block with logs.
        lowest: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
}
