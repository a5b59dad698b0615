//! What only a development ledger can do: make blocks when asked, go back, set values, send without
//! a signature. Calls may execute blocks and so take long; none of them waits for anything else.

use std::collections::BTreeMap;

use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, B256, Bytes, Signature, U256};
use chain::FinalizedBlock;
use execution::SpecId;
use state::{StateKey, StateValue};

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mining {
    /// With every transaction that can be executed.
    Instant,
    /// Every so many milliseconds, whether there are transactions or not.
    Interval(u64),
    /// When told to.
    OnDemand,
}

/// Values set directly, between blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Wei.
    Balance(U256),
    /// Wei on top of what is there; beyond the largest number it is that.
    AddedBalance(U256),
    /// Nonce.
    Nonce(u64),
    /// Code.
    Code(Bytes),
    /// One slot and its value.
    Storage(U256, U256),
}

/// Fields of blocks to come. What is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextBlock {
    /// Seconds since the Unix epoch, of the next block only.
    pub timestamp: Option<u64>,
    /// `PREVRANDAO` of the next block only.
    pub prev_randao: Option<B256>,
    /// Wei per gas, from the next block on.
    pub base_fee_wei: Option<u64>,
    /// Gas of a block, from the next block on.
    pub gas_limit: Option<u64>,
    /// Who receives fees, from the next block on.
    pub beneficiary: Option<Address>,
}

/// Blocks to make at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlan {
    /// How many; at most [`BlockPlan::BLOCKS_MAX`].
    pub blocks: u64,
    /// Seconds between their timestamps; `None` for the least possible.
    pub interval_s: Option<u64>,
    /// Timestamp of the first one, seconds since the Unix epoch.
    pub timestamp: Option<u64>,
}

impl BlockPlan {
    /// Blocks that one call makes.
    pub const BLOCKS_MAX: u64 = 1_000_000;

    /// One block, as soon as possible.
    pub const ONE: Self = Self { blocks: 1, interval_s: None, timestamp: None };
}

/// The block that would be made now, of what waits in the pool.
#[derive(Clone, Debug)]
pub struct PendingBlock {
    /// The block with its receipts and senders.
    pub block: FinalizedBlock,
    /// Values that it sets; `None` for what is absent after it.
    pub changes: BTreeMap<StateKey, Option<StateValue>>,
}

/// What a development ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevelopmentInfo {
    /// Another one after every start and reset.
    pub instance_id: B256,
    /// Revision of the EVM.
    pub spec: SpecId,
    /// When blocks are made.
    pub mining: Mining,
    /// Wei per gas of the next block.
    pub base_fee_wei: u64,
    /// Gas of the next block.
    pub gas_limit: u64,
}

/// Why a development ledger did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DevelopmentError {
    /// The transaction does not enter the pool, or no block.
    #[error(transparent)]
    Refused(#[from] pool::Refusal),
    /// Neither a development account nor impersonated.
    #[error("unknown account {0}: neither a development account nor impersonated")]
    UnknownAccount(Address),
    /// A value out of its range; the text names it.
    #[error("{0}")]
    Value(String),
    /// The ledger failed.
    #[error("development ledger: {0}")]
    Failed(String),
}

/// A development ledger. The rest of it is a [`Ledger`](crate::Ledger) like any other.
pub trait Development: Send + Sync {
    /// What it is.
    fn info(&self) -> DevelopmentInfo;

    /// Accounts that it holds keys of.
    fn accounts(&self) -> Vec<Address>;

    /// Signs a hash with an account's key.
    ///
    /// # Errors
    /// It holds no such key.
    fn sign_hash(&self, address: Address, hash: B256) -> Result<Signature, DevelopmentError>;

    /// Sends a transaction whose signature is not looked at: it is signed with the sender's key, or
    /// taken from an impersonated account without one. Answers its hash.
    ///
    /// # Errors
    /// The account is neither; the pool refuses it.
    fn send(&self, sender: Address, unsigned: TxEnvelope) -> Result<B256, DevelopmentError>;

    /// The same from any account, as if it were impersonated.
    ///
    /// # Errors
    /// The pool refuses it.
    fn send_unsigned(
        &self,
        sender: Address,
        unsigned: TxEnvelope,
    ) -> Result<B256, DevelopmentError>;

    /// Signs a transaction with an account's key; answers its encoding (EIP-2718).
    ///
    /// # Errors
    /// It holds no such key, or the ledger takes no transactions of this type.
    fn sign(&self, address: Address, unsigned: TxEnvelope) -> Result<Bytes, DevelopmentError>;

    /// The block that would be made now; nothing changes.
    ///
    /// # Errors
    /// Time has no room for another block, or the ledger failed.
    fn pending(&self) -> Result<PendingBlock, DevelopmentError>;

    /// Makes blocks; answers the head's height.
    ///
    /// # Errors
    /// A time that does not rise, too many blocks.
    fn mine(&self, plan: BlockPlan) -> Result<u64, DevelopmentError>;

    /// When blocks are made from now on.
    ///
    /// # Errors
    /// Making the blocks that are due at once fails.
    fn set_mining(&self, mining: Mining) -> Result<(), DevelopmentError>;

    /// Seconds since the Unix epoch that the next block gets unless told otherwise, at least.
    fn now_s(&self) -> u64;

    /// Moves the ledger's clock forward; answers how far it is ahead of the machine's, seconds.
    ///
    /// # Errors
    /// Beyond the range of time.
    fn increase_time(&self, seconds: u64) -> Result<i64, DevelopmentError>;

    /// Sets the ledger's clock; answers how far it is ahead of the machine's, seconds.
    ///
    /// # Errors
    /// Beyond the range of time.
    fn set_time(&self, timestamp: u64) -> Result<i64, DevelopmentError>;

    /// Sets fields of blocks to come.
    ///
    /// # Errors
    /// A timestamp not above the head's, a gas limit outside its range.
    fn set_next_block(&self, fields: NextBlock) -> Result<(), DevelopmentError>;

    /// Seconds between blocks, whatever the clock says; `None` for the clock.
    ///
    /// # Errors
    /// More than a year.
    fn set_timestamp_interval(&self, seconds: Option<u64>) -> Result<(), DevelopmentError>;

    /// Sets a value of the newest state.
    ///
    /// # Errors
    /// A value out of its range.
    fn edit(&self, address: Address, edit: Edit) -> Result<(), DevelopmentError>;

    /// Remembers how everything is; answers the snapshot's number.
    ///
    /// # Errors
    /// Too many snapshots.
    fn snapshot(&self) -> Result<u64, DevelopmentError>;

    /// Goes back to a snapshot, which is used up by it, as are later ones; false where there is
    /// none of this number.
    ///
    /// # Errors
    /// The ledger failed.
    fn revert(&self, snapshot: u64) -> Result<bool, DevelopmentError>;

    /// Begins anew.
    ///
    /// # Errors
    /// The ledger failed.
    fn reset(&self) -> Result<(), DevelopmentError>;

    /// Lets transactions be sent from an account without its key, or not any more.
    fn impersonate(&self, address: Address, impersonated: bool);

    /// The same for all accounts.
    fn impersonate_all(&self, impersonated: bool);

    /// Takes a transaction out of the pool; false where it is not there.
    fn drop_transaction(&self, hash: B256) -> bool;

    /// Takes all transactions out of the pool, or those of one sender.
    fn drop_transactions(&self, sender: Option<Address>);

    /// All accounts with code and storage, as [`Self::load`] takes them.
    ///
    /// # Errors
    /// Too much for one answer.
    fn dump(&self) -> Result<Bytes, DevelopmentError>;

    /// Sets all accounts of a dump; others stay as they are.
    ///
    /// # Errors
    /// The bytes are no dump.
    fn load(&self, dump: &[u8]) -> Result<(), DevelopmentError>;
}
