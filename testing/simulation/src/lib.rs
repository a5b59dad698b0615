//! Whole networks of real ledgers in the deterministic runtime: same seed, same run.
//!
//! Everything is the product's own code but the runtime (clock, disk, randomness drawn from the
//! seed) and the network between the nodes, which can lose, delay and cut. The chain store is the
//! product's on a real temporary folder: it sees crashes, but neither power cuts nor disk faults.
//!
//! [`campaign::run_seed`] draws a network, its work and its faults from a seed and holds it against
//! the [`invariants`]; `README.md` has the table of faults.

#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

mod accounts;
pub mod byzantine;
pub mod campaign;
pub mod invariants;
pub mod machine;
mod network;
mod node;
pub mod random;
pub mod report;
pub mod scenario;
mod wires;
mod witness;
mod workload;

pub use accounts::Account;
pub use network::{CHAIN_ID, GOOD, Network, genesis, run, run_deep, run_through_panics};
pub use node::{Node, public_key, validator};
