//! Monotone time: block times rise, headers follow them, and no final block comes from the future.

use types::Block;

use super::{Verdict, broken};

/// Name of the invariant.
pub const NAME: &str = "monotone time";

/// `block` comes after `parent` and not after `now_ms`, the time of the right clocks.
pub fn rises(parent: &Block, block: &Block, now_ms: u64) -> Verdict {
    let (before, time) = (parent.extension().time_ms, block.extension().time_ms);
    let number = block.number();
    if time <= before {
        return Err(broken(NAME, format!("block {number} is of {time}, its parent of {before}")));
    }
    if block.header().timestamp != time / 1_000 {
        return Err(broken(NAME, format!("block {number}: timestamp does not follow from {time}")));
    }
    if time > now_ms {
        return Err(broken(NAME, format!("block {number} is of {time}, final at {now_ms}")));
    }
    Ok(())
}
