//! Whether the ledger advances, and if not, why. Pure: what was seen goes in, words come out.

use ledger_api::{STORE_LAG_BLOCKS_MAX, Standing, StandingState, StoreHeights, ValidatorStatus};

/// Clock difference that is called one, milliseconds: half of the default leader time-out, from
/// which on views are lost to it.
pub(crate) const CLOCK_OFFSET_WARN_MS: i64 = 1_000;

/// What is known at one moment.
pub(crate) struct Facts<'a> {
    /// Own clock, milliseconds since the Unix epoch.
    pub(crate) now_ms: u64,
    /// Time of the newest block.
    pub(crate) head_time_ms: u64,
    /// Age of the newest block from which on the ledger counts as standing still, milliseconds.
    pub(crate) patience_ms: u64,
    /// Validators of the epoch.
    pub(crate) validators: &'a [ValidatorStatus],
    /// Votes needed.
    pub(crate) quorum: usize,
    /// How far each store is.
    pub(crate) heights: StoreHeights,
    /// How far the clocks of the others are ahead, milliseconds.
    pub(crate) others_ahead_ms: Option<i64>,
    /// What is wrong with the disk.
    pub(crate) storage: Option<&'a str>,
    /// Transactions that could be in the next block.
    pub(crate) executable: usize,
}

impl Facts<'_> {
    fn age_ms(&self) -> u64 {
        self.now_ms.saturating_sub(self.head_time_ms)
    }

    /// Whether no block came for longer than a healthy ledger ever takes.
    pub(crate) fn is_stalled(&self) -> bool {
        self.age_ms() > self.patience_ms
    }
}

/// The state of the ledger with its most likely cause.
pub(crate) fn standing(facts: &Facts<'_>) -> Standing {
    let behind = facts.heights.consensus.saturating_sub(facts.heights.chain);
    if behind > STORE_LAG_BLOCKS_MAX {
        let detail = format!(
            "catching up: block {} of {} is applied, {behind} to go",
            facts.heights.chain, facts.heights.consensus
        );
        return Standing { state: StandingState::CatchingUp, detail };
    }
    if facts.is_stalled() {
        return cause(facts);
    }
    if facts.executable == 0 {
        let detail = "no transactions wait; empty blocks show that the ledger lives".into();
        return Standing { state: StandingState::Idle, detail };
    }
    let detail = format!("{} transactions wait for the next blocks", facts.executable);
    Standing { state: StandingState::Advancing, detail }
}

fn cause(facts: &Facts<'_>) -> Standing {
    let head = format!("no block for {} s", facts.age_ms() / 1_000);
    let with = |state, text: String| Standing { state, detail: format!("{head}: {text}") };
    if let Some(trouble) = facts.storage {
        return with(StandingState::Storage, trouble.into());
    }
    let total = facts.validators.len();
    let away = names(facts, |validator| !validator.connected);
    let connected = total - away.len();
    if connected < facts.quorum {
        let text = format!(
            "{connected} of {total} validators are connected, {} are needed; missing: {}",
            facts.quorum,
            listed(&away)
        );
        return with(StandingState::NoQuorum, text);
    }
    if let Some(ahead_ms) = facts.others_ahead_ms.filter(|ms| ms.abs() > CLOCK_OFFSET_WARN_MS) {
        let side = if ahead_ms > 0 { "behind" } else { "ahead of" };
        let text = format!(
            "this node's clock is about {} ms {side} those of the others",
            ahead_ms.unsigned_abs()
        );
        return with(StandingState::OwnClock, text);
    }
    let silent = names(facts, |validator| {
        validator.last_vote_ms.is_none_or(|age_ms| age_ms > facts.patience_ms)
    });
    if total - silent.len() < facts.quorum {
        let text = format!(
            "{} of {total} validators vote, {} are needed; no votes from: {} (not connected: {})",
            total - silent.len(),
            facts.quorum,
            listed(&silent),
            listed(&away)
        );
        return with(StandingState::VotesMissing, text);
    }
    let text = format!(
        "{connected} of {total} validators are connected and a quorum votes; missing: {}; see the \
         log for refused blocks",
        listed(&away)
    );
    with(StandingState::Unknown, text)
}

fn names<'a>(facts: &Facts<'a>, chosen: impl Fn(&ValidatorStatus) -> bool) -> Vec<&'a str> {
    let found = facts.validators.iter().filter(|validator| chosen(validator));
    found.map(|validator| validator.validator.organisation.as_str()).collect()
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use ledger_api::ValidatorInfo;
    use types::ValidatorKey;

    use super::*;

    fn validators(connected: [bool; 4], last_vote_ms: Option<u64>) -> Vec<ValidatorStatus> {
        let each = (0u8..).zip(connected);
        each.map(|(number, connected)| ValidatorStatus {
            validator: ValidatorInfo {
                key: ValidatorKey([number; 32]),
                organisation: format!("Org {number}"),
            },
            connected,
            last_vote_ms,
            votes_seen: 1,
            clock: None,
        })
        .collect()
    }

    fn facts(validators: &[ValidatorStatus]) -> Facts<'_> {
        let heights =
            StoreHeights { consensus: 50, state: 50, history: 50, chain: 50, certificates: 50 };
        Facts {
            now_ms: 100_000,
            head_time_ms: 70_000,
            patience_ms: 21_000,
            validators,
            quorum: 3,
            heights,
            others_ahead_ms: Some(-30),
            storage: None,
            executable: 0,
        }
    }

    fn found(facts: &Facts<'_>) -> (StandingState, String) {
        let Standing { state, detail } = standing(facts);
        (state, detail)
    }

    #[test]
    fn a_ledger_that_lives_is_idle_or_advancing() {
        let all = validators([true; 4], Some(10));
        let fresh = Facts { head_time_ms: 90_000, ..facts(&all) };
        assert_eq!(found(&fresh).0, StandingState::Idle);
        let busy = Facts { executable: 3, ..fresh };
        assert!(!busy.is_stalled());
        assert_eq!(found(&busy).0, StandingState::Advancing);
    }

    #[test]
    fn each_cause_is_named_with_who_is_missing() {
        let two_away = validators([true, false, true, false], Some(10));
        let (state, detail) = found(&facts(&two_away));
        assert_eq!(state, StandingState::NoQuorum);
        assert_eq!(
            detail,
            "no block for 30 s: 2 of 4 validators are connected, 3 are needed; missing: Org 1, Org 3"
        );
        let disk = Facts { storage: Some("disk full"), ..facts(&two_away) };
        assert_eq!(found(&disk), (StandingState::Storage, "no block for 30 s: disk full".into()));
        let silent = validators([true; 4], Some(25_000));
        let (state, detail) = found(&facts(&silent));
        assert_eq!(state, StandingState::VotesMissing);
        assert!(detail.contains("no votes from: Org 0, Org 1, Org 2, Org 3"), "{detail}");
        let voting = validators([true; 4], Some(10));
        let slow = Facts { others_ahead_ms: Some(4_200), ..facts(&voting) };
        let (state, detail) = found(&slow);
        assert_eq!(state, StandingState::OwnClock);
        assert!(detail.contains("about 4200 ms behind those"), "{detail}");
        let fast = Facts { others_ahead_ms: Some(-4_200), ..facts(&voting) };
        assert!(found(&fast).1.contains("ahead of those"));
        assert_eq!(found(&facts(&voting)).0, StandingState::Unknown);
    }

    #[test]
    fn a_node_that_catches_up_says_how_much_is_left() {
        let all = validators([true; 4], Some(10));
        let mut behind = facts(&all);
        behind.heights.consensus = 1_050;
        let (state, detail) = found(&behind);
        assert_eq!(state, StandingState::CatchingUp);
        assert!(detail.contains("block 50 of 1050 is applied, 1000 to go"), "{detail}");
    }
}
