//! Evidence accuses nobody wrongly: whoever is accused lies, and both votes verify with his key over
//! different words about one view.

use std::collections::BTreeSet;

use chain::EVIDENCE_MAX;
use crypto::StrictKey;
use ledger_api::Ledger;
use types::{Evidence, ValidatorKey};

use super::{Verdict, Violation, broken};

/// Name of the invariant.
pub const NAME: &str = "evidence is just";

/// What a node holds against validators is true, and they are among the `liars`. Answers whom it
/// accuses.
pub fn just(
    node: u64,
    ledger: &dyn Ledger,
    liars: &BTreeSet<ValidatorKey>,
) -> Result<BTreeSet<ValidatorKey>, Violation> {
    let unreadable = |error: chain::ChainError| broken(NAME, format!("node {node}: {error}"));
    let found = ledger.chain().evidence(EVIDENCE_MAX).map_err(unreadable)?;
    for evidence in &found {
        proves(node, evidence)?;
        if !liars.contains(&evidence.validator) {
            let detail = format!("node {node} holds {evidence:?} against an honest validator");
            return Err(broken(NAME, detail));
        }
    }
    Ok(found.iter().map(|evidence| evidence.validator).collect())
}

/// Anybody can check it with the key alone.
fn proves(node: u64, evidence: &Evidence) -> Verdict {
    let key = StrictKey::decode(&evidence.validator.0);
    let signed = |key: &StrictKey| {
        evidence.votes.iter().all(|vote| key.verify(&vote.message, &vote.signature))
    };
    let [first, second] = &evidence.votes;
    if key.as_ref().is_some_and(signed) && first.message != second.message {
        return Ok(());
    }
    Err(broken(NAME, format!("node {node} holds {evidence:?}, which proves nothing")))
}
