//! When a proposer builds, waits, or lets its turn pass.
//!
//! The consensus library asks the leader of each view for a block and would build one after the
//! other as fast as it can. A ledger wants blocks when there is work and next to none otherwise:
//!
//! - Block 1 comes at once: it applies the genesis allocation.
//! - With transactions, or while a change of validators waits for the end of the epoch, a block
//!   comes as soon as the minimum interval since its parent has passed.
//! - A number of empty blocks follows the last transaction at the idle interval, so that clients
//!   that wait for confirmations finish; later a heartbeat shows that the ledger lives.
//! - Otherwise the leader holds its turn, part of the leader time-out at most, and lets it pass. A
//!   transaction ends the hold at once.
//!
//! [`decide`] is the rule, without a clock or state of its own; [`Paced`] applies it around an
//! application. The hold happens here, outside the application, because finalization waits for a
//! running build.

mod decide;
mod paced;

pub use decide::{Decision, Parent, Pending, Rhythm, decide};
pub use paced::{Paced, Work, now_ms, wait_until_time};
