//! Whole networks of real ledgers in the deterministic runtime: same seed, same run.
//!
//! Everything is the product's own code but the runtime (clock, disk, randomness drawn from the
//! seed) and the network between the nodes, which can lose, delay and cut. The chain store lies in
//! a temporary folder.

#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

mod accounts;
mod network;
mod node;

pub use accounts::Account;
pub use network::{GOOD, Network, genesis, run};
pub use node::{Node, validator};
