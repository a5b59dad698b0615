//! The journals of votes: which epochs have one, and what is done where one is lost.
//!
//! Before an epoch's engine starts, its journal's partition is made, and then a mark that says so.
//! A mark without a partition means that votes were cast that nobody remembers. Marks and bounds are
//! blobs without content: their names say everything, so that nothing in them can be damaged.

use std::num::NonZeroU16;

use commonware_consensus::types::{Epoch, Round, View};
use commonware_runtime::{Blob as _, Error, Storage};

use crate::{pages, settings};

/// Name of the blob that makes a partition.
const MAKER: &[u8] = b"new";

/// Whether an epoch's journal is what this node wrote in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Journal {
    /// This node was never in the epoch, or has its journal.
    Whole,
    /// This node was in the epoch, and its journal is gone or damaged.
    Lost,
}

pub(super) fn partition(prefix: &str, epoch: u64) -> String {
    format!("{prefix}-votes-{epoch}")
}

fn marks(prefix: &str) -> String {
    format!("{prefix}-entered")
}

fn bounds(prefix: &str) -> String {
    format!("{prefix}-abstains")
}

/// Whether this node never took part in an epoch, as far as its storage knows.
///
/// # Errors
/// The storage fails.
pub async fn is_new(storage: &impl Storage, prefix: &str) -> Result<bool, Error> {
    Ok(names(storage, &marks(prefix)).await?.unwrap_or_default().is_empty())
}

/// Prepares the journal of `epoch` and removes those that no restart can return to.
pub(super) async fn enter(
    storage: &impl Storage,
    prefix: &str,
    epoch: u64,
    page_bytes: NonZeroU16,
) -> Result<Journal, Error> {
    let entered = names(storage, &marks(prefix)).await?.unwrap_or_default();
    let journal = partition(prefix, epoch);
    let exists = names(storage, &journal).await?.is_some();
    let mut bytes_left = u64::MAX;
    let was_here = entered.contains(&epoch.to_be_bytes().to_vec());
    let damage = pages::first_damage(storage, &journal, page_bytes, &mut bytes_left).await?;
    if let Some((file, page)) = &damage {
        tracing::error!(partition = journal, ?file, page, "the journal of votes is damaged");
        // The library would cut it off there and take the rest for never written.
        remove(storage, &journal, None).await?;
    }
    let exists = exists && damage.is_none();
    let found = if was_here && !exists { Journal::Lost } else { Journal::Whole };
    if !exists {
        make(storage, &journal, MAKER).await?;
        storage.remove(&journal, Some(MAKER)).await?;
    }
    make(storage, &marks(prefix), &epoch.to_be_bytes()).await?;
    for name in entered {
        let old = <[u8; 8]>::try_from(&name[..]).map(u64::from_be_bytes).unwrap_or_default();
        if old.saturating_add(settings::VOTE_JOURNALS_KEPT) <= epoch {
            remove(storage, &partition(prefix, old), None).await?;
            remove(storage, &marks(prefix), Some(&name)).await?;
        }
    }
    Ok(found)
}

/// Keeps on disk that nothing is signed until a block beyond `until` is final.
///
/// # Errors
/// The storage fails.
pub async fn keep_bound(storage: &impl Storage, prefix: &str, until: Round) -> Result<(), Error> {
    let mut name = until.epoch().get().to_be_bytes().to_vec();
    name.extend(until.view().get().to_be_bytes());
    make(storage, &bounds(prefix), &name).await
}

/// The latest of the bounds that are kept.
///
/// # Errors
/// The storage fails.
pub async fn kept_bound(storage: &impl Storage, prefix: &str) -> Result<Option<Round>, Error> {
    let names = names(storage, &bounds(prefix)).await?.unwrap_or_default();
    Ok(names.iter().filter_map(|name| round_of(name)).max())
}

/// Forgets the bounds.
pub(super) async fn forget_bounds(storage: &impl Storage, prefix: &str) -> Result<(), Error> {
    remove(storage, &bounds(prefix), None).await
}

fn round_of(name: &[u8]) -> Option<Round> {
    let (epoch, view) = name.split_first_chunk::<8>()?;
    let view = <[u8; 8]>::try_from(view).ok()?;
    Some(Round::new(Epoch::new(u64::from_be_bytes(*epoch)), View::new(u64::from_be_bytes(view))))
}

async fn make(storage: &impl Storage, partition: &str, name: &[u8]) -> Result<(), Error> {
    let (blob, _) = storage.open(partition, name).await?;
    blob.sync().await
}

async fn names(storage: &impl Storage, partition: &str) -> Result<Option<Vec<Vec<u8>>>, Error> {
    match storage.scan(partition).await {
        Ok(names) => Ok(Some(names)),
        Err(Error::PartitionMissing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn remove(storage: &impl Storage, partition: &str, name: Option<&[u8]>) -> Result<(), Error> {
    match storage.remove(partition, name).await {
        Err(Error::PartitionMissing(_) | Error::BlobMissing(..)) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use commonware_runtime::{Runner as _, deterministic};
    use commonware_utils::NZU16;

    use super::*;

    const PAGE: NonZeroU16 = NZU16!(64);

    #[test]
    fn a_journal_that_was_there_and_is_gone_is_lost() {
        deterministic::Runner::default().start(|storage| async move {
            assert!(is_new(&storage, "node").await.unwrap());
            assert_eq!(enter(&storage, "node", 3, PAGE).await.unwrap(), Journal::Whole);
            assert!(!is_new(&storage, "node").await.unwrap());
            assert_eq!(
                enter(&storage, "node", 3, PAGE).await.unwrap(),
                Journal::Whole,
                "without votes"
            );
            storage.remove(&partition("node", 3), None).await.unwrap();
            assert_eq!(
                enter(&storage, "node", 4, PAGE).await.unwrap(),
                Journal::Whole,
                "never was there"
            );
            assert_eq!(enter(&storage, "node", 3, PAGE).await.unwrap(), Journal::Lost);
            assert!(is_new(&storage, "other").await.unwrap());
        });
    }

    #[test]
    fn journals_that_no_restart_returns_to_are_removed_however_many_epochs_were_skipped() {
        deterministic::Runner::default().start(|storage| async move {
            for epoch in [1, 2, 40, 41] {
                enter(&storage, "node", epoch, PAGE).await.unwrap();
            }
            for (epoch, kept) in [(1, false), (2, false), (40, true), (41, true)] {
                let found = names(&storage, &partition("node", epoch)).await.unwrap();
                assert_eq!(found.is_some(), kept, "epoch {epoch}");
            }
            assert_eq!(names(&storage, &marks("node")).await.unwrap().unwrap().len(), 2);
        });
    }

    #[test]
    fn the_latest_bound_is_kept_until_it_is_forgotten() {
        deterministic::Runner::default().start(|storage| async move {
            let bound = |epoch, view| Round::new(Epoch::new(epoch), View::new(view));
            assert_eq!(kept_bound(&storage, "node").await.unwrap(), None);
            keep_bound(&storage, "node", bound(2, 900)).await.unwrap();
            keep_bound(&storage, "node", bound(3, u64::MAX)).await.unwrap();
            assert_eq!(kept_bound(&storage, "node").await.unwrap(), Some(bound(3, u64::MAX)));
            forget_bounds(&storage, "node").await.unwrap();
            forget_bounds(&storage, "node").await.unwrap();
            assert_eq!(kept_bound(&storage, "node").await.unwrap(), None);
        });
    }
}
