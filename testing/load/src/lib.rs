//! Load on a running network through its JSON-RPC, and what it costs: an ERC-20, many funded
//! accounts, transfers signed beforehand, and a count of only those transactions whose receipt was
//! read from another node than the one they were sent to.

pub mod accounts;
pub mod board;
pub mod costs;
pub mod distribution;
pub mod http;
pub mod idle;
pub mod network;
pub mod phase;
pub mod plan;
pub mod process;
pub mod random;
pub mod readers;
pub mod report;
pub mod rpc;
pub mod senders;
pub mod token;
