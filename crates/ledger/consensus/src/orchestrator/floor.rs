//! Where an epoch's engine starts from.

use commonware_consensus::{
    simplex::Floor,
    types::{Epoch, Height},
};
use commonware_cryptography::Digestible as _;

use super::state::Current;
use crate::{Digest, Finalization, Marshal, StrictScheme, settings::FLOOR_SEARCH_MAX};

/// The epoch's root block, or, where the node does not store it because it joined by state sync, a
/// certificate of the epoch itself: the one it joined with, or a later one that marshal keeps.
pub(super) async fn find(
    marshal: &Marshal,
    current: &Current,
    joined_with: Option<Finalization>,
) -> Option<Floor<StrictScheme, Digest>> {
    if let Some(root) = marshal.get_block(current.root()).await {
        return Some(Floor::Genesis(root.digest()));
    }
    let epoch = current.epoch();
    let newest = newest_certificate(marshal, current).await;
    newest
        .into_iter()
        .chain(joined_with)
        .filter(|finalization| finalization.proposal.round.epoch() == epoch)
        .max_by_key(|finalization| finalization.proposal.round)
        .map(Floor::Finalized)
}

/// The newest certificate of the epoch at or below marshal's processed height.
async fn newest_certificate(marshal: &Marshal, current: &Current) -> Option<Finalization> {
    let anchor = marshal.get_processed().await?.anchor();
    let lowest = current.root().get().max(anchor.get().saturating_sub(FLOOR_SEARCH_MAX));
    for height in (lowest..=anchor.get()).rev() {
        let found = marshal.get_finalization(Height::new(height)).await;
        if let Some(found) = found.filter(|found| is_of(found, current.epoch())) {
            return Some(found);
        }
    }
    None
}

fn is_of(finalization: &Finalization, epoch: Epoch) -> bool {
    finalization.proposal.round.epoch() == epoch
}
