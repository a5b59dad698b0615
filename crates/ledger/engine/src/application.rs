//! The ledger as the consensus library runs it: build, verify, apply.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use chain::{ChainError, FinalizedBlock};
use commonware_consensus::marshal::ancestry::Ancestry;
use commonware_glue::stateful::{Application, Finality, Input, Proposed};
use commonware_parallel::Strategy as _;
use consensus::{ConsensusBlock, Context, StrictScheme};
use execution::TransactionRules;
use futures::StreamExt as _;
use ledger_api::Head;
use state::qmdb::{Batches, Databases, Sealed, SyncTargets, sync_targets};

use crate::{
    Runtime, Stopped,
    core::Core,
    divergence::{Divergence, Kind},
    executed::Executed,
    joining,
    stages::Stage,
    start::Readers,
    verifying::{OwnFailure, Refused},
};

/// The application. Cloning shares the ledger.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) core: Arc<Core>,
}

impl<E: Runtime> Application<E> for App {
    type SigningScheme = StrictScheme;
    type Context = Context;
    type Block = ConsensusBlock;
    type Databases = Databases<E>;
    type Captured = Option<Arc<Executed>>;
    type Provider = ();
    type Input = ();

    fn sync_targets(block: &ConsensusBlock) -> SyncTargets<E> {
        sync_targets::<E>(&block.extension().state)
    }

    async fn genesis(&mut self) -> ConsensusBlock {
        self.core.genesis_block.clone()
    }

    async fn propose(
        &mut self,
        (runtime, context): (E, Context),
        mut ancestry: impl Ancestry<ConsensusBlock>,
        batches: Batches<E>,
        _input: Input<(), ()>,
    ) -> Option<Proposed<Self, E>> {
        let parent = ancestry.next().await?.inner().clone();
        let building = self.build::<E>(&parent, &context, &runtime, batches);
        match self.core.stages.time(Stage::Building, building).await {
            Ok((block, merkleized)) => Some(Proposed { block, merkleized }),
            Err(error) => {
                tracing::error!(height = parent.number() + 1, %error, "could not build a block");
                None
            }
        }
    }

    async fn process(
        &mut self,
        (runtime, _context): (E, Context),
        mut ancestry: impl Ancestry<ConsensusBlock>,
        batches: Batches<E>,
        finality: Finality,
    ) -> Option<Sealed<E>> {
        let block = ancestry.next().await?.inner().clone();
        if let Err(unknown) = self.core.genesis.parameters.check_known_at(block.number()) {
            tracing::error!(height = block.number(), %unknown, "a block of unknown rules");
            if finality == Finality::Candidate {
                return None;
            }
            match self.core.halt.stop(unknown.into()).await {}
        }
        if finality == Finality::Candidate {
            let parent = ancestry.next().await?.inner().clone();
            if let Err(rule) = self.check_against_parent(&block, &parent) {
                tracing::warn!(height = block.number(), hash = %block.hash(), %rule, "refused a block");
                self.core.divergences.refused(&block, rule, consensus::pacing::now_ms(&runtime));
                return None;
            }
        }
        let verifying = self.verify::<E>(&block, &runtime, batches);
        match self.core.stages.time(Stage::Verifying, verifying).await {
            Ok(sealed) => Some(sealed),
            Err(rule) => {
                match rule.own_failure() {
                    Some(cause) => self.could_not_execute(&block, cause, finality).await,
                    None => {
                        let seen_ms = consensus::pacing::now_ms(&runtime);
                        self.report(block, rule, finality, seen_ms).await;
                    }
                }
                None
            }
        }
    }

    async fn capture(
        &mut self,
        _context: (E, Context),
        block: &ConsensusBlock,
        _batches: &Sealed<E>,
        _readers: Readers<E>,
    ) -> Self::Captured {
        let executed = self.core.executed.get(&block.hash());
        let below = joining::anchor::before(&self.core, block.number()).await;
        below.unwrap_or_else(|error| fail(block, &error));
        self.core.latest.begin_applying(block.number());
        if let Some(executed) = &executed {
            let _running = self.core.stages.begin(Stage::HistoryWrite);
            let stored = self.core.chain.append_history(block.number(), &executed.outcome.diff);
            stored.unwrap_or_else(|error| fail(block, &error));
        }
        executed
    }

    async fn finalized(
        &mut self,
        _context: (E, Context),
        block: &ConsensusBlock,
        captured: Self::Captured,
        _readers: Readers<E>,
    ) {
        let Some(executed) = captured else {
            fail(block, &"the block was applied without having been executed here");
        };
        let app = self.clone();
        let stored = block.clone();
        let size = executed.transactions.len();
        self.core.strategy.spawn(size, move |_| app.record(&stored, &executed)).await;
        let next_height = block.number().saturating_add(1);
        if let Err(unknown) = self.core.genesis.parameters.check_known_at(next_height) {
            // The block is recorded; what comes next must not be executed by other rules.
            match self.core.halt.stop(unknown.into()).await {}
        }
    }
}

impl App {
    /// This node failed, not the block: no vote, and no report that accuses anybody. Without a final
    /// block it cannot go on.
    async fn could_not_execute(
        &self,
        block: &ConsensusBlock,
        failure: OwnFailure,
        finality: Finality,
    ) {
        let height = block.number();
        tracing::error!(height, hash = %block.hash(), ?failure, "could not execute a block");
        if finality == Finality::Candidate {
            return;
        }
        let reason = match failure {
            OwnFailure::Thread(cause) => Stopped::NoThread { height, cause },
            OwnFailure::State(cause) => Stopped::StateFailed { height, cause },
        };
        match self.core.halt.stop(reason).await {}
    }

    /// Reports a block whose execution gives something else. A node that gets something else from a
    /// final block is wrong, and stops when the report is on disk.
    async fn report(
        &self,
        block: ConsensusBlock,
        refused: Refused,
        finality: Finality,
        seen_ms: u64,
    ) {
        tracing::warn!(
            height = block.number(),
            hash = %block.hash(),
            leader = %block.extension().leader,
            rule = %refused,
            "divergence: execution does not give what the block says"
        );
        let divergences = &self.core.divergences;
        if finality == Finality::Candidate {
            return divergences.refused(&block, refused, seen_ms);
        }
        let (height, rule) = (block.number(), refused.to_string());
        let divergence = Divergence { kind: Kind::Final, block, refused, seen_ms };
        divergences.stopping(divergence, &self.core.strategy).await;
        match self.core.halt.stop(Stopped::Diverged { height, rule }).await {}
    }

    /// Writes a final block to the chain store, then shows it to users and to the pool.
    fn record(&self, block: &ConsensusBlock, executed: &Executed) {
        let writing = self.core.stages.begin(Stage::ChainWrite);
        let senders: Vec<Address> =
            executed.transactions.iter().map(|transaction| transaction.sender()).collect();
        let finalized = FinalizedBlock {
            block: Arc::new(block.block().clone()),
            receipts: Arc::clone(&executed.outcome.receipts),
            senders: Arc::new(senders),
        };
        let stored = self
            .keep_validators(block, executed)
            .and_then(|()| self.core.chain.append(&finalized))
            .and_then(|()| self.core.chain.persist());
        stored.unwrap_or_else(|error| fail(block, &error));
        drop(writing);
        let _publishing = self.core.stages.begin(Stage::Publishing);
        self.core.head.publish(head_of(block));
        self.core.executed.finalized(block.number());
        let included: Vec<(Address, u64, B256)> = executed
            .transactions
            .iter()
            .map(|transaction| (transaction.sender(), transaction.nonce(), transaction.hash()))
            .collect();
        let next_rules = TransactionRules::at(&self.core.genesis, block.number().saturating_add(1));
        self.core.pool.follow_rules(next_rules);
        self.core.pool.on_final(block.number(), &included);
        for (address, nonce) in authorised_nonces(executed) {
            self.core.pool.on_account(address, nonce);
        }
    }

    /// The last block of an epoch decides who certifies the next one.
    fn keep_validators(
        &self,
        block: &ConsensusBlock,
        executed: &Executed,
    ) -> Result<(), ChainError> {
        let epoch_blocks = self.core.genesis.parameters.epoch_blocks;
        let next_height = block.number() + 1;
        match &executed.outcome.next_validators {
            Some(set) if next_height.is_multiple_of(epoch_blocks) => {
                self.core.chain.put_validators(next_height / epoch_blocks, set)
            }
            _ => Ok(()),
        }
    }
}

/// Accounts whose nonce a block raised without a transaction of their own (EIP-7702).
fn authorised_nonces(executed: &Executed) -> Vec<(Address, u64)> {
    let has_authorisations =
        executed.transactions.iter().any(|transaction| transaction.type_byte() == 4);
    if !has_authorisations {
        return Vec::new();
    }
    let nonce_of = |(key, change): (&state::StateKey, &state::Change)| match (key, &change.current)
    {
        (state::StateKey::Account(address), Some(state::StateValue::Account(record))) => {
            Some((*address, record.nonce))
        }
        _ => None,
    };
    executed.outcome.diff.changes.iter().filter_map(nonce_of).collect()
}

/// The head that a block makes.
pub(crate) fn head_of(block: &ConsensusBlock) -> Head {
    Head { number: block.number(), hash: block.hash(), time_ms: block.time_ms() }
}

/// A final block that cannot be recorded stops the node: going on would lose what is final. The
/// next start continues from the last block that was recorded.
fn fail(block: &ConsensusBlock, error: &dyn std::fmt::Display) -> ! {
    tracing::error!(height = block.number(), %error, "cannot record a final block, stopping");
    panic!("cannot record final block {}: {error}", block.number());
}
