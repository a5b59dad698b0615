//! `eth_simulateV1`: blocks that never were, on top of one that is.
//!
//! [`plan`] makes of the payload one block after the other, gaps filled; [`run`] executes them and
//! puts their headers together; [`call`] makes of a call object the transaction that nobody signed.
//! Behaviour is geth's, as far as execution-apis shows it.

mod call;
mod errors;
mod payload;
mod plan;
mod run;

pub use payload::Payload;
pub use plan::{Base, plan};
pub use run::{Options, run};
