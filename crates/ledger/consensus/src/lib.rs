//! Consensus of one ledger: what stands between the consensus library and the ledger's formats.
//!
//! The library (`commonware-consensus`: simplex, marshal) orders and finalizes blocks within an
//! epoch. This crate adds what a consortium ledger with changing validators needs and the library
//! does not have:
//!
//! - [`ConsensusBlock`]: the ledger's block as the library sees it; the block hash is the digest
//!   that validators sign.
//! - [`StrictScheme`]: Ed25519 certificates in which every signature passes the strictest common
//!   rules, so that a stranger's tool never refuses what the network accepted.
//! - [`EpochSchemes`]: which validators certify which epoch.
//! - [`orchestrator`]: runs one simplex engine per epoch and moves to the next validator set.
//! - [`pacing`]: when a proposer builds, waits or lets its turn pass.
//! - [`history`]: what nodes ask each other about the past, and how answers are checked.
//! - [`ledger_certificate`]: the library's certificate in the ledger's published format.
//!
//! It knows neither the EVM nor the state databases: those come in through [`ValidatorSource`],
//! [`PeerSets`] and [`pacing::Work`]. Time comes from the runtime's clock only, and it never
//! decides validity, only when a node acts.

pub mod abstention;
mod block;
mod certificate;
mod evidence;
#[cfg(test)]
mod fixture;
pub mod history;
mod keys;
mod leader;
pub mod orchestrator;
pub mod pacing;
pub mod pages;
mod provider;
mod scheme;
pub mod settings;

pub use block::{BlockError, ConsensusBlock};
pub use certificate::{
    CertificateError, ledger_certificate, library_finalization, verify_ledger_certificate,
};
pub use evidence::evidence_in;
pub use keys::{KeyError, participants, public_key, validator_key};
pub use leader::{LeaderElector, leader};
pub use orchestrator::{PeerSets, ValidatorSource};
pub use provider::{EpochSchemes, RegisterError};
pub use scheme::StrictScheme;

/// What consensus signs: the keccak-256 hash of the block's header.
pub type Digest = commonware_cryptography::keccak256::Digest;
/// A node's identity in votes and on the network.
pub type PublicKey = commonware_cryptography::ed25519::PublicKey;
/// The round, leader and parent under which a block is proposed.
pub type Context = commonware_consensus::simplex::types::Context<Digest, PublicKey>;
/// A quorum's finalize votes for one block.
pub type Finalization = commonware_consensus::simplex::types::Finalization<StrictScheme, Digest>;
/// Everything a simplex engine reports.
pub type Activity = commonware_consensus::simplex::types::Activity<StrictScheme, Digest>;
/// The marshal variant of this ledger: whole blocks.
pub type Variant = commonware_consensus::marshal::standard::Standard<ConsensusBlock>;
/// Handle to the marshal actor of this ledger.
pub type Marshal = commonware_consensus::marshal::core::Mailbox<StrictScheme, Variant>;
