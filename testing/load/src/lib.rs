//! Load on a running network through its JSON-RPC, and what it costs: signed beforehand, and counted
//! only when the receipt was read from another node than the one it was sent to.

pub mod absent;
pub mod accounts;
pub mod arguments;
pub mod bench;
pub mod board;
pub mod contracts;
pub mod costs;
pub mod disk;
pub mod distribution;
pub mod fill;
pub mod holders;
pub mod http;
pub mod idle;
pub mod long;
pub mod machine;
pub mod metrics;
pub mod network;
pub mod phase;
pub mod picture;
pub mod process;
pub mod random;
pub mod readers;
pub mod reads;
pub mod report;
pub mod rpc;
pub mod run;
pub mod sampler;
pub mod senders;
pub mod settle;
pub mod stages;
pub mod stock;
pub mod table;
pub mod timeline;
pub mod token;
pub mod workload;
