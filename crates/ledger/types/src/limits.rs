//! Named maxima of the ledger's formats. Each has a unit; exceeding one is an error, never a stall.
//! Limits of a single component stand next to that component.

/// Encoded block (header, extension, body), bytes.
pub const BLOCK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// RLP of a header, bytes. A header of this format has at most 700.
pub const HEADER_BYTES_MAX: usize = 1024;
/// RLP of a block extension, bytes.
pub const EXTENSION_BYTES_MAX: usize = 1024;
/// Transactions in one block.
pub const BLOCK_TRANSACTIONS_MAX: usize = 20_000;
/// One EIP-2718 transaction, bytes (as geth's pool).
pub const TRANSACTION_BYTES_MAX: usize = 128 * 1024;
/// Validators in one set.
pub const VALIDATORS_MAX: usize = 100;
/// Observers registered on chain.
pub const OBSERVERS_MAX: usize = 64;
/// Peers a node may be connected to: validators and registered observers.
pub const PEERS_MAX: usize = 128;
/// Accounts in the genesis allocation.
pub const ALLOCATION_ACCOUNTS_MAX: usize = 100_000;
/// Gas limit a block may have. The receipts of a block travel in one message, and 8 gas buy a byte
/// of a log.
pub const BLOCK_GAS_LIMIT_MAX: u64 = 120_000_000;
/// Largest chain id: MetaMask's limit.
pub const CHAIN_ID_MAX: u64 = 4_503_599_627_370_475;
