//! Reports about blocks whose execution on this node does not give what they say.
//!
//! A *refused* block is a proposal that this node did not vote for: its proposer is faulty, or this
//! node is. A *final* one was certified by the others, so that this node is wrong, and stops. Either
//! way somebody has to find out why, often long afterwards and on another machine: the report has
//! everything that is known here, and the block itself, so that it can be executed again.
//!
//! One file per block in the data folder's `reports`, bounded in number and bytes. Reports about
//! refused blocks wait in a short queue, because a vote must not wait for a disk; the one about a
//! final block is written before the node stops.

mod files;
mod report;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use commonware_parallel::{Rayon, Strategy as _};
use consensus::ConsensusBlock;
use futures::{StreamExt as _, channel::mpsc};

pub(crate) use self::report::Kind;
use self::report::Origin;
use crate::verifying::Refused;

/// Reports that wait to be written. What comes beyond is dropped: the folder keeps few, and a liar
/// must not make this node hold blocks.
const REPORTS_WAITING_MAX: usize = 4;

/// A block and what is wrong with it.
pub(crate) struct Divergence {
    pub(crate) kind: Kind,
    pub(crate) block: ConsensusBlock,
    pub(crate) refused: Refused,
    /// Own clock, milliseconds since the Unix epoch.
    pub(crate) seen_ms: u64,
}

/// Takes reports. Cloning shares the folder.
#[derive(Clone)]
pub(crate) struct Divergences {
    origin: Arc<Origin>,
    folder: Arc<PathBuf>,
    kept: Arc<AtomicUsize>,
    /// One for all: the channel has a place more for every sender.
    waiting: Arc<Mutex<mpsc::Sender<Divergence>>>,
}

/// The other end of the queue.
pub(crate) type Waiting = mpsc::Receiver<Divergence>;

impl Divergences {
    /// Reports of this ledger in `folder`, which is made when there is something to report.
    pub(crate) fn new(
        genesis: Arc<types::Genesis>,
        genesis_hash: alloy_primitives::B256,
        own_key: types::ValidatorKey,
        folder: PathBuf,
    ) -> (Self, Waiting) {
        let (waiting, receiver) = mpsc::channel(REPORTS_WAITING_MAX - 1);
        let waiting = Arc::new(Mutex::new(waiting));
        let kept = Arc::new(AtomicUsize::new(files::count(&folder)));
        let origin = Arc::new(Origin { genesis, genesis_hash, own_key });
        (Self { origin, folder: Arc::new(folder), kept, waiting }, receiver)
    }

    /// Reports kept.
    pub(crate) fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    /// Takes a report about a refused block; never waits.
    pub(crate) fn refused(&self, block: &ConsensusBlock, refused: Refused, seen_ms: u64) {
        let divergence = Divergence { kind: Kind::Refused, block: block.clone(), refused, seen_ms };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.try_send(divergence).is_err() {
            tracing::warn!(hash = %block.hash(), "no divergence report: too many at one time");
        }
    }

    /// Writes a report now: this node is about to stop.
    pub(crate) async fn stopping(&self, divergence: Divergence, workers: &Rayon) {
        let shared = self.clone();
        workers.spawn(1, move |_| shared.write(&divergence)).await;
    }

    fn write(&self, divergence: &Divergence) {
        let text = self.origin.report(divergence);
        let name = files::name(divergence);
        match files::keep(&self.folder, &name, &text) {
            Ok(kept) => {
                self.kept.store(kept, Ordering::Relaxed);
                let file = self.folder.join(&name);
                tracing::error!(
                    height = divergence.block.number(),
                    hash = %divergence.block.hash(),
                    kind = divergence.kind.name(),
                    file = %file.display(),
                    "divergence report written"
                );
            }
            Err(error) => tracing::error!(%error, name, "cannot write a divergence report"),
        }
    }
}

/// Writes reports until the ledger stops.
pub(crate) async fn keep(divergences: Divergences, mut waiting: Waiting, workers: Rayon) {
    while let Some(divergence) = waiting.next().await {
        divergences.stopping(divergence, &workers).await;
    }
}
