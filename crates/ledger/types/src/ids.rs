//! Identifiers of a chain and of the ledgers on it.

/// EIP-155 chain id, as wallets show it.
pub type ChainId = u64;

/// Which ledger of the network: 0 is the main ledger, group ledgers count up from 1.
pub type LedgerId = u32;

/// How often the ledger was restarted by the recovery ceremony; 0 at genesis. It is part of every
/// signed message, so votes of an abandoned incarnation can never count in a later one.
pub type Incarnation = u32;
