//! The block at which the chain store of a node that joined begins.

use std::{sync::atomic::Ordering, time::Duration};

use commonware_consensus::types::Height;
use consensus::{Marshal, settings::PENDING_ACKNOWLEDGEMENTS_MAX};
use ledger_api::Head;
use state::qmdb::{Databases, committed};

use crate::{Runtime, StartError, core::Core};

/// Pause before the databases are compared again with the newest blocks.
const RETRY: Duration = Duration::from_millis(50);
/// Comparisons before a state that no final block commits to stops the node.
const ATTEMPTS_MAX: usize = 1_200;

/// Makes sure that the chain store reaches `height`: where it does not, it begins there. The block
/// must be in the consensus archives, and the databases must hold the state after it.
pub(crate) async fn reach(core: &Core, marshal: &Marshal, height: u64) -> Result<(), StartError> {
    if core.chain.head() >= Some(height) {
        return Ok(());
    }
    let block = marshal.get_block(Height::new(height)).await;
    let block = block.ok_or_else(|| StartError::Store(format!("block {height} is lost")))?;
    core.chain.join(block.inner().block())?;
    core.chain.persist()?;
    tracing::info!(height, hash = %block.inner().hash(), "the chain of this node begins here");
    Ok(())
}

/// Called before block `number` is applied: the chain store must go up to its parent.
pub(crate) async fn before(core: &Core, number: u64) -> Result<(), StartError> {
    let first = &core.joining.first_applied;
    let _ = first.compare_exchange(0, number, Ordering::SeqCst, Ordering::SeqCst);
    let parent = number.saturating_sub(1);
    match core.joining.marshal.get() {
        Some(marshal) if core.chain.head() < Some(parent) => reach(core, marshal, parent).await,
        _ => Ok(()),
    }
}

/// Finds the block whose state the fetched databases hold, begins the chain there and answers its
/// height; `None` where a block was applied on it meanwhile. Its header must commit to the very
/// roots of the databases, those of proofs included, which the library does not compare.
pub(crate) async fn settle<E: Runtime>(
    clock: &E,
    core: &Core,
    marshal: &Marshal,
    databases: &Databases<E>,
) -> Result<Option<u64>, StartError> {
    for _ in 0..ATTEMPTS_MAX {
        let found = committed(databases).await;
        // A block that is applied on the anchor brings the anchor along; its roots were compared.
        if core.joining.first_applied().is_some() {
            return Ok(None);
        }
        let processed = marshal.get_processed().await.map_or(0, |found| found.height().get());
        let last = processed.saturating_add(PENDING_ACKNOWLEDGEMENTS_MAX.get() as u64 + 1);
        for height in processed.max(1)..=last {
            let block = marshal.get_block(Height::new(height)).await;
            if block.is_some_and(|block| block.inner().extension().state == found) {
                reach(core, marshal, height).await?;
                return Ok(Some(height));
            }
        }
        clock.sleep(RETRY).await;
    }
    Err(StartError::Store("no final block commits to the state that peers sent".into()))
}

/// Shows a stored block to users.
pub(crate) fn show(core: &Core, number: u64) -> Result<(), StartError> {
    if let Some((header, extension)) = core.chain.header(number)? {
        core.latest.begin_applying(number);
        core.head.publish(Head { number, hash: header.hash_slow(), time_ms: extension.time_ms });
    }
    Ok(())
}
