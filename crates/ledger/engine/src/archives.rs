//! The consensus archives with the chain store behind them.
//!
//! The library's archives keep a window of blocks and certificates. What lies below it is in the
//! chain store, byte for byte, so that peers who replay find every block that this node retains,
//! however far behind they are, and nothing is stored twice for long.

use std::sync::Arc;

use alloy_primitives::B256;
use chain::ChainStore;
use commonware_consensus::{
    marshal::store::{Blocks, Certificates},
    types::{Epoch, Height},
};
use commonware_runtime::Handle;
use commonware_storage::{
    archive::{Error, Identifier, prunable},
    translator::EightCap,
};
use consensus::{
    ConsensusBlock, Digest, EpochSchemes, Finalization, StrictScheme, library_finalization,
};

use crate::{Runtime, core::Core};

type BlockArchive<E> = prunable::Archive<EightCap, E, Digest, Arc<ConsensusBlock>>;
type CertificateArchive<E> = prunable::Archive<EightCap, E, Digest, Finalization>;

/// Final blocks.
pub(crate) struct StoredBlocks<E: Runtime> {
    archive: BlockArchive<E>,
    core: Arc<Core>,
}

impl<E: Runtime> StoredBlocks<E> {
    pub(crate) fn new(archive: BlockArchive<E>, core: Arc<Core>) -> Self {
        Self { archive, core }
    }

    /// The run of bodies in the chain store that ends at its head.
    fn run(&self) -> Option<(u64, u64)> {
        let (lowest, head) = (self.core.chain.lowest_body()?, self.core.chain.head()?);
        (lowest <= head).then_some((lowest, head))
    }

    fn run_around(&self, height: Height) -> Option<(u64, u64)> {
        self.run().filter(|(lowest, head)| (*lowest..=*head).contains(&height.get()))
    }

    fn retained(&self, height: u64) -> Option<Arc<ConsensusBlock>> {
        let chain = &self.core.chain;
        let block = match chain.block(height) {
            Ok(block) => block?,
            Err(chain::ChainError::BlockPruned { .. }) => return None,
            Err(error) => {
                tracing::warn!(height, %error, "a block cannot be read");
                return None;
            }
        };
        ConsensusBlock::new(Arc::unwrap_or_clone(block)).ok().map(Arc::new)
    }
}

impl<E: Runtime> Blocks for StoredBlocks<E> {
    type Block = Arc<ConsensusBlock>;
    type Error = Error;

    async fn put(self, digest: Digest, block: &Arc<ConsensusBlock>) -> Result<Self, Error> {
        let Self { archive, core } = self;
        Ok(Self { archive: Blocks::put(archive, digest, block).await?, core })
    }

    async fn sync(self) -> Result<Self, Error> {
        let Self { archive, core } = self;
        Ok(Self { archive: Blocks::sync(archive).await?, core })
    }

    async fn start_sync(self) -> Result<(Self, Handle<()>), Error> {
        let Self { archive, core } = self;
        let (archive, syncing) = Blocks::start_sync(archive).await?;
        Ok((Self { archive, core }, syncing))
    }

    async fn get(&self, id: Identifier<'_, Digest>) -> Result<Option<Arc<ConsensusBlock>>, Error> {
        let height = height_of(&self.core.chain, &id);
        match Blocks::get(&self.archive, id).await {
            Ok(Some(block)) => Ok(Some(block)),
            Ok(None) => Ok(height().and_then(|height| self.retained(height))),
            Err(error) => {
                let block = height().and_then(|height| self.retained(height));
                tracing::warn!(%error, found = block.is_some(), "a block in the archive is damaged");
                block.map(Some).ok_or(error)
            }
        }
    }

    async fn prune(self, min: Height) -> Result<Self, Error> {
        let Self { archive, core } = self;
        Ok(Self { archive: Blocks::prune(archive, min).await?, core })
    }

    fn missing_items(&self, start: Height, max: usize) -> Vec<Height> {
        let start = self.run_around(start).map_or(start, |(_, head)| Height::new(head).next());
        Blocks::missing_items(&self.archive, start, max)
    }

    // The archive goes on where the chain store ends, or overlaps it.
    fn next_gap(&self, value: Height) -> (Option<Height>, Option<Height>) {
        if let Some((_, head)) = self.run_around(value) {
            let beyond = Blocks::next_gap(&self.archive, Height::new(head).next());
            let here = Blocks::next_gap(&self.archive, Height::new(head));
            return match (beyond, here) {
                ((Some(end), next), _) | (_, (Some(end), next)) => (Some(end), next),
                ((None, next), _) => (Some(Height::new(head)), next),
            };
        }
        let (end, next) = Blocks::next_gap(&self.archive, value);
        let run = self.run().map(|(lowest, _)| Height::new(lowest));
        match run.filter(|lowest| end.is_none() && *lowest > value) {
            Some(lowest) => (None, Some(next.map_or(lowest, |next| next.min(lowest)))),
            None => (end, next),
        }
    }

    fn last_index(&self) -> Option<Height> {
        Blocks::last_index(&self.archive)
    }
}

/// The height that is asked for, looked up only where it is needed.
fn height_of<'a>(
    chain: &'a ChainStore,
    id: &Identifier<'_, Digest>,
) -> impl FnOnce() -> Option<u64> + Send + 'a {
    let (height, digest) = match id {
        Identifier::Index(height) => (Some(*height), None),
        Identifier::Key(digest) => (None, Some(B256::from_slice(digest.as_ref()))),
    };
    move || height.or_else(|| chain.number(digest?).ok().flatten())
}

/// Certificates of final blocks.
pub(crate) struct StoredCertificates<E: Runtime> {
    archive: CertificateArchive<E>,
    core: Arc<Core>,
    schemes: EpochSchemes,
}

impl<E: Runtime> StoredCertificates<E> {
    pub(crate) fn new(
        archive: CertificateArchive<E>,
        core: Arc<Core>,
        schemes: EpochSchemes,
    ) -> Self {
        Self { archive, core, schemes }
    }

    fn kept(&self, height: u64) -> Option<Finalization> {
        let chain = &self.core.chain;
        let (_, certificate) =
            chain.certificate_at_or_above(height).ok()?.filter(|(found, _)| *found == height)?;
        let epoch = certificate.epoch;
        let genesis = || self.core.genesis.validator_set().ok().filter(|_| epoch == 0);
        let stored = || chain.validators(epoch).ok().flatten();
        let set = self.schemes.validators(Epoch::new(epoch)).or_else(stored).or_else(genesis)?;
        library_finalization(&certificate, &set).ok()
    }
}

impl<E: Runtime> Certificates for StoredCertificates<E> {
    type BlockDigest = Digest;
    type Commitment = Digest;
    type Scheme = StrictScheme;
    type Error = Error;

    async fn put(
        self,
        height: Height,
        digest: Digest,
        finalization: &Finalization,
    ) -> Result<Self, Error> {
        let Self { archive, core, schemes } = self;
        let archive = Certificates::put(archive, height, digest, finalization).await?;
        Ok(Self::new(archive, core, schemes))
    }

    async fn sync(self) -> Result<Self, Error> {
        let Self { archive, core, schemes } = self;
        Ok(Self::new(Certificates::sync(archive).await?, core, schemes))
    }

    async fn start_sync(self) -> Result<(Self, Handle<()>), Error> {
        let Self { archive, core, schemes } = self;
        let (archive, syncing) = Certificates::start_sync(archive).await?;
        Ok((Self::new(archive, core, schemes), syncing))
    }

    async fn get(&self, id: Identifier<'_, Digest>) -> Result<Option<Finalization>, Error> {
        let height = height_of(&self.core.chain, &id);
        match Certificates::get(&self.archive, id).await {
            Ok(Some(finalization)) => Ok(Some(finalization)),
            Ok(None) => Ok(height().and_then(|height| self.kept(height))),
            Err(error) => {
                let kept = height().and_then(|height| self.kept(height));
                tracing::warn!(%error, found = kept.is_some(), "a certificate in the archive is damaged");
                kept.map(Some).ok_or(error)
            }
        }
    }

    async fn has(&self, height: Height) -> Result<bool, Error> {
        Certificates::has(&self.archive, height).await
    }

    async fn prune(self, min: Height) -> Result<Self, Error> {
        let Self { archive, core, schemes } = self;
        Ok(Self::new(Certificates::prune(archive, min).await?, core, schemes))
    }

    fn last_index(&self) -> Option<Height> {
        Certificates::last_index(&self.archive)
    }

    fn ranges_from(&self, from: Height) -> impl Iterator<Item = (Height, Height)> {
        Certificates::ranges_from(&self.archive, from)
    }
}
