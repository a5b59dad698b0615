//! The rule itself: a pure function of the time, the parent, the pending work and the parameters.
//! All times are milliseconds since the Unix epoch.

use types::Parameters;

use crate::settings;

/// The ledger's rhythm, from its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// Least time between a block with work and its parent, milliseconds.
    pub interval_min_ms: u64,
    /// Time between the empty blocks after the last transaction, milliseconds.
    pub interval_idle_ms: u64,
    /// How many empty blocks follow the last transaction.
    pub trailing_blocks: u64,
    /// Age of the parent at which an empty block is built, milliseconds.
    pub heartbeat_ms: u64,
    /// Longest time for which a proposer holds its turn, milliseconds.
    pub hold_max_ms: u64,
}

impl Rhythm {
    /// What the ledger's parameters say.
    pub fn new(parameters: &Parameters) -> Self {
        Self {
            interval_min_ms: parameters.interval_min_ms,
            interval_idle_ms: parameters.interval_idle_ms,
            trailing_blocks: parameters.trailing_blocks,
            heartbeat_ms: parameters.heartbeat_ms,
            hold_max_ms: settings::hold_max_ms(parameters),
        }
    }
}

/// The block to build on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Its height.
    pub height: u64,
    /// Its time.
    pub time_ms: u64,
}

/// What waits to be put on top of the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Whether a transaction could be included.
    pub transactions: bool,
    /// Whether a change of validators waits for the end of the epoch.
    pub validator_change: bool,
    /// Empty blocks up to and including the parent since the last one with transactions;
    /// `u64::MAX` if none had any.
    pub empty_run: u64,
}

/// What a proposer does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Build now.
    Propose,
    /// Ask again at this time, or as soon as a transaction comes.
    WaitUntil(u64),
    /// Let the view pass without a block.
    Pass,
}

/// What the leader of a turn that began at `turn_ms` does at `now_ms`.
pub fn decide(
    now_ms: u64,
    turn_ms: u64,
    parent: &Parent,
    pending: &Pending,
    rhythm: &Rhythm,
) -> Decision {
    let due_ms = due_ms(parent, pending, rhythm);
    let deadline_ms = turn_ms.saturating_add(rhythm.hold_max_ms);
    if now_ms >= due_ms {
        Decision::Propose
    } else if now_ms >= deadline_ms {
        Decision::Pass
    } else {
        Decision::WaitUntil(due_ms.min(deadline_ms))
    }
}

/// When the next block is due if nothing else happens.
fn due_ms(parent: &Parent, pending: &Pending, rhythm: &Rhythm) -> u64 {
    if parent.height == 0 {
        return 0;
    }
    let after_parent_ms = if pending.transactions || pending.validator_change {
        rhythm.interval_min_ms
    } else if pending.empty_run < rhythm.trailing_blocks {
        // A heartbeat may be set shorter than the idle interval; the earlier one counts.
        rhythm.interval_idle_ms.max(rhythm.interval_min_ms).min(rhythm.heartbeat_ms)
    } else {
        rhythm.heartbeat_ms
    };
    parent.time_ms.saturating_add(after_parent_ms)
}

#[cfg(test)]
mod tests;
