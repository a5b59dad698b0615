//! What must hold in every run, whatever the faults: one module each. All look at nodes from
//! outside, through the handle that RPC has.

pub mod agreement;
pub mod certificates;
pub mod evidence;
pub mod liveness;
pub mod pool;
pub mod receipts;
pub mod time;
pub mod validity;

use std::sync::Arc;

use alloy_primitives::B256;
use types::{Block, Receipt};

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name of the invariant.
    pub invariant: &'static str,
    /// What was seen.
    pub detail: String,
}

/// Whether an invariant holds.
pub type Verdict = Result<(), Violation>;

/// The words for a breach of `invariant`.
pub fn broken(invariant: &'static str, detail: impl Into<String>) -> Violation {
    Violation { invariant, detail: detail.into() }
}

/// A final block as the first node showed it.
#[derive(Clone, Debug)]
pub struct Canonical {
    /// The block.
    pub block: Arc<Block>,
    /// Its receipts.
    pub receipts: Arc<Vec<Receipt>>,
    /// Hashes of its transactions.
    pub hashes: Vec<B256>,
    /// Who showed it first.
    pub node: u64,
}
