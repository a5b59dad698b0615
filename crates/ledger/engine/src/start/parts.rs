//! Settings of the library's parts, as this ledger has them.

use std::{num, sync::Arc, time::Duration};

use commonware_broadcast::buffered;
use commonware_codec::Codec;
use commonware_consensus::{
    marshal::{self, Start, core::Floor, resolver::p2p as backfill},
    types::FixedEpocher,
};
use commonware_cryptography::{Digested, Signer as _, certificate::Verifier as _};
use commonware_glue::stateful::{self, SyncPlan, db::SyncEngineConfig};
use commonware_p2p::{Blocker, Provider};
use commonware_parallel::Rayon;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::{archive::prunable, translator::EightCap};
use commonware_utils::{NZDuration, NZU16, NZU64, NZUsize};
use consensus::{
    ConsensusBlock, Digest, EpochSchemes, Marshal, PublicKey, StrictScheme, Variant, settings,
};
use state::qmdb::{StateConfig, database_config};

use super::Runtime;
use crate::{
    Config, StartError,
    application::App,
    archives::{StoredBlocks, StoredCertificates},
    core::Core,
    network::SYNC_OPERATIONS_MAX,
    retention::Windows,
};

/// Bytes of one page of the shared cache.
pub(crate) const PAGE_BYTES: num::NonZeroU16 = NZU16!(4_096);
/// Write and replay buffers of the consensus stores, bytes.
const BUFFER_BYTES: num::NonZeroUsize = NZUsize!(256 * 1024);
/// Messages in the mailbox of each actor.
const MAILBOX_MAX: num::NonZeroUsize = NZUsize!(1_024);
/// Blocks of one peer kept until they are asked for.
const BUFFERED_BLOCKS_MAX: usize = 32;
/// Blocks fetched at a time to fill a gap.
const REPAIR_BLOCKS_MAX: num::NonZeroUsize = NZUsize!(32);
/// How long a peer may take to answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause before a request is repeated.
const FETCH_RETRY: Duration = Duration::from_millis(100);

type MarshalConfig = marshal::Config<
    EpochSchemes,
    FixedEpocher,
    Rayon,
    ConsensusBlock,
    Digested<ConsensusBlock>,
    Digest,
>;

/// What the settings of all parts have in common.
pub(super) struct Parts {
    pub(super) public_key: PublicKey,
    /// First part of the names of all stores but the journals of votes.
    pub(super) prefix: String,
    /// Pages of all stores.
    pub(super) cache: CacheRef,
    pub(super) strategy: Rayon,
    pub(super) epocher: FixedEpocher,
    /// What the archives and the logs of the state databases keep.
    windows: Windows,
    epoch_blocks: u64,
}

impl Parts {
    pub(super) fn new(config: &Config, strategy: &Rayon, prefix: String) -> Self {
        Self {
            public_key: config.identity.public_key(),
            prefix,
            cache: CacheRef::new(PAGE_BYTES, config.cache_pages),
            strategy: strategy.clone(),
            epocher: settings::epocher(&config.genesis.parameters),
            windows: config.windows,
            epoch_blocks: config.genesis.parameters.epoch_blocks,
        }
    }

    /// Fetching of missing blocks.
    pub(super) fn backfill<O, B>(&self, peers: &O, blocker: &B) -> backfill::Config<PublicKey, O, B>
    where
        O: Provider<PublicKey = PublicKey>,
        B: Blocker<PublicKey = PublicKey>,
    {
        backfill::Config {
            public_key: self.public_key.clone(),
            peer_provider: peers.clone(),
            blocker: blocker.clone(),
            mailbox_size: MAILBOX_MAX,
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            priority_requests: false,
            priority_responses: false,
        }
    }

    /// Sending and buffering of new blocks.
    pub(super) fn broadcast<O>(&self, peers: &O) -> buffered::Config<PublicKey, (), O, Rayon>
    where
        O: Provider<PublicKey = PublicKey>,
    {
        buffered::Config {
            public_key: self.public_key.clone(),
            mailbox_size: MAILBOX_MAX,
            deque_size: BUFFERED_BLOCKS_MAX,
            priority: false,
            codec_config: (),
            peer_provider: peers.clone(),
            strategy: self.strategy.clone(),
        }
    }

    /// Ordering and storing of finalized blocks.
    pub(super) fn marshal(
        &self,
        schemes: &EpochSchemes,
        start: Start<StrictScheme, Digest, Digested<ConsensusBlock>>,
    ) -> MarshalConfig {
        marshal::Config {
            provider: schemes.clone(),
            epocher: self.epocher.clone(),
            start,
            partition_prefix: self.prefix.clone(),
            mailbox_size: MAILBOX_MAX,
            view_retention: settings::VIEW_RETENTION,
            prunable_items_per_section: self.windows.section_blocks,
            page_cache: self.cache.clone(),
            replay_buffer: BUFFER_BYTES,
            key_write_buffer: BUFFER_BYTES,
            value_write_buffer: BUFFER_BYTES,
            block_codec_config: (),
            max_repair: REPAIR_BLOCKS_MAX,
            max_pending_acks: settings::PENDING_ACKNOWLEDGEMENTS_MAX,
            strategy: self.strategy.clone(),
        }
    }

    /// The application on its databases.
    pub(super) fn state<E: Runtime, R>(
        &self,
        application: App,
        marshal: (Marshal, Floor),
        plan: SyncPlan<E, StrictScheme, Variant>,
        resolvers: R,
    ) -> stateful::Config<E, App, Variant, R, Rayon> {
        stateful::Config {
            application,
            db_config: database_config::<E>(&StateConfig {
                prefix: format!("{}-state", self.prefix),
                page_cache: self.cache.clone(),
                strategy: self.strategy.clone(),
            }),
            provider: (),
            marshal,
            mailbox_size: MAILBOX_MAX,
            plan,
            resolvers,
            sync_config: SyncEngineConfig {
                fetch_batch_size: SYNC_OPERATIONS_MAX,
                apply_batch_size: NZU64!(4_096),
                max_outstanding_requests: NZUsize!(8),
            },
            prune_config: Some(self.windows.prune_config(self.epoch_blocks)),
            strategy: self.strategy.clone(),
        }
    }

    /// Opens the archive of certificates, with the chain store behind it.
    pub(super) async fn certificates<E: Runtime>(
        &self,
        context: &E,
        core: &Arc<Core>,
        schemes: &EpochSchemes,
    ) -> Result<StoredCertificates<E>, StartError> {
        let codec_config = StrictScheme::certificate_codec_config_unbounded();
        let context = context.child("finalizations");
        let archive = self.archive(context, "finalizations", codec_config).await?;
        Ok(StoredCertificates::new(archive, Arc::clone(core), schemes.clone()))
    }

    /// Opens the archive of blocks, with the chain store behind it.
    pub(super) async fn blocks<E: Runtime>(
        &self,
        context: &E,
        core: &Arc<Core>,
    ) -> Result<StoredBlocks<E>, StartError> {
        let archive = self.archive(context.child("blocks"), "blocks", ()).await?;
        Ok(StoredBlocks::new(archive, Arc::clone(core)))
    }

    /// Opens an archive of marshal: `{prefix}-{name}`.
    async fn archive<E: Runtime, V, C>(
        &self,
        context: E,
        name: &str,
        codec_config: C,
    ) -> Result<prunable::Archive<EightCap, E, Digest, V>, StartError>
    where
        V: Codec<Cfg = C> + Send + Sync + 'static,
        C: Clone + Send + Sync + 'static,
    {
        let partition = format!("{}-{name}", self.prefix);
        let config = prunable::Config {
            translator: EightCap,
            metadata_partition: format!("{partition}-metadata"),
            key_partition: format!("{partition}-keys"),
            key_page_cache: self.cache.clone(),
            value_partition: format!("{partition}-values"),
            compression: None,
            codec_config,
            items_per_section: self.windows.section_blocks,
            key_write_buffer: BUFFER_BYTES,
            value_write_buffer: BUFFER_BYTES,
            replay_buffer: BUFFER_BYTES,
        };
        prunable::Archive::init(context, config)
            .await
            .map_err(|error| StartError::Store(error.to_string()))
    }
}
