//! Why a transaction cannot stand in a block.

use alloy_primitives::{Address, U256};

/// A refused transaction. The texts are geth's: client libraries match them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransaction {
    /// Signed without a chain id.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    NotReplayProtected,
    /// Signed for another chain.
    #[error("invalid sender: invalid chain id for signer: have {found} want {expected}")]
    ChainId {
        /// Chain id signed.
        found: u64,
        /// Chain id of this ledger.
        expected: u64,
    },
    /// Asks for more gas than a block has.
    #[error("exceeds block gas limit")]
    ExceedsBlockGasLimit {
        /// Gas asked for.
        gas: u64,
        /// Gas of a block.
        limit: u64,
    },
    /// Asks for more gas than one transaction may have (EIP-7825, from Osaka on).
    #[error("transaction gas limit too high (cap: {limit}, tx: {gas})")]
    GasLimitTooHigh {
        /// Gas asked for.
        gas: u64,
        /// Most that one transaction may have.
        limit: u64,
    },
    /// Not enough gas to start.
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGas {
        /// Gas offered.
        gas: u64,
        /// Gas needed.
        needed: u64,
    },
    /// Not enough gas for the data (EIP-7623).
    #[error("insufficient gas for floor data gas cost: gas {gas}, minimum needed {needed}")]
    FloorDataGas {
        /// Gas offered.
        gas: u64,
        /// Gas needed.
        needed: u64,
    },
    /// Init code longer than EIP-3860 allows.
    #[error("max initcode size exceeded: code size {bytes}, limit {limit}")]
    InitCodeTooLarge {
        /// Length, bytes.
        bytes: usize,
        /// Longest allowed, bytes.
        limit: usize,
    },
    /// Type 4 without an authorization.
    #[error("set code tx must have at least one authorization tuple")]
    EmptyAuthorizationList,
    /// Offers less than the base fee (metered mode only).
    #[error(
        "max fee per gas less than block base fee: address {sender}, maxFeePerGas: {fee_max}, \
         baseFee: {base_fee}"
    )]
    FeeCapTooLow {
        /// Who signed.
        sender: Address,
        /// Wei per gas offered.
        fee_max: u128,
        /// Wei per gas needed.
        base_fee: u128,
    },
    /// The tip exceeds the fee it is part of.
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, \
         maxFeePerGas: {fee_max}"
    )]
    TipAboveFeeCap {
        /// Wei per gas offered as tip.
        tip: u128,
        /// Wei per gas offered in all.
        fee_max: u128,
    },
    /// The nonce is used up.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// Nonce of the account.
        next: u64,
        /// Nonce signed.
        nonce: u64,
    },
    /// Transactions with lower nonces are missing.
    #[error("nonce too high: address {sender}, tx: {nonce} state: {next}")]
    NonceTooHigh {
        /// Who signed.
        sender: Address,
        /// Nonce signed.
        nonce: u64,
        /// Nonce of the account.
        next: u64,
    },
    /// No transaction may carry the largest nonce (EIP-2681).
    #[error("nonce has max value")]
    NonceMaximum,
    /// The sender cannot pay.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {}",
        cost.saturating_sub(*balance)
    )]
    InsufficientFunds {
        /// Wei owned.
        balance: U256,
        /// Wei needed.
        cost: U256,
    },
    /// The sender is a contract (EIP-3607).
    #[error("sender not an eoa: address {sender}")]
    SenderNotEoa {
        /// Who signed.
        sender: Address,
    },
    /// A proposer will not include it; blocks of others may have it.
    #[error("execution takes too long: {took_ms} ms, proposers include up to {limit_ms} ms")]
    TooSlow {
        /// How long it took here, milliseconds.
        took_ms: u64,
        /// Longest that this proposer includes, milliseconds.
        limit_ms: u64,
    },
    /// Not possible under the rules of the height, for a reason that the EVM names.
    #[error("{0}")]
    Other(String),
}

/// What a pool should do with a transaction that did not enter a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Its nonce was used by another one or by itself: forget it.
    Stale,
    /// It may become valid: keep it.
    Keep,
    /// It cannot become valid without help from outside: drop it with the reason.
    Drop,
}

impl InvalidTransaction {
    /// What a pool should do.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::NonceTooLow { .. } => Disposition::Stale,
            Self::NonceTooHigh { .. } => Disposition::Keep,
            _ => Disposition::Drop,
        }
    }
}
