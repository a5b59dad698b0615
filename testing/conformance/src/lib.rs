//! Outside test suites run against Heqi's own execution.
//!
//! - [`state_tests`]: Ethereum's general state tests, every fork section up to Cancun.
//! - [`chain`]: the chain of ethereum/execution-apis imported block by block through every fork,
//!   on the in-memory Merkle Patricia back end; what it leaves can be queried, so that RPC cases
//!   can be replayed on it.
//! - [`execution_apis`]: the cases of ethereum/execution-apis through the product's JSON-RPC on that
//!   chain.
//! - [`tracers`]: geth's own test data of its tracers against the product's tracers.
//!
//! Rules that Heqi's own ledgers never have (block rewards, withdrawals, blobs, forks before
//! Prague, requests) live here and not in the product; the EVM and its configuration are the
//! product's.

pub mod chain;
pub mod execution_apis;
pub mod machine;
pub mod state_tests;
pub mod tracers;
pub mod vectors;
