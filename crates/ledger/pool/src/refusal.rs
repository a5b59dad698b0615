//! Why a transaction does not enter the pool.

use execution::validate::InvalidTransaction;
use state::StateError;
use types::TransactionError;

/// A refused transaction. The texts begin as geth's do where geth has one: client libraries match
/// them with regular expressions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The pool holds it.
    #[error("already known")]
    AlreadyKnown,
    /// The nonce is used by a final transaction.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// Nonce that the account uses next.
        next: u64,
        /// Nonce of the transaction.
        nonce: u64,
    },
    /// Too many lower nonces are missing.
    #[error("nonce too high: next nonce {next}, tx nonce {nonce}, may be at most {limit} ahead")]
    NonceTooHigh {
        /// First nonce of the sender that is neither final nor executable in the pool.
        next: u64,
        /// Nonce of the transaction.
        nonce: u64,
        /// [`PoolConfig::nonce_gap_max`](crate::PoolConfig::nonce_gap_max).
        limit: u64,
    },
    /// Another transaction holds the nonce, and this one does not raise both fees by 10 %.
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    /// A total of the pool is reached.
    #[error("txpool is full: limit of {limit} {unit}")]
    Full {
        /// The limit.
        limit: usize,
        /// What it counts.
        unit: &'static str,
    },
    /// The sender has its share.
    #[error("account limit exceeded: sender has {held} pending transactions, limit {limit}")]
    SenderFull {
        /// Transactions of the sender in the pool.
        held: usize,
        /// The limit that holds at the present fill of the pool.
        limit: usize,
    },
    /// A proposer found it not executable a short time ago; peers may not bring it back.
    #[error("transaction was dropped: {0}")]
    Dropped(String),
    /// The bytes are no acceptable transaction.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// The ledger's rules or the sender's account do not allow it.
    #[error(transparent)]
    Invalid(InvalidTransaction),
    /// The sender's account could not be read.
    #[error("sender's account cannot be read: {0}")]
    State(#[from] StateError),
}

impl Refusal {
    /// Stable code for logs, metrics and the table of errors.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlreadyKnown => "POOL-0001",
            Self::NonceTooLow { .. } => "POOL-0002",
            Self::NonceTooHigh { .. } => "POOL-0003",
            Self::ReplacementUnderpriced => "POOL-0004",
            Self::Full { .. } => "POOL-0005",
            Self::SenderFull { .. } => "POOL-0006",
            Self::Dropped(_) => "POOL-0007",
            Self::State(_) => "POOL-0008",
            Self::Transaction(error) => transaction_code(error),
            Self::Invalid(invalid) => invalid_code(invalid),
        }
    }

    /// Whether no honest node can have held the bytes: they are no transaction at all.
    pub const fn is_undecodable(&self) -> bool {
        matches!(self, Self::Transaction(_))
    }
}

impl From<InvalidTransaction> for Refusal {
    /// A used nonce is the same refusal whether the account or the lane tells it.
    fn from(invalid: InvalidTransaction) -> Self {
        match invalid {
            InvalidTransaction::NonceTooLow { next, nonce } => Self::NonceTooLow { next, nonce },
            other => Self::Invalid(other),
        }
    }
}

const fn transaction_code(error: &TransactionError) -> &'static str {
    match error {
        TransactionError::Empty => "POOL-0010",
        TransactionError::Oversized(_) => "POOL-0011",
        TransactionError::Blob => "POOL-0012",
        TransactionError::Type(_) => "POOL-0013",
        TransactionError::Malformed(_) => "POOL-0014",
        TransactionError::Signature(_) => "POOL-0015",
    }
}

const fn invalid_code(invalid: &InvalidTransaction) -> &'static str {
    match invalid {
        InvalidTransaction::NonceTooLow { .. } => "POOL-0002",
        InvalidTransaction::NonceTooHigh { .. } => "POOL-0003",
        InvalidTransaction::NotReplayProtected => "POOL-0020",
        InvalidTransaction::ChainId { .. } => "POOL-0021",
        InvalidTransaction::ExceedsBlockGasLimit { .. } => "POOL-0022",
        InvalidTransaction::GasLimitTooHigh { .. } => "POOL-0023",
        InvalidTransaction::IntrinsicGas { .. } => "POOL-0024",
        InvalidTransaction::FloorDataGas { .. } => "POOL-0025",
        InvalidTransaction::InitCodeTooLarge { .. } => "POOL-0026",
        InvalidTransaction::EmptyAuthorizationList => "POOL-0027",
        InvalidTransaction::FeeCapTooLow { .. } => "POOL-0028",
        InvalidTransaction::TipAboveFeeCap { .. } => "POOL-0029",
        InvalidTransaction::NonceMaximum => "POOL-0030",
        InvalidTransaction::InsufficientFunds { .. } => "POOL-0031",
        InvalidTransaction::SenderNotEoa { .. } => "POOL-0032",
        InvalidTransaction::Other(_) => "POOL-0033",
        InvalidTransaction::TooSlow { .. } => "POOL-0034",
    }
}
