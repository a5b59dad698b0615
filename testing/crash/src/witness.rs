//! Every receipt that any node returned, and whether the nodes ever contradicted each other.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy_primitives::B256;
use eyre::Result;
use load::rpc::{Node, ReceiptSummary};
use tokio::{task::JoinSet, time::sleep};

const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Where a transaction is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Height.
    pub height: u64,
    /// Block.
    pub block: B256,
    /// Whether it succeeded.
    pub success: bool,
}

impl From<&ReceiptSummary> for Place {
    fn from(receipt: &ReceiptSummary) -> Self {
        Self {
            height: receipt.block_number.to(),
            block: receipt.block_hash,
            success: receipt.status.to::<u64>() == 1,
        }
    }
}

/// Shared by the readers, the workload and the checks.
#[derive(Default)]
pub struct Witness {
    places: Mutex<HashMap<B256, Place>>,
    contradictions: Mutex<Vec<String>>,
    highest: AtomicU64,
    stopped: AtomicBool,
}

impl Witness {
    /// Notes a receipt that a node returned.
    pub fn note(&self, node: &str, transaction: B256, place: Place) {
        self.highest.fetch_max(place.height, Ordering::Relaxed);
        let known = *self
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(transaction)
            .or_insert(place);
        if known != place {
            self.contradict(format!(
                "{node} shows {transaction} in {place:?}, before it was {known:?}"
            ));
        }
    }

    /// Notes something that must never happen.
    pub fn contradict(&self, text: String) {
        self.contradictions.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// Whether any node returned the receipt.
    pub fn place(&self, transaction: &B256) -> Option<Place> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).get(transaction).copied()
    }

    /// Everything seen above one height and up to another.
    pub fn between(&self, above: u64, up_to: u64) -> Vec<(B256, Place)> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let within = |place: &Place| place.height > above && place.height <= up_to;
        places.iter().filter(|(_, place)| within(place)).map(|(h, place)| (*h, *place)).collect()
    }

    /// Takes what must never happen and did.
    pub fn take_contradictions(&self) -> Vec<String> {
        std::mem::take(&mut *self.contradictions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Highest block whose receipts any node returned.
    pub fn highest(&self) -> u64 {
        self.highest.load(Ordering::Relaxed)
    }

    /// Tells readers and workload to end.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether they have to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// Reads every block's receipts from every node, across the nodes' deaths.
///
/// # Errors
/// An address is malformed.
pub fn read_all(witness: &Arc<Witness>, urls: &[String], first: u64) -> Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    for url in urls {
        let (witness, url, node) = (witness.clone(), url.clone(), Node::new(url)?);
        tasks.spawn(async move { read_one(&witness, &url, node, first).await });
    }
    Ok(tasks)
}

async fn read_one(witness: &Witness, url: &str, mut node: Node, mut next: u64) {
    while !witness.is_stopped() {
        match node.block_receipts(next).await {
            Ok(Some(receipts)) => {
                for receipt in &receipts {
                    witness.note(url, receipt.transaction_hash, receipt.into());
                }
                next += 1;
            }
            Ok(None) => sleep(PAUSE).await,
            // expected while the node is dead
            Err(_) => sleep(PAUSE_AFTER_ERROR).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::{Place, Witness};

    #[test]
    fn a_moved_transaction_is_a_contradiction() {
        let witness = Witness::default();
        let place = Place { height: 3, block: B256::repeat_byte(1), success: true };
        witness.note("a", B256::ZERO, place);
        witness.note("b", B256::ZERO, place);
        assert!(witness.take_contradictions().is_empty());
        witness.note("c", B256::ZERO, Place { block: B256::repeat_byte(2), ..place });
        assert_eq!(witness.take_contradictions().len(), 1);
        assert_eq!(witness.between(2, 3).len(), 1);
        assert!(witness.between(3, 9).is_empty());
    }
}
