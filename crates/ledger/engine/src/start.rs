//! Putting a ledger together.

use std::{collections::BTreeSet, sync::Arc};

use alloy_primitives::B256;
use chain::{ChainError, ChainStore, FinalizedBlock};
use commonware_broadcast::buffered;
use commonware_consensus::{
    Reporters,
    marshal::{self, core::Actor as MarshalActor, resolver::p2p as backfill, standard::Deferred},
};
use commonware_cryptography::{Digested, Digestible as _, Signer as _, certificate::Verifier as _};
use commonware_glue::stateful::{
    self, Stateful, SyncPlan,
    db::{DatabaseSet, SyncEngineConfig},
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender, utils::mux::Muxer};
use commonware_parallel::Rayon;
use commonware_runtime::{
    Clock, Handle, Metrics, Network, Resolver, Spawner, Storage, Strategizer, Supervisor,
    buffer::paged::CacheRef,
};
use commonware_storage::{archive::prunable, translator::EightCap};
use commonware_utils::{NZDuration, NZU16, NZU64, NZUsize};
use consensus::{
    BlockError, ConsensusBlock, EpochSchemes, KeyError, PeerSets, PublicKey, RegisterError,
    StrictScheme, Variant,
    orchestrator::{self, OrchestratorError},
    pacing::{Paced, Rhythm},
    settings::{self, Timeouts},
    validator_key,
};
use execution::{InvalidBlock, check_genesis, validate::TransactionRules};
use ledger_api::{Head, Ledger};
use pool::{
    Admission, Pool,
    gossip::{Gossip, GossipConfig},
};
use rand_core::CryptoRng;
use state::qmdb::{
    AccountsDb, CodeDb, Databases, StateConfig, StorageDb, database_config, empty_commitment,
};
use types::{Genesis, GenesisError, Namespace, ValidatorKey};

use crate::{
    Config,
    application::{App, head_of},
    certificates,
    core::Core,
    executed::ExecutedBlocks,
    handle::{ConnectedPeers, LedgerHandle},
    head::HeadSignal,
    latest::Latest,
    network::{self, Mesh, SYNC_OPERATIONS_MAX},
    status::Observed,
    syncing,
    validators::StateValidators,
    work::LedgerWork,
};

/// Everything a ledger asks of its runtime: the tokio one of a node, or the deterministic one of
/// the simulations.
pub trait Runtime:
    Spawner + Clock + CryptoRng + Network + Resolver + Metrics + Storage + Strategizer + Supervisor
{
}
impl<E> Runtime for E where
    E: Spawner
        + Clock
        + CryptoRng
        + Network
        + Resolver
        + Metrics
        + Storage
        + Strategizer
        + Supervisor
{
}

/// Read handles of the state databases, as the library hands them to the application.
pub(crate) type Readers<E> = <Databases<E> as DatabaseSet<E>>::Readers;

/// Bytes of one page of the shared cache.
const PAGE_BYTES: std::num::NonZeroU16 = NZU16!(4_096);
/// Write and replay buffers of the consensus stores, bytes.
const BUFFER_BYTES: std::num::NonZeroUsize = NZUsize!(256 * 1024);
/// Messages in the mailbox of each actor.
const MAILBOX_MAX: std::num::NonZeroUsize = NZUsize!(1_024);
/// Blocks of one peer kept until they are asked for.
const BUFFERED_BLOCKS_MAX: usize = 32;
/// Blocks fetched at a time to fill a gap.
const REPAIR_BLOCKS_MAX: std::num::NonZeroUsize = NZUsize!(32);
/// Blocks per section of the consensus archives.
const SECTION_BLOCKS: std::num::NonZeroU64 = NZU64!(256);
/// How long a peer may take to answer.
const FETCH_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);
/// Pause before a request is repeated.
const FETCH_RETRY: std::time::Duration = std::time::Duration::from_millis(100);

/// Why a ledger did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The genesis file is wrong.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// Block 1 cannot be made of the genesis file.
    #[error(transparent)]
    GenesisContent(#[from] InvalidBlock),
    /// Block 0 cannot be made.
    #[error("genesis block: {0}")]
    GenesisBlock(#[from] BlockError),
    /// A validator's key is unusable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The first validator set is unusable.
    #[error(transparent)]
    Validators(#[from] RegisterError),
    /// The chain store does not open.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The folder belongs to another network.
    #[error(
        "the chain store holds a ledger with genesis {found}, the genesis file gives {expected}; \
         use the genesis file of that network or another data folder"
    )]
    OtherGenesis {
        /// Hash of the stored block 0.
        found: String,
        /// Hash of the file's block 0.
        expected: String,
    },
    /// A consensus store does not open.
    #[error("consensus store: {0}")]
    Store(String),
}

/// A running ledger.
pub struct Running {
    /// Read and submit handle.
    pub ledger: Arc<dyn Ledger>,
    /// Ends when consensus ends: with the runtime, or with the reason why this node cannot go on.
    pub consensus: Handle<Result<(), OrchestratorError>>,
    /// Library metrics in Prometheus text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Starts a ledger over its own network. It recovers from whatever the last run left behind.
///
/// # Errors
/// What an operator can do something about. Damaged stores of the consensus library end the
/// process with their reason.
pub async fn start<E: Runtime>(context: E, config: Config) -> Result<Running, StartError> {
    let genesis_block = config.genesis.block(empty_commitment())?;
    let namespace = namespace(&config.genesis, genesis_block.hash());
    let mesh = network::open(&context, &config, &namespace.to_bytes());
    start_on(context, config, mesh).await
}

/// Starts a ledger over any network.
///
/// # Errors
/// As [`start`].
pub async fn start_on<E, S, R, O, B, P>(
    context: E,
    config: Config,
    mesh: Mesh<S, R, O, B, P>,
) -> Result<Running, StartError>
where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    O: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
    P: PeerSets,
{
    let strategy = context.child("workers").strategy(config.worker_threads);
    let core = open_core(&config, strategy.clone())?;
    let schemes = EpochSchemes::new(core.namespace, config.identity.clone());
    let cache = CacheRef::new(PAGE_BYTES, config.cache_pages);
    let app = App { core: Arc::clone(&core) };
    let own_key = validator_key(&config.identity.public_key());
    let public_key = config.identity.public_key();
    let (peers, blocker) = (mesh.provider, mesh.blocker);

    // Blocks: dissemination, archives, back-fill.
    let backfill_resolver = backfill::init(
        context.child("backfill"),
        backfill::Config {
            public_key: public_key.clone(),
            peer_provider: peers.clone(),
            blocker: blocker.clone(),
            mailbox_size: MAILBOX_MAX,
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            priority_requests: false,
            priority_responses: false,
        },
        mesh.backfill,
    );
    let (broadcast, buffer) = buffered::Engine::new(
        context.child("broadcast"),
        buffered::Config {
            public_key: public_key.clone(),
            mailbox_size: MAILBOX_MAX,
            deque_size: BUFFERED_BLOCKS_MAX,
            priority: false,
            codec_config: (),
            peer_provider: peers.clone(),
            strategy: strategy.clone(),
        },
    );
    broadcast.start(mesh.blocks);
    let prefix = config.partition_prefix.clone();
    let plan = SyncPlan::init(context.child("plan"), prefix.clone()).await;
    let genesis_block = core.genesis_block.clone();
    let genesis_digest = genesis_block.digest();
    let (marshal_actor, marshal, floor) = MarshalActor::<_, Variant, _, _, _, _, _>::init(
        context.child("marshal"),
        archive(
            context.child("finalizations"),
            &format!("{prefix}-finalizations"),
            &cache,
            StrictScheme::certificate_codec_config_unbounded(),
        )
        .await?,
        archive(context.child("blocks"), &format!("{prefix}-blocks"), &cache, ()).await?,
        marshal::Config {
            provider: schemes.clone(),
            epocher: settings::epocher(&config.genesis.parameters),
            start: plan.marshal_start(Digested::precomputed(genesis_block, genesis_digest)),
            partition_prefix: prefix.clone(),
            mailbox_size: MAILBOX_MAX,
            view_retention: settings::VIEW_RETENTION,
            prunable_items_per_section: SECTION_BLOCKS,
            page_cache: cache.clone(),
            replay_buffer: BUFFER_BYTES,
            key_write_buffer: BUFFER_BYTES,
            value_write_buffer: BUFFER_BYTES,
            block_codec_config: (),
            max_repair: REPAIR_BLOCKS_MAX,
            max_pending_acks: settings::PENDING_ACKNOWLEDGEMENTS_MAX,
            strategy: strategy.clone(),
        },
    )
    .await;

    // Marshal must be able to check the certificates of the epoch in which this node goes on.
    let epocher = settings::epocher(&config.genesis.parameters);
    let processed = floor.processed().map(|processed| processed.height());
    let (epoch, _) = orchestrator::starting_epoch(&epocher, processed)
        .ok_or_else(|| StartError::Store("the last epoch is over".into()))?;
    let set = match core.chain.validators(epoch.get())? {
        Some(set) => set,
        None if epoch.get() == 0 => config.genesis.validator_set().map_err(GenesisError::from)?,
        None => return Err(StartError::Store(format!("the validators of epoch {epoch} are lost"))),
    };
    schemes.register(epoch, &set)?;

    // State: the databases, their service to joining peers, and the application on them.
    let (sync_muxer, mut sync_channels) =
        Muxer::new(context.child("sync_mux"), mesh.state_sync.0, mesh.state_sync.1);
    sync_muxer.start();
    let closed = |error: commonware_p2p::utils::mux::Error| StartError::Store(error.to_string());
    let accounts = sync_channels.register(0).await.map_err(closed)?;
    let storage = sync_channels.register(1).await.map_err(closed)?;
    let code = sync_channels.register(2).await.map_err(closed)?;
    let service =
        |name| (context.child(name), public_key.clone(), (peers.clone(), blocker.clone()));
    let (child, key, oracle) = service("sync_accounts");
    let accounts = syncing::serve::<E, AccountsDb<E>, O, B>(child, key, oracle, accounts);
    let (child, key, oracle) = service("sync_storage");
    let storage = syncing::serve::<E, StorageDb<E>, O, B>(child, key, oracle, storage);
    let (child, key, oracle) = service("sync_code");
    let code = syncing::serve::<E, CodeDb<E>, O, B>(child, key, oracle, code);
    let resolvers = (accounts, storage, code);
    let (stateful_actor, stateful) = Stateful::new(
        context.child("state"),
        stateful::Config {
            application: app.clone(),
            db_config: database_config::<E>(&StateConfig {
                prefix: format!("{prefix}-state"),
                page_cache: cache.clone(),
                strategy: strategy.clone(),
            }),
            provider: (),
            marshal: (marshal.clone(), floor),
            mailbox_size: MAILBOX_MAX,
            plan,
            resolvers,
            sync_config: SyncEngineConfig {
                fetch_batch_size: SYNC_OPERATIONS_MAX,
                apply_batch_size: NZU64!(4_096),
                max_outstanding_requests: NZUsize!(8),
            },
            prune_config: None,
            strategy: strategy.clone(),
        },
    );

    // Consensus: one engine per epoch.
    let deferred = Deferred::new(
        context.child("deferred"),
        Paced::new(
            stateful.clone(),
            LedgerWork(Arc::clone(&core)),
            Rhythm::new(&config.genesis.parameters),
        ),
        marshal.clone(),
        settings::epocher(&config.genesis.parameters),
    );
    let clock = context.child("clock");
    let observed =
        Observed::new(schemes.clone(), Arc::new(move || consensus::pacing::now_ms(&clock)));
    let (orchestrator, epoch_boundaries) = orchestrator::Actor::new(
        context.child("epochs"),
        orchestrator::Config {
            blocker: blocker.clone(),
            automaton: deferred.clone(),
            reporter: Reporters::from((deferred, observed.clone())),
            marshal: marshal.clone(),
            schemes: schemes.clone(),
            validators: StateValidators(Arc::clone(&core)),
            peers: mesh.peer_sets,
            strategy: strategy.clone(),
            epocher: settings::epocher(&config.genesis.parameters),
            timeouts: Timeouts::new(&config.genesis.parameters),
            joined_with: None,
            partition_prefix: prefix,
            page_cache: cache,
        },
    );
    marshal_actor.start(
        Reporters::from((stateful.clone(), epoch_boundaries)),
        buffer,
        backfill_resolver,
    );
    stateful_actor.start();

    // What the databases hold is what users may see from the first moment.
    let databases = stateful.subscribe_databases().await;
    let processed = marshal.get_processed().await.map(|processed| processed.height().get());
    show_stored_head(&core, processed.unwrap_or_default())?;
    core.latest.open(databases);
    let consensus = orchestrator.start(mesh.votes, mesh.certificates, mesh.resolver);

    let admission = Admission::new(Arc::clone(&core.pool), core.latest.clone(), strategy);
    Gossip::new(
        context.child("gossip"),
        Arc::clone(&core.pool),
        admission.clone(),
        blocker,
        GossipConfig::default(),
    )
    .start(mesh.transactions);
    let keeper = (Arc::clone(&core), marshal, schemes.clone());
    context.child("certificates").spawn(move |_| certificates::keep(keeper.0, keeper.1, keeper.2));

    let metrics_context = context.child("exposition");
    let metrics: Arc<dyn Fn() -> String + Send + Sync> = Arc::new(move || metrics_context.encode());
    let connected = connected_peers(own_key, Arc::clone(&metrics));
    let ledger = LedgerHandle { core, admission, schemes, observed, own_key, connected };
    Ok(Running { ledger: Arc::new(ledger), consensus, metrics })
}

fn open_core(config: &Config, strategy: Rayon) -> Result<Arc<Core>, StartError> {
    config.genesis.check()?;
    check_genesis(&config.genesis)?;
    let genesis_block = ConsensusBlock::new(config.genesis.block(empty_commitment())?)?;
    let chain = ChainStore::open(&config.chain_folder, config.chain_options)?;
    match chain.hash(0)? {
        Some(found) if found != genesis_block.hash() => {
            return Err(StartError::OtherGenesis {
                found: found.to_string(),
                expected: genesis_block.hash().to_string(),
            });
        }
        Some(_) => {}
        None => {
            chain.append(&FinalizedBlock {
                block: Arc::new(genesis_block.block().clone()),
                receipts: Vec::new(),
                senders: Vec::new(),
            })?;
            chain.persist()?;
        }
    }
    let rules = TransactionRules::from_genesis(&config.genesis);
    Ok(Arc::new(Core {
        namespace: namespace(&config.genesis, genesis_block.hash()),
        genesis: Arc::new(config.genesis.clone()),
        head: HeadSignal::new(head_of(&genesis_block)),
        genesis_block,
        chain,
        pool: Arc::new(Pool::new(config.pool, rules)),
        executed: ExecutedBlocks::default(),
        latest: Latest::default(),
        strategy,
    }))
}

fn namespace(genesis: &Genesis, genesis_hash: B256) -> Namespace {
    Namespace {
        chain_id: genesis.chain_id,
        genesis_hash,
        ledger_id: genesis.ledger_id,
        incarnation: 0,
    }
}

/// Shows the newest block that was processed before this start. Blocks above it are delivered
/// again.
fn show_stored_head(core: &Core, processed: u64) -> Result<(), StartError> {
    core.latest.begin_applying(processed);
    if let Some((header, extension)) = core.chain.header(processed)? {
        core.head.publish(Head {
            number: processed,
            hash: header.hash_slow(),
            time_ms: extension.time_ms,
        });
    }
    Ok(())
}

async fn archive<E: Runtime, V, C>(
    context: E,
    partition: &str,
    cache: &CacheRef,
    codec_config: C,
) -> Result<prunable::Archive<EightCap, E, consensus::Digest, V>, StartError>
where
    V: commonware_codec::Codec<Cfg = C> + Send + Sync + 'static,
    C: Clone + Send + Sync + 'static,
{
    let config = prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{partition}-metadata"),
        key_partition: format!("{partition}-keys"),
        key_page_cache: cache.clone(),
        value_partition: format!("{partition}-values"),
        compression: None,
        codec_config,
        items_per_section: SECTION_BLOCKS,
        key_write_buffer: BUFFER_BYTES,
        value_write_buffer: BUFFER_BYTES,
        replay_buffer: BUFFER_BYTES,
    };
    prunable::Archive::init(context, config)
        .await
        .map_err(|error| StartError::Store(error.to_string()))
}

/// The peers that the network reports as connected. The library tells it in its metrics only.
fn connected_peers(
    own_key: ValidatorKey,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
) -> ConnectedPeers {
    Arc::new(move || {
        let text = metrics();
        let connected: BTreeSet<ValidatorKey> = text
            .lines()
            .filter(|line| line.contains("tracker_directory_connected{"))
            .filter_map(|line| line.split("peer=\"").nth(1)?.split('"').next())
            .filter_map(|peer| {
                let bytes = alloy_primitives::hex::decode(peer).ok()?;
                Some(ValidatorKey(<[u8; 32]>::try_from(bytes).ok()?))
            })
            .filter(|key| *key != own_key)
            .collect();
        connected.into_iter().collect()
    })
}
