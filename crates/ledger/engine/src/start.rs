//! Putting a ledger together.

mod parts;

use std::{collections::BTreeSet, sync::Arc};

use alloy_primitives::B256;
use chain::{ChainError, ChainStore, FinalizedBlock};
use commonware_broadcast::buffered;
use commonware_consensus::{
    Reporters,
    marshal::{core::Actor as MarshalActor, resolver::p2p as backfill, standard::Deferred},
    types::{FixedEpocher, Height},
};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_glue::stateful::{Stateful, SyncPlan, db::DatabaseSet};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Rayon;
use commonware_runtime::{
    Clock, Handle, Metrics, Network, Resolver, Spawner, Storage, Strategizer, Supervisor,
};
use consensus::{
    BlockError, ConsensusBlock, EpochSchemes, KeyError, PeerSets, PublicKey, RegisterError,
    Variant,
    orchestrator::{self, OrchestratorError},
    pacing::{Paced, Rhythm},
    settings::Timeouts,
    validator_key,
};
use execution::{InvalidBlock, check_genesis, validate::TransactionRules};
use ledger_api::{Head, Ledger};
use pool::{
    Admission, Pool,
    gossip::{Gossip, GossipConfig},
};
use rand_core::CryptoRng;
use state::qmdb::{Databases, empty_commitment};
use types::{Genesis, GenesisError, Namespace, ValidatorKey};

use self::parts::Parts;
use crate::{
    Config,
    application::{App, head_of},
    certificates,
    core::Core,
    executed::ExecutedBlocks,
    handle::{ConnectedPeers, LedgerHandle},
    head::HeadSignal,
    latest::Latest,
    network::{self, Mesh},
    status::{Observed, TipReporter},
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
    let parts = Parts::new(&config, &strategy);
    let own_key = validator_key(&parts.public_key);
    let (peers, blocker) = (mesh.provider, mesh.blocker);

    // Blocks: dissemination, archives, back-fill.
    let backfill_resolver =
        backfill::init(context.child("backfill"), parts.backfill(&peers, &blocker), mesh.backfill);
    let (broadcast, buffer) =
        buffered::Engine::new(context.child("broadcast"), parts.broadcast(&peers));
    broadcast.start(mesh.blocks);
    let plan = SyncPlan::init(context.child("plan"), parts.prefix.clone()).await;
    let genesis_block = core.genesis_block.clone();
    let genesis_digest = genesis_block.digest();
    let (marshal_actor, marshal, floor) = MarshalActor::<_, Variant, _, _, _, _, _>::init(
        context.child("marshal"),
        parts.finalizations(context.child("finalizations")).await?,
        parts.archive(context.child("blocks"), "blocks", ()).await?,
        parts.marshal(
            &schemes,
            plan.marshal_start(Digested::precomputed(genesis_block, genesis_digest)),
        ),
    )
    .await;

    let processed = floor.processed().map(|processed| processed.height());
    register_starting_epoch(&core, &parts.epocher, &schemes, processed)?;

    // State: the databases, their service to joining peers, and the application on them.
    let resolvers = syncing::serve_all(
        &context.child("sync"),
        &parts.public_key,
        (&peers, &blocker),
        mesh.state_sync,
    )
    .await
    .map_err(|error| StartError::Store(error.to_string()))?;
    let (stateful_actor, stateful) = Stateful::new(
        context.child("state"),
        parts.state(App { core: Arc::clone(&core) }, (marshal.clone(), floor), plan, resolvers),
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
        parts.epocher.clone(),
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
            epocher: parts.epocher,
            timeouts: Timeouts::new(&config.genesis.parameters),
            joined_with: None,
            partition_prefix: parts.prefix,
            page_cache: parts.cache,
        },
    );
    marshal_actor.start(
        Reporters::from((
            stateful.clone(),
            Reporters::from((epoch_boundaries, TipReporter(observed.clone()))),
        )),
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

    let admission = start_gossip(&context, &core, blocker, mesh.transactions);
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

/// Marshal must be able to check the certificates of the epoch in which this node goes on.
fn register_starting_epoch(
    core: &Core,
    epocher: &FixedEpocher,
    schemes: &EpochSchemes,
    processed: Option<Height>,
) -> Result<(), StartError> {
    let (epoch, _) = orchestrator::starting_epoch(epocher, processed)
        .ok_or_else(|| StartError::Store("the last epoch is over".into()))?;
    let set = match core.chain.validators(epoch.get())? {
        Some(set) => set,
        None if epoch.get() == 0 => core.genesis.validator_set().map_err(GenesisError::from)?,
        None => return Err(StartError::Store(format!("the validators of epoch {epoch} are lost"))),
    };
    schemes.register(epoch, &set)?;
    Ok(())
}

/// Exchanges transactions with peers; the admission is the one for users as well.
fn start_gossip<E: Runtime>(
    context: &E,
    core: &Arc<Core>,
    blocker: impl Blocker<PublicKey = PublicKey>,
    transactions: (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
) -> Admission<Latest, Rayon> {
    let admission =
        Admission::new(Arc::clone(&core.pool), core.latest.clone(), core.strategy.clone());
    let pool = Arc::clone(&core.pool);
    let config = GossipConfig::default();
    Gossip::new(context.child("gossip"), pool, admission.clone(), blocker, config)
        .start(transactions);
    admission
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
