//! Transactions that are not final yet: admission, order, limits and gossip.
//!
//! [`Pool`] holds one lane per sender. What stands without a gap after the account's nonce is
//! *executable* and offered to proposers in the order of arrival; what waits for a lower nonce is
//! *queued*. [`Admission`] is the only way in for bytes from outside: it decodes, recovers the
//! sender, checks and inserts, for local submissions and for peers alike. [`gossip`] announces
//! hashes and fetches bodies. A transaction stays retrievable with its recovered sender until it
//! is final, so a block's transactions need not be recovered again.
//!
//! The pool knows no clock: lifetimes are counted in blocks.

mod admission;
mod config;
mod contents;
pub mod gossip;
mod lane;
mod listeners;
mod pool;
mod recent;
mod refusal;
mod selection;
#[cfg(test)]
mod tests;

pub use admission::{Admission, Admit};
pub use config::{
    BYTES_MAX, LANE_TRANSACTIONS_MAX, NONCE_GAP_MAX, PRESSURE_PERCENT, PoolConfig,
    QUEUED_BLOCKS_MAX, SENDER_SHARE_MAX, TRANSACTIONS_MAX,
};
pub use listeners::{SUBSCRIBERS_MAX, SUBSCRIPTION_ITEMS_MAX};
pub use pool::{Inserted, Origin, Pool, PoolContent, PoolStatus};
pub use refusal::Refusal;
pub use selection::{LARGE_GAS, Order};
