//! Keys: Ed25519 keys of nodes, secp256k1 keys of accounts on devnets, strict verification.
//!
//! No own cryptography: this crate loads and stores keys, and fixes which signatures count.

mod ethereum_key;
mod node_key;
mod secret;
mod strict;

pub use ethereum_key::{EthereumKey, EthereumKeyError};
pub use node_key::{NODE_KEY_FILE_BYTES_MAX, NodeKey, NodeKeyError};
pub use secret::{RandomnessError, Secret};
pub use strict::{SignatureRefused, StrictKey, check_validator_key, verify_strict};
