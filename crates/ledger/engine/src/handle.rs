//! The ledger as the rest of the node sees it.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use consensus::EpochSchemes;
use futures::future::BoxFuture;
use ledger_api::{
    ConsensusStatus, FinalityProof, Head, Ledger, LedgerError, SnapshotPart, StateProof,
    StateProofItem, ValidatorInfo,
};
use pool::{Admit as _, Origin, Pool, Refusal};
use state::{StateError, StateKey, StateValue, qmdb::ProofError};
use types::{Genesis, ValidatorKey};

use crate::{
    certificates,
    core::{Core, store},
    snapshot,
    stages::MeasuredAdmission,
    status::Observed,
    validators::StateValidators,
};

/// Keys in one request for state proofs.
const PROOF_KEYS_MAX: usize = 64;
/// Attempts to prove at a head that keeps moving.
const PROOF_ATTEMPTS_MAX: usize = 16;

/// Names of the peers with a connection, as the network reports them.
pub(crate) type ConnectedPeers = Arc<dyn Fn() -> Vec<ValidatorKey> + Send + Sync>;

/// Read and submit handle.
pub(crate) struct LedgerHandle {
    pub(crate) core: Arc<Core>,
    pub(crate) admission: MeasuredAdmission,
    pub(crate) schemes: EpochSchemes,
    pub(crate) observed: Observed,
    pub(crate) own_key: ValidatorKey,
    pub(crate) connected: ConnectedPeers,
    /// Sets of stores given up since the folder was made.
    pub(crate) given_up: u64,
}

impl Ledger for LedgerHandle {
    fn genesis(&self) -> &Genesis {
        &self.core.genesis
    }

    fn genesis_hash(&self) -> B256 {
        self.core.genesis_block.hash()
    }

    fn chain(&self) -> &chain::ChainStore {
        &self.core.chain
    }

    fn pool(&self) -> &Arc<Pool> {
        &self.core.pool
    }

    fn head(&self) -> Head {
        self.core.head.get()
    }

    fn wait_beyond(&self, number: u64) -> BoxFuture<'static, Head> {
        Box::pin(self.core.head.beyond(number))
    }

    fn read_state(
        &self,
        height: u64,
        keys: Vec<StateKey>,
    ) -> BoxFuture<'_, Result<Vec<Option<StateValue>>, LedgerError>> {
        Box::pin(async move { self.core.read_state(height, &keys).await })
    }

    fn submit(&self, encoded: Bytes) -> BoxFuture<'_, Result<B256, Refusal>> {
        Box::pin(async move {
            let mut results = self.admission.admit(vec![encoded], Origin::Local).await;
            results.pop().expect("one result for one transaction")
        })
    }

    fn finality_proof(&self, number: u64) -> BoxFuture<'_, Result<FinalityProof, LedgerError>> {
        Box::pin(certificates::prove(&self.core, &self.schemes, number))
    }

    fn state_proof(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<StateProof, LedgerError>> {
        Box::pin(self.prove(keys))
    }

    fn validators(&self, number: u64) -> BoxFuture<'_, Result<Vec<ValidatorInfo>, LedgerError>> {
        let validators = StateValidators(Arc::clone(&self.core));
        Box::pin(async move {
            let set = validators.after(number).await?;
            Ok(set.keys().iter().map(|key| validators.info(*key)).collect())
        })
    }

    fn validator_info(&self, key: ValidatorKey) -> ValidatorInfo {
        StateValidators(Arc::clone(&self.core)).info(key)
    }

    fn consensus_status(&self) -> BoxFuture<'_, ConsensusStatus> {
        Box::pin(async move { self.status() })
    }

    fn peer_count(&self) -> usize {
        (self.connected)().len()
    }

    fn snapshot_part(
        &self,
        part: SnapshotPart,
    ) -> BoxFuture<'_, Result<Option<Bytes>, LedgerError>> {
        Box::pin(snapshot::part(&self.core, part))
    }

    fn report_storage(&self, trouble: Option<String>) {
        self.observed.set_storage_trouble(trouble);
    }
}

impl LedgerHandle {
    async fn prove(&self, keys: Vec<StateKey>) -> Result<StateProof, LedgerError> {
        let refuse = |text: String| LedgerError::State(StateError::Store(text));
        if keys.len() > PROOF_KEYS_MAX {
            return Err(refuse(format!(
                "{} keys exceed the limit of {PROOF_KEYS_MAX}",
                keys.len()
            )));
        }
        for _ in 0..PROOF_ATTEMPTS_MAX {
            let proved = match self.core.latest.state()?.prove(&keys).await {
                Ok(proved) => proved,
                // A block was applied meanwhile.
                Err(ProofError::Store(_)) => continue,
                Err(error) => return Err(refuse(error.to_string())),
            };
            let (commitment, items) = proved;
            let head = self.head();
            let header = self.core.chain.header(head.number).map_err(store)?;
            let at_head =
                header.is_some_and(|(header, _)| header.state_root == commitment.state_root());
            if at_head {
                let items = items
                    .into_iter()
                    .map(|item| StateProofItem {
                        key: item.key,
                        value: item.value,
                        proof: item.proof,
                    })
                    .collect();
                return Ok(StateProof { number: head.number, commitment, items });
            }
        }
        Err(refuse("the head moved on during every attempt, ask again".into()))
    }
}
