//! Blocks as readers see them: a ledger's own, or Ethereum's where a chain was imported.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use alloy_consensus::{Header, TxEnvelope};
use alloy_eips::{eip2718::Encodable2718 as _, eip4895::Withdrawal};
use alloy_primitives::{Address, B256, Bytes};
use chain::{ChainError, ChainStore, LogEntry, LogFilter, LogLimits, LogQueryError, TxLocation};
use types::{Block, Extension, Receipt, Transaction, TransactionError};

/// A block of Ethereum, of any of its forks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EthereumBlock {
    header: Header,
    hash: B256,
    transactions: Vec<TxEnvelope>,
    encoded: Vec<Bytes>,
    ommers: Vec<Header>,
    withdrawals: Option<Vec<Withdrawal>>,
}

impl EthereumBlock {
    /// A block whose parts belong together.
    pub fn new(block: alloy_consensus::Block<TxEnvelope>) -> Self {
        let alloy_consensus::Block { header, body } = block;
        let encoded = body.transactions.iter().map(|one| one.encoded_2718().into()).collect();
        Self {
            hash: header.hash_slow(),
            header,
            transactions: body.transactions,
            encoded,
            ommers: body.ommers,
            withdrawals: body.withdrawals.map(|list| list.into_inner()),
        }
    }
}

/// A block as readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainBlock {
    /// Of this ledger.
    Own(Arc<Block>),
    /// Imported.
    Ethereum(Arc<EthereumBlock>),
}

impl ChainBlock {
    /// Header.
    pub fn header(&self) -> &Header {
        match self {
            Self::Own(block) => block.header(),
            Self::Ethereum(block) => &block.header,
        }
    }

    /// What stands beside the header; only in blocks of ledgers.
    pub fn extension(&self) -> Option<&Extension> {
        match self {
            Self::Own(block) => Some(block.extension()),
            Self::Ethereum(_) => None,
        }
    }

    /// Hash of the header.
    pub fn hash(&self) -> B256 {
        match self {
            Self::Own(block) => block.hash(),
            Self::Ethereum(block) => block.hash,
        }
    }

    /// Height.
    pub fn number(&self) -> u64 {
        self.header().number
    }

    /// Block time, milliseconds since the Unix epoch.
    pub fn time_ms(&self) -> u64 {
        let seconds_ms = self.header().timestamp.saturating_mul(1000);
        self.extension().map_or(seconds_ms, |extension| extension.time_ms)
    }

    /// Transactions as they are encoded (EIP-2718), in order.
    pub fn transactions(&self) -> &[Bytes] {
        match self {
            Self::Own(block) => block.transactions(),
            Self::Ethereum(block) => &block.encoded,
        }
    }

    /// Transaction `index`, whose sender is known.
    ///
    /// # Errors
    /// The stored bytes are no transaction.
    ///
    /// # Panics
    /// Where the block has no such transaction.
    pub fn transaction(
        &self,
        index: usize,
        sender: Address,
    ) -> Result<Transaction, TransactionError> {
        match self {
            Self::Own(block) => {
                Transaction::with_sender(block.transactions()[index].clone(), sender)
            }
            Self::Ethereum(block) => {
                let envelope = block.transactions[index].clone();
                Ok(Transaction::of_any_type(envelope, block.encoded[index].clone(), sender))
            }
        }
    }

    /// Headers of ommers; ledgers have none.
    pub fn ommers(&self) -> &[Header] {
        match self {
            Self::Own(_) => &[],
            Self::Ethereum(block) => &block.ommers,
        }
    }

    /// Withdrawals (EIP-4895); empty in blocks of ledgers, `None` before Ethereum had them.
    pub fn withdrawals(&self) -> Option<&[Withdrawal]> {
        match self {
            Self::Own(_) => Some(&[]),
            Self::Ethereum(block) => block.withdrawals.as_deref(),
        }
    }
}

/// The fork of Ethereum that an imported chain's head is under, as far as rules do not tell it
/// (EIP-7910).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EthereumFork {
    /// Seconds since the Unix epoch.
    pub activation_time: u64,
    /// EIP-2124's hash of all forks so far.
    pub fork_hash: [u8; 4],
    /// System contracts by name.
    pub system_contracts: BTreeMap<String, Address>,
}

/// Final blocks with what their execution found out.
pub trait Blocks: Send + Sync {
    /// Height of a block by hash.
    ///
    /// # Errors
    /// As all methods here: what is not kept, failures of the store.
    fn number(&self, hash: B256) -> Result<Option<u64>, ChainError>;

    /// Header of a block, and what stands beside it where it is a ledger's.
    fn header(&self, number: u64) -> Result<Option<(Header, Option<Extension>)>, ChainError>;

    /// Hash of a block.
    fn hash(&self, number: u64) -> Result<Option<B256>, ChainError>;

    /// A block.
    fn block(&self, number: u64) -> Result<Option<ChainBlock>, ChainError>;

    /// Receipts of a block, one per transaction.
    fn receipts(&self, number: u64) -> Result<Option<Arc<Vec<Receipt>>>, ChainError>;

    /// State roots that the receipts of a block carry in place of a status: Ethereum's before
    /// Byzantium.
    fn post_states(&self, _number: u64) -> Option<Arc<Vec<B256>>> {
        None
    }

    /// Senders of a block's transactions.
    fn senders(&self, number: u64) -> Result<Option<Arc<Vec<Address>>>, ChainError>;

    /// Place of a transaction.
    fn transaction(&self, hash: B256) -> Result<Option<TxLocation>, ChainError>;

    /// Logs that match a filter, in the order of the chain.
    ///
    /// # Errors
    /// More results or work than `limits` allow, blocks that are not kept, failures of the store.
    fn logs(
        &self,
        filter: &LogFilter,
        range: RangeInclusive<u64>,
        limits: LogLimits,
    ) -> Result<Vec<LogEntry>, LogQueryError>;

    /// The lowest block kept.
    fn lowest(&self) -> u64;

    /// The fork at the head; `None` on ledgers, whose rules begin at heights.
    fn fork(&self) -> Option<EthereumFork> {
        None
    }
}

impl Blocks for ChainStore {
    fn number(&self, hash: B256) -> Result<Option<u64>, ChainError> {
        self.number(hash)
    }

    fn header(&self, number: u64) -> Result<Option<(Header, Option<Extension>)>, ChainError> {
        Ok(self.header(number)?.map(|(header, extension)| (header, Some(extension))))
    }

    fn hash(&self, number: u64) -> Result<Option<B256>, ChainError> {
        self.hash(number)
    }

    fn block(&self, number: u64) -> Result<Option<ChainBlock>, ChainError> {
        Ok(self.block(number)?.map(ChainBlock::Own))
    }

    fn receipts(&self, number: u64) -> Result<Option<Arc<Vec<Receipt>>>, ChainError> {
        self.receipts(number)
    }

    fn senders(&self, number: u64) -> Result<Option<Arc<Vec<Address>>>, ChainError> {
        self.senders(number)
    }

    fn transaction(&self, hash: B256) -> Result<Option<TxLocation>, ChainError> {
        self.transaction(hash)
    }

    fn logs(
        &self,
        filter: &LogFilter,
        range: RangeInclusive<u64>,
        limits: LogLimits,
    ) -> Result<Vec<LogEntry>, LogQueryError> {
        self.logs(filter, range, limits)
    }

    fn lowest(&self) -> u64 {
        self.lowest().unwrap_or(0)
    }
}
