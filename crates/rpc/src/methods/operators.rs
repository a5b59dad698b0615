//! What operators ask: where consensus stands, who is missing, whose clock is off, which store is
//! behind, and who signed two conflicting votes.

use ledger_api::{StoreHeights, ValidatorStatus};
use serde_json::{Value, json};
use types::{Evidence, SignedVote, ValidatorKey};

use crate::{
    error::RpcError,
    limits::EVIDENCE_RESULTS_MAX,
    methods::finality::validator,
    params::Params,
    quantity::{Small, data, quantity},
    service::Context,
};

/// `heqi_consensusState`.
pub async fn consensus_state(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let ledger = &context.service.ledger;
    let status = ledger.consensus_status().await;
    let head = ledger.head();
    let key = |key: Option<ValidatorKey>| key.map(|key| key.to_string());
    let leader = status.leader.map(|key| validator(&ledger.validator_info(key)));
    Ok(json!({
        "epoch": quantity(status.epoch),
        "view": quantity(status.view),
        "finalizedHeight": quantity(status.finalized_height),
        "voting": status.voting,
        "abstainingUntil": status.abstaining_until.map(|(epoch, view)| {
            json!({ "epoch": quantity(epoch), "view": quantity(view) })
        }),
        "ownKey": key(status.own_key),
        "leader": leader,
        "validators": status.validators.iter().map(validator_status).collect::<Vec<_>>(),
        "quorum": quantity(status.quorum),
        "state": status.standing.state.name(),
        "detail": status.standing.detail,
        "stalled": status.stalled,
        "nowMillis": quantity(status.now_ms),
        "headMillis": quantity(head.time_ms),
        "othersAheadMillis": status.others_ahead_ms,
        "heights": heights(&status.heights),
        "evidence": quantity(status.evidence_count),
        "divergenceReports": quantity(status.divergence_count),
        "storeSetsGivenUp": quantity(status.store_sets_given_up),
    }))
}

fn heights(heights: &StoreHeights) -> Value {
    let behind = heights
        .behind()
        .map(|(store, blocks)| json!({ "store": store, "blocks": quantity(blocks) }));
    json!({
        "consensus": quantity(heights.consensus),
        "state": quantity(heights.state),
        "history": quantity(heights.history),
        "chain": quantity(heights.chain),
        "certificates": quantity(heights.certificates),
        "behind": behind,
    })
}

fn validator_status(status: &ValidatorStatus) -> Value {
    let mut object = validator(&status.validator);
    object["connected"] = json!(status.connected);
    object["lastVoteMillis"] = json!(status.last_vote_ms.map(quantity));
    object["votesSeen"] = quantity(status.votes_seen);
    object["clockAheadMillis"] = json!(status.clock.map(|clock| clock.median_ms));
    object["clockSamples"] = quantity(status.clock.map_or(0, |clock| clock.samples));
    object
}

/// `heqi_evidence(limit)`: pairs of conflicting votes, each with the exact bytes signed and the
/// signature, so that a stranger can check both with any Ed25519 tool.
pub async fn evidence(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let asked = params.optional::<Small>(0)?.map(|Small(limit)| usize::try_from(limit));
    let limit = asked.map_or(EVIDENCE_RESULTS_MAX, |limit| limit.unwrap_or(usize::MAX));
    if limit > EVIDENCE_RESULTS_MAX {
        return Err(RpcError::limit(format!("too many results, limit {EVIDENCE_RESULTS_MAX}")));
    }
    let ledger = &context.service.ledger;
    let found = ledger.evidence(limit)?;
    let entry = |entry: &Evidence| {
        let mut object = validator(&ledger.validator_info(entry.validator));
        object["epoch"] = quantity(entry.epoch);
        object["view"] = quantity(entry.view);
        object["seenMillis"] = quantity(entry.seen_ms);
        object["votes"] = entry.votes.iter().map(vote).collect();
        object
    };
    Ok(found.iter().map(entry).collect())
}

fn vote(vote: &SignedVote) -> Value {
    json!({
        "kind": vote.kind.name(),
        "blockHash": vote.block_hash,
        "parentView": vote.block_hash.map(|_| quantity(vote.parent_view)),
        "signedBytes": data(&vote.message),
        "signature": data(vote.signature),
    })
}
