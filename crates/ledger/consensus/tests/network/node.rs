//! One node: marshal, broadcast, back-fill, application, orchestrator, wired as the engine does.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use commonware_actor::Feedback;
use commonware_broadcast::buffered;
use commonware_consensus::{
    Epochable as _, Reporter, Reporters,
    marshal::{
        self, Start,
        core::Actor as MarshalActor,
        resolver::{handler, p2p as marshal_resolver},
        standard::Deferred,
    },
    simplex::types::Attributable as _,
    types::{Epoch, FixedEpocher},
};
use commonware_cryptography::{Digested, Digestible as _, Signer as _, certificate::Verifier as _};
use commonware_p2p::simulated::{Oracle, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{
    Handle, Quota, Spawner as _, Supervisor as _, buffer::paged::CacheRef, deterministic,
};
use commonware_storage::{archive::prunable, translator::EightCap};
use commonware_utils::{NZDuration, NZU16, NZU32, NZU64, NZUsize, TestRng};
use consensus::{
    Activity, ConsensusBlock, Digest, EpochSchemes, Finalization, Marshal, PublicKey, StrictScheme,
    Variant,
    orchestrator::{Actor, Config, OrchestratorError, starting_epoch},
    pacing::{Paced, Rhythm},
    settings::{self, Timeouts},
};
use types::ValidatorKey;

use crate::app::{Ledger, Load, Script, ScriptApp, private_key};

pub const VOTES: u64 = 0;
const CERTIFICATES: u64 = 1;
const RESOLVER: u64 = 2;
const BACKFILL: u64 = 3;
const BROADCAST: u64 = 4;
const BUFFER: NonZeroUsize = NZUsize!(16 * 1024);
pub const QUOTA: Quota = Quota::per_second(NZU32!(4_096));

pub type Network = Oracle<PublicKey, deterministic::Context>;
type Ends = (Sender<PublicKey, deterministic::Context>, Receiver<PublicKey>);

/// Who voted validly in which epoch, and the certificates, as one node saw it.
#[derive(Clone)]
pub struct Monitor {
    script: Script,
    pub voters: Arc<Mutex<BTreeMap<u64, BTreeSet<ValidatorKey>>>>,
    pub certificates: Arc<Mutex<Vec<Finalization>>>,
    newest_epoch: Arc<Mutex<u64>>,
    /// Reports of an epoch that came after one of a later epoch: from an engine that should be
    /// gone.
    pub stale_reports: Arc<Mutex<u64>>,
}

impl Monitor {
    pub fn new(script: Script) -> Self {
        Self {
            script,
            voters: Arc::default(),
            certificates: Arc::default(),
            newest_epoch: Arc::default(),
            stale_reports: Arc::default(),
        }
    }

    pub fn voters(&self, epoch: u64) -> BTreeSet<ValidatorKey> {
        self.voters.lock().unwrap().get(&epoch).cloned().unwrap_or_default()
    }

    /// Reported votes need not be verified yet, so verify before counting.
    fn count(&self, activity: &Activity) {
        let epoch = activity.epoch().get();
        let scheme = StrictScheme::verifier(&self.script.namespace(), self.script.set(epoch));
        let (scheme, mut rng) = (scheme.unwrap(), TestRng::new(1));
        let signer = match activity {
            Activity::Notarize(vote) if vote.verify(&mut rng, &scheme, &Sequential) => {
                vote.signer()
            }
            Activity::Finalize(vote) if vote.verify(&mut rng, &scheme, &Sequential) => {
                vote.signer()
            }
            Activity::Nullify(vote) if vote.verify::<_, Digest>(&mut rng, &scheme, &Sequential) => {
                vote.signer()
            }
            _ => return,
        };
        let index = usize::try_from(signer.get()).unwrap();
        let key = self.script.set(epoch).keys()[index];
        self.voters.lock().unwrap().entry(epoch).or_default().insert(key);
    }
}

impl Reporter for Monitor {
    type Activity = Activity;

    fn report(&mut self, activity: Activity) -> Feedback {
        self.count(&activity);
        let epoch = activity.epoch().get();
        let mut newest = self.newest_epoch.lock().unwrap();
        if epoch < *newest {
            *self.stale_reports.lock().unwrap() += 1;
        }
        *newest = epoch.max(*newest);
        drop(newest);
        if let Activity::Finalization(finalization) = activity {
            self.certificates.lock().unwrap().push(finalization);
        }
        Feedback::Ok
    }
}

/// What a test sees of a running node.
pub struct Node {
    pub marshal: Marshal,
    pub schemes: EpochSchemes,
    pub handle: Handle<Result<(), OrchestratorError>>,
}

fn archive<C>(
    prefix: &str,
    name: &str,
    cache: CacheRef,
    codec: C,
) -> prunable::Config<EightCap, C> {
    prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{prefix}-{name}-m"),
        key_partition: format!("{prefix}-{name}-k"),
        key_page_cache: cache,
        value_partition: format!("{prefix}-{name}-v"),
        compression: None,
        codec_config: codec,
        items_per_section: NZU64!(16),
        key_write_buffer: BUFFER,
        value_write_buffer: BUFFER,
        replay_buffer: BUFFER,
    }
}

fn marshal_config(
    prefix: &str,
    script: &Script,
    schemes: &EpochSchemes,
    floor: Option<Finalization>,
    page_cache: CacheRef,
) -> marshal::Config<EpochSchemes, FixedEpocher, Sequential, ConsensusBlock, Digested<ConsensusBlock>>
{
    let genesis = script.genesis();
    let digest = genesis.digest();
    marshal::Config {
        provider: schemes.clone(),
        epocher: settings::epocher(&script.parameters),
        start: match floor {
            Some(floor) => Start::Floor(floor),
            None => Start::Genesis(Digested::precomputed(genesis, digest)),
        },
        partition_prefix: prefix.to_string(),
        mailbox_size: NZUsize!(256),
        view_retention: settings::VIEW_RETENTION,
        prunable_items_per_section: NZU64!(16),
        page_cache,
        replay_buffer: BUFFER,
        key_write_buffer: BUFFER,
        value_write_buffer: BUFFER,
        block_codec_config: (),
        max_repair: NZUsize!(8),
        max_pending_acks: settings::PENDING_ACKNOWLEDGEMENTS_MAX,
        strategy: Sequential,
    }
}

fn start_backfill(
    context: &deterministic::Context,
    network: &Network,
    me: &PublicKey,
    ends: Ends,
) -> (handler::Receiver<Digest>, marshal_resolver::Mailbox<Digest, PublicKey>) {
    marshal_resolver::init(
        context.child("backfill"),
        marshal_resolver::Config {
            public_key: me.clone(),
            peer_provider: network.manager(),
            blocker: network.control(me.clone()),
            mailbox_size: NZUsize!(256),
            fetch_timeout: NZDuration!(Duration::from_secs(1)),
            fetch_retry_delay: Duration::from_millis(100),
            priority_requests: false,
            priority_responses: false,
        },
        ends,
    )
}

fn start_broadcast(
    context: &deterministic::Context,
    network: &Network,
    me: &PublicKey,
    ends: Ends,
) -> buffered::Mailbox<PublicKey, ConsensusBlock> {
    let (engine, mailbox) = buffered::Engine::new(
        context.child("broadcast"),
        buffered::Config {
            public_key: me.clone(),
            mailbox_size: NZUsize!(256),
            deque_size: 16,
            priority: false,
            codec_config: (),
            peer_provider: network.manager(),
            strategy: Sequential,
        },
    );
    engine.start(ends);
    mailbox
}

/// How a node starts.
#[derive(Clone, Default)]
pub struct Boot {
    /// Marshal starts from this certificate rather than from block 0.
    pub floor: Option<Finalization>,
    /// So does the orchestrator.
    pub joined_with: Option<Finalization>,
}

/// Starts (or starts again) node `seed` as a task of its own under `context`; aborting the handle
/// stops everything it runs.
pub async fn start(
    context: deterministic::Context,
    network: Network,
    seed: u64,
    ledger: Ledger,
    load: Load,
    monitor: Monitor,
    boot: Boot,
) -> Node {
    let script = ledger.script.clone();
    let identity = private_key(seed);
    let me = identity.public_key();
    let control = network.control(me.clone());
    let mut ends: BTreeMap<u64, Ends> = BTreeMap::new();
    for channel in [VOTES, CERTIFICATES, RESOLVER, BACKFILL, BROADCAST] {
        ends.insert(channel, control.register(channel, QUOTA).await.unwrap());
    }
    let mut end = |channel| ends.remove(&channel).unwrap();
    let prefix = format!("node-{seed}");
    let page_cache = CacheRef::new(NZU16!(1_024), NZUsize!(64));
    let schemes = EpochSchemes::new(script.namespace(), identity);
    let epocher = settings::epocher(&script.parameters);

    let backfill = start_backfill(&context, &network, &me, end(BACKFILL));
    let buffer = start_broadcast(&context, &network, &me, end(BROADCAST));
    let unbounded = StrictScheme::certificate_codec_config_unbounded();
    let finalizations = prunable::Archive::init(
        context.child("finalizations"),
        archive(&prefix, "finalizations", page_cache.clone(), unbounded),
    );
    let blocks = prunable::Archive::init(
        context.child("blocks"),
        archive(&prefix, "blocks", page_cache.clone(), ()),
    );
    let (marshal_actor, marshal, floor) = MarshalActor::<_, Variant, _, _, _, _, _>::init(
        context.child("marshal"),
        finalizations.await.unwrap(),
        blocks.await.unwrap(),
        marshal_config(&prefix, &script, &schemes, boot.floor.clone(), page_cache.clone()),
    )
    .await;
    let processed = floor.processed().map(|processed| processed.height());
    let (mut epoch, _) = starting_epoch(&epocher, processed).unwrap();
    if let Some(floor) = &boot.floor {
        epoch = epoch.max(floor.proposal.round.epoch());
    }
    schemes.register(epoch, script.set(epoch.get())).unwrap();

    let rhythm = Rhythm::new(&script.parameters);
    let deferred = Deferred::new(
        context.child("deferred"),
        Paced::new(ScriptApp { script: script.clone(), fault: ledger.fault }, load, rhythm),
        marshal.clone(),
        epocher.clone(),
    );
    let (orchestrator, mailbox) = Actor::new(
        context.child("orchestrator"),
        Config {
            blocker: control,
            automaton: deferred.clone(),
            reporter: both(deferred, monitor),
            marshal: marshal.clone(),
            schemes: schemes.clone(),
            validators: ledger.clone(),
            peers: ledger.clone(),
            strategy: Sequential,
            epocher,
            timeouts: Timeouts::new(&script.parameters),
            joined_with: boot.joined_with,
            partition_prefix: prefix,
            page_cache,
        },
    );
    marshal_actor.start(both(ledger, mailbox), buffer, backfill);
    let (votes, certificates, resolver) = (end(VOTES), end(CERTIFICATES), end(RESOLVER));
    let handle = context.spawn(move |_| async move {
        orchestrator.start(votes, certificates, resolver).await.unwrap()
    });
    Node { marshal, schemes, handle }
}

/// Reports to one and to the other.
fn both<A, B>(first: A, second: B) -> Reporters<A, B> {
    Reporters::from((first, second))
}

/// Whether this node may sign in `epoch`.
pub fn signs(node: &Node, epoch: u64) -> bool {
    use commonware_cryptography::certificate::Provider as _;
    node.schemes.scheme(Epoch::new(epoch)).is_some()
}
