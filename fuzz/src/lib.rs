//! Properties of the decoders of outside bytes, one function per fuzz target.
//!
//! Each function takes what an enemy may send and panics where a property does not hold; a panic of
//! the decoder itself is found the same way. The answer tells whether the bytes were accepted, so
//! that seeds which should be can be checked (`examples/seeds.rs`). Not having crashed is the least
//! of the properties: what decodes must encode to the same bytes, and what verifies must be true.

// Futures of the state databases nest deeply.
#![recursion_limit = "256"]

mod fixture;
mod formats;
mod messages;
mod proofs;
pub mod seeds;
mod signatures;
mod texts;

pub use formats::{block, extension, header, transaction};
pub use messages::{consensus_block, consensus_message, gossip_message, history_message};
pub use proofs::{finalization, state_proof};
pub use signatures::strict_key;
pub use texts::{genesis, node_config, rpc_body};

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// All targets; each has a file of its name in `fuzz_targets` and a folder in `seeds`.
pub const TARGETS: [Target; 14] = [
    ("block", block),
    ("consensus_block", consensus_block),
    ("consensus_message", consensus_message),
    ("extension", extension),
    ("finalization", finalization),
    ("genesis", genesis),
    ("gossip_message", gossip_message),
    ("header", header),
    ("history_message", history_message),
    ("node_config", node_config),
    ("rpc_body", rpc_body),
    ("state_proof", state_proof),
    ("strict_key", strict_key),
    ("transaction", transaction),
];
