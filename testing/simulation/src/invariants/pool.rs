//! A pool keeps what it accepted for as long as its node lives, until it is final.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use ledger_api::Ledger;

use super::{Verdict, broken};

/// Name of the invariant.
pub const NAME: &str = "pool keeps what it accepted";

/// Accepted transactions that are not final, with the node and the life in which it took them.
pub type Accepted = BTreeMap<B256, (u64, u64)>;

/// A node that is in its `life`-th life holds what it took in it.
pub fn kept(node: u64, life: u64, ledger: &dyn Ledger, accepted: &Accepted) -> Verdict {
    let own = accepted.iter().filter(|(_, taken)| **taken == (node, life));
    for (hash, _) in own {
        if !ledger.pool().contains(hash) && is_open(ledger, *hash) {
            let detail =
                format!("node {node} accepted {hash} and has it neither waiting nor final");
            return Err(broken(NAME, detail));
        }
    }
    Ok(())
}

fn is_open(ledger: &dyn Ledger, hash: B256) -> bool {
    !matches!(ledger.chain().transaction(hash), Ok(Some(_)))
}
