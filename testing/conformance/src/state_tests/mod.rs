//! Ethereum's general state tests: one transaction on a given state under a given fork, and what
//! the state root and the logs must be afterwards.

mod archive;
mod case;
mod fork;
mod format;
mod quantity;
mod queue;
mod run;
mod section;

pub use archive::{Archive, unpack};
pub use run::{Failure, Slowest, Summary, run};
