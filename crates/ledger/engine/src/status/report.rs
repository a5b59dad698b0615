//! What operators are told, put together from what was seen.

use std::sync::Arc;

use commonware_consensus::types::Epoch;
use ledger_api::{ConsensusStatus, Ledger as _, StoreHeights, ValidatorStatus};
use types::{ValidatorKey, quorum};

use super::{
    Seen, clocks,
    standing::{Facts, standing},
};
use crate::{handle::LedgerHandle, validators::StateValidators};

/// Leader time-outs beyond a heartbeat after which the ledger counts as stalled.
const STALL_TIMEOUTS: u64 = 3;

fn abstention(epoch: u64, view: u64) -> String {
    let beyond = match view {
        u64::MAX => format!("epoch {epoch}"),
        view => format!("view {view} of epoch {epoch}"),
    };
    format!(
        "; this node has no journal of what its key signed before, it abstains from voting until a \
         block beyond {beyond} is final"
    )
}

impl LedgerHandle {
    /// Where consensus stands. Reads memory and two keys of the chain store.
    pub(crate) fn status(&self) -> ConsensusStatus {
        let seen = self.observed.seen();
        let now_ms = self.observed.now_ms();
        let head = self.head();
        let (epoch, keys) = match self.schemes.latest() {
            Some((epoch, set)) => (epoch.get(), set.keys().to_vec()),
            None => (0, Vec::new()),
        };
        let validators = self.validator_statuses(&keys, &seen, now_ms);
        let measured = validators.iter().filter_map(|found| found.clock);
        let others_ahead_ms = clocks::median(measured.map(|clock| clock.median_ms).collect());
        let heights = self.store_heights(seen.tip.max(head.number));
        let parameters = &self.core.genesis.parameters;
        let timeouts_ms = parameters.leader_timeout_ms.saturating_mul(STALL_TIMEOUTS);
        let facts = Facts {
            now_ms,
            head_time_ms: head.time_ms,
            patience_ms: parameters.heartbeat_ms.saturating_add(timeouts_ms),
            validators: &validators,
            quorum: quorum(keys.len()),
            heights,
            others_ahead_ms,
            storage: seen.storage_trouble.as_deref(),
            executable: self.core.pool.status().executable,
        };
        let is_validator = keys.contains(&self.own_key);
        let until = self.schemes.abstention().until().filter(|_| is_validator);
        let abstaining_until = until.map(|round| (round.epoch().get(), round.view().get()));
        let mut standing = standing(&facts);
        if let Some((epoch, view)) = abstaining_until {
            standing.detail.push_str(&abstention(epoch, view));
        }
        let stalled = facts.is_stalled().then(|| standing.detail.clone());
        // After a change of epoch the first vote is yet to come.
        let view = if seen.epoch == epoch { seen.view.max(1) } else { 1 };
        let set = self.schemes.validators(Epoch::new(epoch));
        ConsensusStatus {
            epoch,
            view,
            finalized_height: heights.consensus,
            voting: is_validator && abstaining_until.is_none(),
            abstaining_until,
            own_key: Some(self.own_key),
            leader: set.and_then(|set| consensus::leader(&set, epoch, view)),
            quorum: quorum(keys.len()),
            validators,
            stalled,
            standing,
            heights,
            now_ms,
            others_ahead_ms,
            evidence_count: seen.evidence_count,
            divergence_count: self.core.divergences.kept(),
            store_sets_given_up: self.given_up,
        }
    }

    fn validator_statuses(
        &self,
        keys: &[ValidatorKey],
        seen: &Seen,
        now_ms: u64,
    ) -> Vec<ValidatorStatus> {
        let connected = (self.connected)();
        let source = StateValidators(Arc::clone(&self.core));
        let status = |key: &ValidatorKey| {
            let votes = seen.votes.get(key);
            ValidatorStatus {
                validator: source.info(*key),
                connected: *key == self.own_key || connected.contains(key),
                last_vote_ms: votes.map(|votes| now_ms.saturating_sub(votes.last_ms)),
                votes_seen: votes.map_or(0, |votes| votes.count),
                clock: seen.clocks.of(key).filter(|_| *key != self.own_key),
            }
        };
        keys.iter().map(status).collect()
    }

    fn store_heights(&self, consensus: u64) -> StoreHeights {
        let chain = &self.core.chain;
        StoreHeights {
            consensus,
            state: self.core.latest.applying(),
            history: chain.history_head().unwrap_or(0),
            chain: chain.head().unwrap_or(0),
            // A store that cannot be read shows as one that is behind; whoever reads the
            // certificate itself gets the error.
            certificates: chain.certificate_head().ok().flatten().unwrap_or(0),
        }
    }
}
