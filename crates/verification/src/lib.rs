//! Verification of contracts: whether the sources that somebody shows are those of the code on the
//! chain, and what exactly that says.
//!
//! Two things can be proved, and they are never mixed up ([`Proof`]):
//!
//! - **compiled**: a compiler that the node's operator supplied made exactly this code out of these
//!   sources, and the code names them by the hash of their metadata. Only this is called verified.
//! - **declared**: the code ends with the hash of the metadata, and the metadata has the hashes of the
//!   sources. Needs no compiler, and says who deployed the code named these sources. It does not say
//!   that the code was made from them: anybody can append any hash to any code.
//!
//! Everything here is synchronous and trusts nothing that it is given: sizes stand in [`limits`], and
//! the compiler runs as a bounded child process ([`Compilers`]).

mod code;
mod compiler;
mod declared;
pub mod error;
mod input;
mod ipfs;
pub mod limits;
mod process;
mod record;
mod store;
mod verify;

pub use compiler::Compilers;
pub use error::VerificationError;
pub use input::{MetadataSubmission, StandardInput};
pub use record::{Proof, Record};
pub use store::Store;
pub use verify::{Submission, verify};

#[cfg(test)]
mod tests;
