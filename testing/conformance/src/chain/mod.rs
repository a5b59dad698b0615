//! Imports the chain that ethereum/execution-apis ships for its JSON-RPC cases: `genesis.json` and
//! `chain.rlp`, one block after the other through every fork.
//!
//! Every block is executed by Heqi's EVM on [`state::mpt::MptState`] and compared with its header:
//! state root, receipts root, gas used, bloom, base fee, blob gas, transactions, ommers and
//! withdrawals roots, requests hash. What is not looked at is proof of work: seal and difficulty.

mod block;
pub(crate) mod body;
mod genesis;
mod header;
mod import;
mod issuance;
mod requests;
mod schedule;
mod source;

pub use block::ImportedBlock;
pub use genesis::Genesis;
pub use import::{Chain, import};
pub use issuance::block_reward;
pub use schedule::{ForkConfiguration, Position, Schedule};
pub use source::Source;
