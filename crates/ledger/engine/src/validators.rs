//! The validators as the state has them.

use std::sync::Arc;

use alloy_primitives::U256;
use commonware_consensus::types::{Epoch, Height};
use consensus::ValidatorSource;
use ledger_api::{LedgerError, ValidatorInfo};
use state::{StateError, StateKey, StateValue};
use system::validators::StoredSet;
use types::{ValidatorKey, ValidatorSet};

use crate::{
    core::{Core, store},
    joining,
};

/// Reads validator sets of one ledger. Cloning shares it.
#[derive(Clone)]
pub(crate) struct StateValidators(pub(crate) Arc<Core>);

impl StateValidators {
    /// The set that certifies the block after `number`.
    pub(crate) async fn after(&self, number: u64) -> Result<ValidatorSet, LedgerError> {
        let broken = |error: String| LedgerError::State(StateError::Store(error));
        let next_height = number + 1;
        let epoch_blocks = self.0.genesis.parameters.epoch_blocks;
        if let Some(set) = self.0.chain.validators(next_height / epoch_blocks).map_err(store)? {
            return Ok(set);
        }
        // The first epoch's state may be older than what this node can read.
        if next_height < epoch_blocks {
            return self.0.genesis.validator_set().map_err(|error| broken(error.to_string()));
        }
        let length = self.slots(number, &[StoredSet::length_slot()]).await?;
        let slots = StoredSet::key_slots(length.first().copied().unwrap_or_default());
        let keys = self.slots(number, &slots).await?;
        StoredSet::decode(keys).map_err(|error| broken(error.to_string()))
    }

    /// A validator with its organisation's name: from the state, else from genesis, else its key.
    pub(crate) fn info(&self, key: ValidatorKey) -> ValidatorInfo {
        let genesis = || {
            let known = self.0.genesis.validators.iter().find(|validator| validator.key == key);
            known.map(|found| found.organisation.clone())
        };
        let named = self.0.names.of(&key).or_else(genesis);
        let organisation = named.unwrap_or_else(|| key.to_string());
        ValidatorInfo { key, organisation }
    }

    pub(crate) async fn slots(
        &self,
        height: u64,
        slots: &[U256],
    ) -> Result<Vec<U256>, LedgerError> {
        let keys: Vec<StateKey> =
            slots.iter().map(|slot| StateKey::Storage(StoredSet::ADDRESS, *slot)).collect();
        let values = self.0.read_state(height, &keys).await?;
        Ok(values
            .into_iter()
            .map(|value| match value {
                Some(StateValue::Storage(word)) => word,
                _ => U256::ZERO,
            })
            .collect())
    }
}

impl ValidatorSource for StateValidators {
    async fn validators(&self, epoch: Epoch, boundary: Height) -> Option<ValidatorSet> {
        if let Ok(Some(set)) = self.0.chain.validators(epoch.get()) {
            return Some(set);
        }
        let boundary = boundary.get();
        // The state of a node that joined may begin above the block that decides.
        if (self.0.joining.is_syncing() || self.0.chain.oldest_state() > boundary)
            && let Some(set) = joining::next_set(&self.0, epoch, boundary).await
        {
            return Some(set);
        }
        if let Some(below) = boundary.checked_sub(1)
            && self.0.head.get().number < boundary
        {
            self.0.head.beyond(below).await;
        }
        match self.after(boundary).await {
            Ok(set) => Some(set),
            Err(error) => {
                tracing::error!(%epoch, boundary, %error, "cannot read the validators");
                None
            }
        }
    }
}
