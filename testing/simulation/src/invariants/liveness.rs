//! Liveness after heal: with a quorum of right validators on whole links, blocks come within a
//! bounded time, every honest node catches up, and what was accepted becomes final.

use std::time::Duration;

use super::{Verdict, broken};

/// Name of the invariant.
pub const NAME: &str = "liveness after heal";
/// Longest simulated time without a block once nothing stands in the way.
pub const STALL_MAX: Duration = Duration::from_secs(30);
/// Longest simulated time from the last heal until every honest node has everything.
pub const CATCH_UP_MAX: Duration = Duration::from_secs(90);

/// Nothing has stood in the way for `undisturbed`, and the last block came `idle` ago.
pub fn advances(undisturbed: Duration, idle: Duration, height: u64) -> Verdict {
    if undisturbed <= STALL_MAX || idle <= STALL_MAX {
        return Ok(());
    }
    let seconds = undisturbed.min(idle).as_secs();
    Err(broken(NAME, format!("no block after {height} for {seconds} s with nothing in the way")))
}
