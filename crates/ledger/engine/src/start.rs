//! Putting a ledger together.

mod parts;

use std::sync::Arc;

use alloy_primitives::B256;
use chain::{ChainStore, FinalizedBlock};
use commonware_broadcast::buffered;
use commonware_consensus::{
    Reporters,
    marshal::{core::Actor as MarshalActor, resolver::p2p as backfill, standard::Deferred},
    types::{FixedEpocher, Height},
};
use commonware_cryptography::{Digested, Digestible as _, Signer as _};
use commonware_glue::stateful::{Stateful, SyncPlan, db::DatabaseSet};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Rayon;
use commonware_runtime::{
    Clock, Error as RuntimeError, Handle, Metrics, Network, Resolver, Spawner, Storage,
    Strategizer, Supervisor,
    telemetry::metrics::{GaugeExt as _, MetricsExt as _},
};
use consensus::{
    ConsensusBlock, EpochSchemes, Finalization, Marshal, PeerSets, PublicKey, StrictScheme,
    Variant,
    orchestrator::{self, OrchestratorError},
    pacing::{Paced, Rhythm},
    settings::Timeouts,
    validator_key,
};
use execution::{check_genesis, validate::TransactionRules};
use futures::future::{BoxFuture, Either, select};
use ledger_api::{Head, HeadSignal, Ledger};
use pool::{
    Admission, Pool,
    gossip::{Gossip, GossipConfig},
};
use rand_core::CryptoRng;
use state::qmdb::{Databases, empty_commitment};
use types::{Genesis, GenesisError, Namespace};

pub(crate) use self::parts::PAGE_BYTES;
use self::parts::Parts;
use crate::{
    Config, Join, StartError, Stopped,
    application::{App, head_of},
    backfill as older_blocks, certificates,
    connected::{connected_peers, exposition},
    core::Core,
    divergence::{self, Divergences},
    evidence,
    executed::ExecutedBlocks,
    halt::Halt,
    handle::LedgerHandle,
    history::{self, History},
    joining::{self, Joiner, Joining, LeftBehind, Scout},
    latest::Latest,
    names::Names,
    network::{self, Mesh},
    observers::{self, SharedPeers},
    stages::{MeasuredAdmission, MeasuredWorkers, Stage},
    status::{TipReporter, Watched},
    stores::{Step, Stores},
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

/// A running ledger.
pub struct Running {
    /// Read and submit handle.
    pub ledger: Arc<dyn Ledger>,
    /// Ends when consensus ends: with the runtime, or with the reason why this node cannot go on.
    pub consensus: BoxFuture<'static, Result<Result<(), Stopped>, RuntimeError>>,
    /// Library metrics in OpenMetrics text format, at most a second old.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Height of the first block that this node executed and applied since it was started.
    pub first_applied: Arc<dyn Fn() -> Option<u64> + Send + Sync>,
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
    let Mesh { history, provider: peers, blocker, peer_sets, .. } = mesh;
    let mut peer_sets = SharedPeers::new(peer_sets);
    let (votes, certificates, resolver) = (mesh.votes, mesh.certificates, mesh.resolver);
    let (backfill, blocks) = (mesh.backfill, mesh.blocks);
    let (state_sync, transactions) = (mesh.state_sync, mesh.transactions);
    let ends = Ends { votes, certificates, resolver, backfill, blocks, state_sync, transactions };

    let strategy = context.child("workers").strategy(config.worker_threads);
    let mut stores = Stores::open(&context, &config).await?;
    stores.repair(&context).await?;
    stores.begin(&context, Step::Plan).await?;
    let plan = SyncPlan::init(context.child("plan"), stores.prefix()).await;
    let (core, reports) = open_core(&config, strategy)?;
    let writing = divergence::keep(core.divergences.clone(), reports, core.strategy.clone());
    context.child("divergence").spawn(move |_| writing);
    let schemes = EpochSchemes::new(core.namespace, config.identity.clone());
    let bound = orchestrator::kept_bound(&context, stores.journal_prefix()).await;
    if let Some(until) = bound.map_err(|error| StartError::Store(error.to_string()))? {
        schemes.abstention().begin(until);
    }

    // A node with an empty folder finds out where the network is.
    let oracle = (peers.clone(), blocker.clone());
    let public_key = config.identity.public_key();
    let history = history::start(&context, &core, &public_key, oracle, history);
    let joiner = Joiner {
        context: &context,
        core: &core,
        config: &config,
        schemes: &schemes,
        history: &history,
    };
    stores.begin(&context, Step::Asking).await?;
    let prepared = Box::pin(joiner.prepare(&mut stores, plan, &mut peer_sets)).await;
    let (plan, joined_with) = prepared?;
    let scout = joiner.scout()?;
    let parts = Parts::new(&config, &core.strategy, stores.prefix());
    let opened = Opened { config, parts, stores, core, schemes, history, plan, joined_with, scout };
    Box::pin(assemble(context, opened, (peers, blocker, peer_sets), ends)).await
}

/// The ends of the channels that the ledger's parts share out.
struct Ends<S, R> {
    votes: (S, R),
    certificates: (S, R),
    resolver: (S, R),
    backfill: (S, R),
    blocks: (S, R),
    state_sync: (S, R),
    transactions: (S, R),
}

/// What is open, and how the node comes to the present.
struct Opened<E: Runtime> {
    config: Config,
    parts: Parts,
    stores: Stores,
    core: Arc<Core>,
    schemes: EpochSchemes,
    history: History,
    plan: SyncPlan<E, StrictScheme, Variant>,
    joined_with: Option<Finalization>,
    scout: Scout,
}

/// Puts the parts together and starts them.
async fn assemble<E, S, R, O, B, P>(
    context: E,
    opened: Opened<E>,
    (peers, blocker, peer_sets): (O, B, P),
    mesh: Ends<S, R>,
) -> Result<Running, StartError>
where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    O: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
    P: PeerSets + Clone,
{
    let Opened { config, parts, stores, core, schemes, history, plan, joined_with, scout } = opened;
    let own_key = validator_key(&parts.public_key);
    let strategy = core.strategy.clone();

    // Blocks: dissemination, archives, back-fill.
    let backfill_resolver =
        backfill::init(context.child("backfill"), parts.backfill(&peers, &blocker), mesh.backfill);
    let (broadcast, buffer) =
        buffered::Engine::new(context.child("broadcast"), parts.broadcast(&peers));
    broadcast.start(mesh.blocks);
    stores.begin(&context, Step::Archives).await?;
    let completed = plan.completed();
    let (marshal_actor, marshal, floor) = MarshalActor::<_, Variant, _, _, _, _, _>::init(
        context.child("marshal"),
        parts.certificates(&context, &core, &schemes).await?,
        parts.blocks(&context, &core).await?,
        parts.marshal(&schemes, plan.marshal_start(genesis_of(&core))),
    )
    .await;

    let processed = floor.processed().map(|processed| processed.height());
    register_starting_epoch(&core, &parts.epocher, &schemes, processed)?;
    core.joining.connect(marshal.clone(), history.clone());

    // State: the databases, their service to joining peers, and the application on them.
    let ends = (&parts.public_key, (&peers, &blocker), mesh.state_sync);
    let resolvers = syncing::serve_all(&context.child("sync"), ends.0, ends.1, ends.2)
        .await
        .map_err(|error| StartError::Store(error.to_string()))?;
    let (stateful_actor, stateful) = Stateful::new(
        context.child("state"),
        parts.state(App { core: Arc::clone(&core) }, (marshal.clone(), floor), plan, resolvers),
    );

    // Consensus: one engine per epoch.
    let (observed, clock) = evidence::watch(&context, &core, &schemes);
    let deferred = Deferred::new(
        context.child("deferred"),
        Paced::new(
            stateful.clone(),
            Watched { work: LedgerWork(Arc::clone(&core)), observed: observed.clone() },
            Rhythm::new(&config.genesis.parameters),
        ),
        marshal.clone(),
        parts.epocher.clone(),
    );
    let observers = observers::follow(Arc::clone(&core), peer_sets.clone());
    let (orchestrator, epoch_boundaries) = orchestrator::Actor::new(
        context.child("epochs"),
        orchestrator::Config {
            blocker: blocker.clone(),
            automaton: deferred.clone(),
            reporter: Reporters::from((deferred, observed.clone())),
            marshal: marshal.clone(),
            schemes: schemes.clone(),
            validators: StateValidators(Arc::clone(&core)),
            peers: peer_sets,
            strategy: strategy.clone(),
            epocher: parts.epocher,
            timeouts: Timeouts::new(&config.genesis.parameters),
            joined_with: joined_with.clone(),
            partition_prefix: stores.journal_prefix().to_owned(),
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
    stores.begin(&context, Step::opening(joined_with.is_some())).await?;
    stateful_actor.start();

    let past = Past::new(&context, &core, marshal, &schemes, history);
    if joined_with.is_some() {
        context
            .child("joining")
            .spawn(move |context| Box::pin(joining::finish(context, past, stateful)));
    } else {
        // What the databases hold is what users may see from the first moment. They open at the
        // later of these two heights.
        let databases = stateful.subscribe_databases().await;
        stores.begin(&context, Step::Running).await?;
        let opened = completed.max(processed).map_or(0, Height::get);
        joining::anchor::reach(&core, &past.marshal, opened).await?;
        show_stored_head(&core, opened)?;
        core.latest.open(databases);
        past.keep();
    }
    context.child("observers").spawn(move |_| observers);
    let consensus = orchestrator.start(mesh.votes, mesh.certificates, mesh.resolver);
    note_first_block(&context, &core, &stores);
    let consensus = supervised(&context, consensus, scout, (&stores, config.join));
    let consensus = unless_halted(consensus, &core.halt);
    let admission = start_gossip(&context, &core, blocker, mesh.transactions);

    let metrics_context = context.child("exposition");
    let metrics = exposition(Arc::clone(&clock), move || metrics_context.encode());
    let connected = connected_peers(own_key, clock, Arc::clone(&metrics));
    let applied = Arc::clone(&core);
    let first_applied = Arc::new(move || applied.joining.first_applied());
    let given_up = stores.number();
    let ledger = LedgerHandle { core, admission, schemes, observed, own_key, connected, given_up };
    Ok(Running { ledger: Arc::new(ledger), consensus, metrics, first_applied })
}

/// A new block shows that nothing is wrong with the stores that were opened.
fn note_first_block<E: Runtime>(context: &E, core: &Core, stores: &Stores) {
    let (stores, arrived) = (stores.clone(), core.head.beyond(core.head.get().number));
    context.child("first_block").spawn(move |context| async move {
        arrived.await;
        stores.came_up(&context).await;
    });
}

/// Ends with consensus, or when this node turns out to follow in vain.
fn supervised<E: Runtime>(
    context: &E,
    consensus: Handle<Result<(), OrchestratorError>>,
    scout: Scout,
    (stores, join): (&Stores, Join),
) -> BoxFuture<'static, Result<Result<(), Stopped>, RuntimeError>> {
    let left_behind = scout.watch(context.child("left_behind"));
    let given_up = context.gauge(
        "store_sets_given_up",
        "sets of state and consensus stores that were damaged or too old, since the folder was made",
    );
    let _ = given_up.try_set(stores.number());
    Box::pin(async move {
        // The metric lives as long as the ledger.
        let _given_up = given_up;
        match select(consensus, Box::pin(left_behind)).await {
            Either::Left((ended, _)) => ended.map(|result| result.map_err(Stopped::from)),
            Either::Right((LeftBehind { next, tip }, _)) if join == Join::Replay => {
                Ok(Err(Stopped::PeersPruned { next, tip }))
            }
            Either::Right((LeftBehind { next, tip }, _)) => {
                Ok(Err(Stopped::LeftBehind { next, tip }))
            }
        }
    })
}

type Consensus = BoxFuture<'static, Result<Result<(), Stopped>, RuntimeError>>;

/// Ends as well when a part of the ledger asks for it.
fn unless_halted(consensus: Consensus, halt: &Halt) -> Consensus {
    let asked = halt.asked();
    Box::pin(async move {
        match select(consensus, Box::pin(asked)).await {
            Either::Left((ended, _)) => ended,
            Either::Right((reason, _)) => Ok(Err(reason)),
        }
    })
}

fn genesis_of(core: &Core) -> Digested<ConsensusBlock> {
    Digested::precomputed(core.genesis_block.clone(), core.genesis_block.digest())
}

/// The tasks that complete the chain store behind the head, before they start.
pub(crate) struct Past<E> {
    /// Where they run: not below the task that starts them, with which they would end.
    pub(crate) certificates: E,
    pub(crate) older_blocks: E,
    pub(crate) core: Arc<Core>,
    pub(crate) marshal: Marshal,
    pub(crate) schemes: EpochSchemes,
    pub(crate) history: History,
}

impl<E: Runtime> Past<E> {
    fn new(
        context: &E,
        core: &Arc<Core>,
        marshal: Marshal,
        schemes: &EpochSchemes,
        history: History,
    ) -> Self {
        Self {
            certificates: context.child("certificates"),
            older_blocks: context.child("older_blocks"),
            core: Arc::clone(core),
            marshal,
            schemes: schemes.clone(),
            history,
        }
    }

    /// Starts keeping certificates and fetching what lies below the oldest block.
    pub(crate) fn keep(self) {
        let Self { certificates, older_blocks, core, marshal, schemes, history } = self;
        let filled = Arc::clone(&core);
        certificates.spawn(move |_| certificates::keep(core, marshal, schemes));
        older_blocks.spawn(move |context| Box::pin(older_blocks::run(context, filled, history)));
    }
}

fn open_core(
    config: &Config,
    strategy: Rayon,
) -> Result<(Arc<Core>, divergence::Waiting), StartError> {
    config.genesis.check()?;
    check_genesis(&config.genesis)?;
    let genesis_block = ConsensusBlock::new(config.genesis.block(empty_commitment())?)?;
    // A damaged store is rebuilt: it begins where the state stands, peers send what lies below.
    let (chain, _set_aside) =
        ChainStore::open_or_set_aside(&config.chain_folder, config.chain_options)?;
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
                receipts: Arc::default(),
                senders: Arc::default(),
            })?;
            chain.persist()?;
        }
    }
    let next_height = chain.head().map_or(1, |head| head.saturating_add(1));
    config.genesis.parameters.check_known_at(next_height)?;
    let rules = TransactionRules::at(&config.genesis, next_height);
    let genesis = Arc::new(config.genesis.clone());
    let (divergences, reports) = Divergences::new(
        Arc::clone(&genesis),
        genesis_block.hash(),
        validator_key(&config.identity.public_key()),
        config.report_folder.clone(),
    );
    let core = Core {
        namespace: namespace(&config.genesis, genesis_block.hash()),
        genesis,
        head: HeadSignal::new(head_of(&genesis_block)),
        genesis_block,
        chain,
        pool: Arc::new(Pool::new(config.pool, rules)),
        executed: ExecutedBlocks::default(),
        patterns: Arc::default(),
        latest: Latest::default(),
        strategy,
        joining: Joining::default(),
        divergences,
        stages: config.stages.clone(),
        halt: Halt::default(),
        names: Names::default(),
    };
    Ok((Arc::new(core), reports))
}

pub(crate) fn namespace(genesis: &Genesis, genesis_hash: B256) -> Namespace {
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
) -> MeasuredAdmission {
    let stages = core.stages.clone();
    let workers = MeasuredWorkers::new(core.strategy.clone(), stages.clone(), Stage::Admission);
    let admission = Admission::new(Arc::clone(&core.pool), core.latest.clone(), workers);
    let admission = MeasuredAdmission { admission, stages };
    let pool = Arc::clone(&core.pool);
    let config = GossipConfig::default();
    Gossip::new(context.child("gossip"), pool, admission.clone(), blocker, config)
        .start(transactions);
    admission
}
