//! The actor: waits for final blocks, changes engines, sends hints.

use commonware_actor::mailbox;
use commonware_consensus::{
    CertifiableAutomaton, CertifiableBlock as _, Heightable as _, Relay, Reporter,
    simplex::{self, Floor, ForwardPolicy, Plan, SkipBudget, SkipPolicy},
    types::{Epoch, FixedEpocher, Round, View},
};
use commonware_cryptography::Digestible as _;
use commonware_macros::{select, select_loop};
use commonware_p2p::{Blocker, Receiver, Sender};
use commonware_parallel::Strategy;
use commonware_runtime::{
    Clock, ContextCell, Handle, Metrics, Network, Spawner, Storage,
    buffer::paged::CacheRef,
    spawn_cell,
    telemetry::metrics::{Gauge, GaugeExt as _, MetricsExt as _},
};
use commonware_utils::{Acknowledgement as _, NZDuration, vec::NonEmptyVec};
use rand_core::CryptoRng;
use tracing::{debug, error, info, warn};
use types::ValidatorSet;

use super::{
    Mailbox, PeerSets, ValidatorSource,
    channels::Channels,
    floor,
    ingress::Finalized,
    journals::{self, Journal},
    state::{Current, Position},
};
use crate::{
    Activity, Context, Digest, EpochSchemes, Finalization, LeaderElector, Marshal, PublicKey,
    RegisterError, StrictScheme,
    settings::{self, Timeouts},
};

/// What the orchestrator needs.
pub struct Config<B, A, F, V, P, T> {
    /// Cuts off peers that send what nobody honest sends.
    pub blocker: B,
    /// Proposes, verifies and relays blocks: `marshal::standard::Deferred` around the application.
    pub automaton: A,
    /// Receives every engine's activity; it must reach the same `Deferred`.
    pub reporter: F,
    /// Finalized blocks and certificates.
    pub marshal: Marshal,
    /// Where entered epochs are registered; shared with marshal.
    pub schemes: EpochSchemes,
    /// Where the validators come from.
    pub validators: V,
    /// Who is told about them.
    pub peers: P,
    /// Runs signature checks.
    pub strategy: T,
    /// From [`settings::epocher`]; the same as marshal's and `Deferred`'s.
    pub epocher: FixedEpocher,
    /// From [`Timeouts::new`].
    pub timeouts: Timeouts,
    /// The certificate with which this node joined by state sync, if it did.
    pub joined_with: Option<Finalization>,
    /// Vote journals are in `{partition_prefix}-votes-{epoch}`.
    pub partition_prefix: String,
    /// Page cache for the vote journals.
    pub page_cache: CacheRef,
}

/// Why consensus of this ledger stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrchestratorError {
    /// The ledger shut down while it was asked for validators.
    #[error("the ledger closed before it named the validators of epoch {0}")]
    SourceClosed(u64),
    /// The state gives other validators than the certified chain.
    #[error(
        "validators of epoch {epoch} differ: the state has set {found}, the chain commits to \
         {expected}; this node's state diverged"
    )]
    SetMismatch {
        /// The epoch.
        epoch: u64,
        /// Hash of the set that the state gave.
        found: alloy_primitives::B256,
        /// Hash in the certified block.
        expected: alloy_primitives::B256,
    },
    /// The set cannot certify.
    #[error("validators of epoch {epoch}: {source}")]
    Set {
        /// The epoch.
        epoch: u64,
        /// What is wrong with it.
        source: RegisterError,
    },
    /// Nothing to start the epoch's engine from.
    #[error("epoch {0} has neither its root block nor a certificate in the store")]
    NoFloor(u64),
    /// The certificate to start from does not verify.
    #[error("the certificate to start epoch {0} from is invalid")]
    InvalidFloor(u64),
    /// Marshal skipped a boundary.
    #[error("block {height} came before the last block of epoch {epoch}")]
    SkippedBoundary {
        /// The running epoch.
        epoch: u64,
        /// Height of the block.
        height: u64,
    },
    /// The network is gone.
    #[error("the network closed in epoch {0}")]
    NetworkClosed(u64),
    /// What this node signed before cannot be looked up.
    #[error("journal of votes of epoch {epoch}: {cause}")]
    Journal {
        /// The epoch.
        epoch: u64,
        /// What the storage said.
        cause: String,
    },
    /// The engine failed, for instance because the disk is full.
    #[error("the consensus engine of epoch {0} failed")]
    EngineFailed(u64),
    /// Heights ran out.
    #[error("no epoch follows")]
    EpochsExhausted,
}

/// The engine of the running epoch. Dropping it aborts the engine.
struct Running {
    current: Current,
    engine: Handle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.engine.abort();
    }
}

/// The orchestrator of one ledger.
pub struct Actor<E, B, A, F, V, P, T> {
    context: ContextCell<E>,
    mailbox: mailbox::Receiver<Finalized>,
    config: Config<B, A, F, V, P, T>,
    epoch_gauge: Gauge,
}

impl<E, B, A, F, V, P, T> Actor<E, B, A, F, V, P, T>
where
    E: Spawner + Metrics + CryptoRng + Clock + Storage + Network,
    B: Blocker<PublicKey = PublicKey>,
    A: CertifiableAutomaton<Context = Context, Digest = Digest>
        + Relay<Digest = Digest, PublicKey = PublicKey, Plan = Plan<PublicKey>>,
    F: Reporter<Activity = Activity>,
    V: ValidatorSource,
    P: PeerSets,
    T: Strategy,
{
    /// The actor and the reporter through which marshal feeds it.
    pub fn new(context: E, config: Config<B, A, F, V, P, T>) -> (Self, Mailbox) {
        let (sender, mailbox) =
            mailbox::new(context.child("mailbox"), settings::ORCHESTRATOR_MAILBOX_MAX);
        let epoch_gauge = context.gauge("epoch", "epoch that this node takes part in");
        let context = ContextCell::new(context);
        (Self { context, mailbox, config, epoch_gauge }, Mailbox { sender })
    }

    /// Runs on the three channels, which it splits by epoch. Completes with `Ok` when the runtime
    /// stops, and with the reason when this node cannot go on; the ledger must then shut down.
    pub fn start<S, R>(
        mut self,
        votes: (S, R),
        certificates: (S, R),
        resolver: (S, R),
    ) -> Handle<Result<(), OrchestratorError>>
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        spawn_cell!(self.context, async move {
            let channels =
                Channels::start(self.context.as_present(), votes, certificates, resolver);
            let mut stopped = self.context.stopped();
            let result = select! {
                _ = &mut stopped => Ok(()),
                result = self.run(channels) => result,
            };
            if let Err(error) = &result {
                error!(%error, "consensus stopped");
            }
            result
        })
    }

    async fn run<S: Sender<PublicKey = PublicKey>>(
        &mut self,
        mut channels: Channels<S>,
    ) -> Result<(), OrchestratorError> {
        let mut running = self.resume(&mut channels).await?;
        select_loop! {
            self.context,
            on_stopped => {
                debug!("stopping");
            },
            Some((epoch, (sender, _))) = channels.stray_votes.recv() else {
                return Err(OrchestratorError::NetworkClosed(running.current.epoch().get()));
            } => {
                self.catch_up(&running.current, epoch, sender);
            },
            Some((epoch, (sender, _))) = channels.stray_certificates.recv() else {
                return Err(OrchestratorError::NetworkClosed(running.current.epoch().get()));
            } => {
                self.catch_up(&running.current, epoch, sender);
            },
            _ = &mut running.engine => {
                return Err(OrchestratorError::EngineFailed(running.current.epoch().get()));
            },
            Some(finalized) = self.mailbox.recv() else {
                break;
            } => {
                if let Some(next) = self.finalized(&running, finalized, &mut channels).await? {
                    running = next;
                }
            },
        }
        Ok(())
    }

    /// Enters the epoch in which this node was, or is to start.
    async fn resume<S: Sender<PublicKey = PublicKey>>(
        &mut self,
        channels: &mut Channels<S>,
    ) -> Result<Running, OrchestratorError> {
        let current = self.recover().await?;
        let epoch = current.epoch().get();
        let set = self.ask_validators(&current).await?;
        let anchor = self.config.marshal.get_anchor().await;
        if let Some((_, block)) = anchor
            && let Some(expected) = current.committed_set(block.inner())
        {
            check_set(epoch, &set, expected)?;
        }
        let floor = floor::find(&self.config.marshal, &current, self.config.joined_with.take())
            .await
            .ok_or(OrchestratorError::NoFloor(epoch))?;
        self.enter(current, set, floor, channels).await
    }

    async fn recover(&mut self) -> Result<Current, OrchestratorError> {
        let processed = self.config.marshal.get_processed().await;
        let recovered = Current::recovered(
            self.config.epocher.clone(),
            processed.map(|processed| processed.height()),
        );
        let current = recovered.ok_or(OrchestratorError::EpochsExhausted)?;
        // A node that is still joining has processed nothing: its certificate names the epoch.
        match &self.config.joined_with {
            Some(joined) if joined.proposal.round.epoch() > current.epoch() => {
                Current::new(self.config.epocher.clone(), joined.proposal.round.epoch())
                    .ok_or(OrchestratorError::EpochsExhausted)
            }
            _ => Ok(current),
        }
    }

    /// Handles a final block; returns the next epoch's engine if the block was the last of this.
    async fn finalized<S: Sender<PublicKey = PublicKey>>(
        &mut self,
        running: &Running,
        finalized: Finalized,
        channels: &mut Channels<S>,
    ) -> Result<Option<Running>, OrchestratorError> {
        let Finalized { block, acknowledgement } = finalized;
        self.end_abstention(block.inner().context().round).await;
        let next = match running.current.position(block.height()) {
            Position::Inside => None,
            Position::Boundary => {
                let next = running.current.next().ok_or(OrchestratorError::EpochsExhausted)?;
                let set = self.ask_validators(&next).await?;
                if let Some(expected) = next.committed_set(block.inner()) {
                    check_set(next.epoch().get(), &set, expected)?;
                }
                let floor = Floor::Genesis(block.digest());
                Some(self.enter(next, set, floor, channels).await?)
            }
            Position::Beyond => {
                return Err(OrchestratorError::SkippedBoundary {
                    epoch: running.current.epoch().get(),
                    height: block.height().get(),
                });
            }
        };
        acknowledgement.acknowledge();
        Ok(next)
    }

    async fn ask_validators(
        &mut self,
        current: &Current,
    ) -> Result<ValidatorSet, OrchestratorError> {
        let epoch = current.epoch();
        let set = self.config.validators.validators(epoch, current.root()).await;
        set.ok_or(OrchestratorError::SourceClosed(epoch.get()))
    }

    /// Registers and announces the set and starts the epoch's engine.
    async fn enter<S: Sender<PublicKey = PublicKey>>(
        &mut self,
        current: Current,
        set: ValidatorSet,
        floor: Floor<StrictScheme, Digest>,
        channels: &mut Channels<S>,
    ) -> Result<Running, OrchestratorError> {
        let epoch = current.epoch();
        let number = epoch.get();
        let scheme = self
            .config
            .schemes
            .register(epoch, &set)
            .map_err(|source| OrchestratorError::Set { epoch: number, source })?;
        self.check_floor(number, &floor, &scheme)?;
        self.config.peers.track(epoch, &set);
        self.prepare_journal(number).await?;
        let engine = simplex::Engine::new(
            self.context.child("simplex").with_attribute("epoch", number),
            self.engine_config(epoch, (*scheme).clone(), floor),
        );
        let [votes, certificates, resolver] =
            channels.open(number).await.map_err(|_| OrchestratorError::NetworkClosed(number))?;
        let engine = engine.start(votes, certificates, resolver);
        let _ = self.epoch_gauge.try_set(number);
        let validators = set.keys().len();
        info!(epoch = number, validators, votes = scheme.is_signer(), "entered epoch");
        Ok(Running { current, engine })
    }

    fn check_floor(
        &mut self,
        epoch: u64,
        floor: &Floor<StrictScheme, Digest>,
        scheme: &StrictScheme,
    ) -> Result<(), OrchestratorError> {
        match floor {
            Floor::Genesis(_) => Ok(()),
            Floor::Finalized(finalization) => {
                let context = self.context.as_present_mut();
                let valid = finalization.verify(context, scheme, &self.config.strategy);
                if valid { Ok(()) } else { Err(OrchestratorError::InvalidFloor(epoch)) }
            }
        }
    }

    fn engine_config(
        &self,
        epoch: Epoch,
        scheme: StrictScheme,
        floor: Floor<StrictScheme, Digest>,
    ) -> simplex::Config<StrictScheme, LeaderElector, B, Digest, A, A, F, T> {
        let Config { blocker, automaton, reporter, strategy, timeouts, page_cache, .. } =
            &self.config;
        simplex::Config {
            scheme,
            elector: LeaderElector::default(),
            blocker: blocker.clone(),
            automaton: automaton.clone(),
            relay: automaton.clone(),
            reporter: reporter.clone(),
            strategy: strategy.clone(),
            partition: self.journal_partition(epoch.get()),
            mailbox_size: settings::SIMPLEX_MAILBOX_MAX,
            epoch,
            floor,
            replay_buffer: settings::JOURNAL_READ_BYTES,
            write_buffer: settings::JOURNAL_WRITE_BYTES,
            page_cache: page_cache.clone(),
            leader_timeout: timeouts.leader,
            certification_timeout: timeouts.certification,
            timeout_retry: timeouts.retry,
            view_retention: settings::VIEW_RETENTION,
            skip: SkipPolicy::Enabled {
                timeout: timeouts.skip,
                budget: SkipBudget::Fixed(timeouts.early_views_max),
            },
            fetch_timeout: NZDuration!(settings::FETCH_TIMEOUT),
            fetch_retry_delay: settings::FETCH_RETRY,
            forward: ForwardPolicy::Disabled,
            track_historical_votes: false,
        }
    }

    fn journal_partition(&self, epoch: u64) -> String {
        journals::partition(&self.config.partition_prefix, epoch)
    }

    /// A node that has lost what it signed in the epoch signs nothing more in it.
    async fn prepare_journal(&mut self, epoch: u64) -> Result<(), OrchestratorError> {
        let prefix = &self.config.partition_prefix;
        let failed = |error| OrchestratorError::Journal { epoch, cause: format!("{error}") };
        let storage = self.context.as_present();
        let page_bytes = self.config.page_cache.page_size();
        if journals::enter(storage, prefix, epoch, page_bytes).await.map_err(failed)?
            == Journal::Whole
        {
            return Ok(());
        }
        warn!(epoch, "the journal of votes is lost, this node abstains until the next epoch");
        let until = Round::new(Epoch::new(epoch), View::new(u64::MAX));
        journals::keep_bound(storage, prefix, until).await.map_err(failed)?;
        self.config.schemes.abstention().begin(until);
        Ok(())
    }

    /// Ends an abstention once a block is final beyond its bound.
    async fn end_abstention(&mut self, round: Round) {
        if !self.config.schemes.abstention().finalized(round) {
            return;
        }
        info!(%round, "nothing that this node signed before can matter any more, it votes again");
        let prefix = &self.config.partition_prefix;
        if let Err(error) = journals::forget_bounds(self.context.as_present(), prefix).await {
            // The bound is passed: after a restart the next final block ends the abstention.
            debug!(%error, "the bound of the abstention is not removed");
        }
    }

    /// Asks the sender of a later epoch's message for the certificate of our epoch's last block.
    fn catch_up(&self, current: &Current, epoch: u64, sender: PublicKey) {
        if let Some(height) = current.behind(Epoch::new(epoch)) {
            debug!(epoch, %height, peer = ?sender, "peer is in a later epoch");
            self.config.marshal.hint_finalized(height, NonEmptyVec::new(sender));
        }
    }
}

fn check_set(
    epoch: u64,
    set: &ValidatorSet,
    expected: alloy_primitives::B256,
) -> Result<(), OrchestratorError> {
    let found = set.hash();
    if found == expected {
        Ok(())
    } else {
        Err(OrchestratorError::SetMismatch { epoch, found, expected })
    }
}
