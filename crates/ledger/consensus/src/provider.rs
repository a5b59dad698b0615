//! Which validators certify which epoch.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use commonware_consensus::types::Epoch;
use commonware_cryptography::{
    certificate::{Provider, Scoped},
    ed25519::PrivateKey,
};
use types::{Namespace, ValidatorSet};

use crate::{KeyError, StrictScheme, abstention::Abstention, settings::EPOCH_SCHEMES_MAX};

/// Why a set was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// A key in it is unusable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The epoch has another set already. Two sets for one epoch would be a fork.
    #[error("epoch {0} already has another validator set")]
    Conflict(u64),
}

/// The validator sets that this node knows, by epoch: at most [`EPOCH_SCHEMES_MAX`], the oldest
/// are forgotten first. An unknown epoch verifies nothing. Cloning shares it.
#[derive(Clone, Debug)]
pub struct EpochSchemes {
    namespace: Namespace,
    identity: PrivateKey,
    abstention: Abstention,
    epochs: Arc<RwLock<BTreeMap<Epoch, Known>>>,
}

#[derive(Clone, Debug)]
struct Known {
    set: ValidatorSet,
    scheme: Arc<StrictScheme>,
}

impl EpochSchemes {
    /// Knows no epoch yet. `identity` votes in the epochs whose set names it.
    pub fn new(namespace: Namespace, identity: PrivateKey) -> Self {
        Self { namespace, identity, abstention: Abstention::default(), epochs: Arc::default() }
    }

    /// When this node does not sign although it is a validator.
    pub fn abstention(&self) -> &Abstention {
        &self.abstention
    }

    /// Learns the set that certifies the blocks of `epoch`. Learning it again changes nothing.
    pub fn register(
        &self,
        epoch: Epoch,
        set: &ValidatorSet,
    ) -> Result<Arc<StrictScheme>, RegisterError> {
        let mut epochs = self.epochs.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = epochs.get(&epoch) {
            let same = known.set == *set;
            let scheme = known.scheme.clone();
            return if same { Ok(scheme) } else { Err(RegisterError::Conflict(epoch.get())) };
        }
        let (namespace, identity) = (&self.namespace, &self.identity);
        let abstention = self.abstention.clone();
        let scheme = Arc::new(StrictScheme::abstaining(namespace, set, identity, abstention)?);
        epochs.insert(epoch, Known { set: set.clone(), scheme: scheme.clone() });
        while epochs.len() > EPOCH_SCHEMES_MAX {
            epochs.pop_first();
        }
        Ok(scheme)
    }

    /// The set of an epoch, if this node knows it.
    pub fn validators(&self, epoch: Epoch) -> Option<ValidatorSet> {
        self.read().get(&epoch).map(|known| known.set.clone())
    }

    /// The newest epoch that this node knows, with its set.
    pub fn latest(&self) -> Option<(Epoch, ValidatorSet)> {
        self.read().last_key_value().map(|(epoch, known)| (*epoch, known.set.clone()))
    }

    /// What every signature of this ledger starts with.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Epoch, Known>> {
        self.epochs.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider for EpochSchemes {
    type Scope = Epoch;
    type Scheme = StrictScheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<StrictScheme>> {
        let scheme = self.read().get(&epoch)?.scheme.clone();
        Some(if scheme.is_signer() { Scoped::scheme(scheme) } else { Scoped::verifier(scheme) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use commonware_cryptography::Signer as _;

    use super::*;
    use crate::validator_key;

    fn set(seeds: std::ops::Range<u64>) -> ValidatorSet {
        let keys = seeds.map(|seed| validator_key(&PrivateKey::from_seed(seed).public_key()));
        ValidatorSet::new(keys.collect()).unwrap()
    }

    fn schemes() -> EpochSchemes {
        let namespace = Namespace {
            chain_id: 1,
            genesis_hash: Default::default(),
            ledger_id: 0,
            incarnation: 0,
        };
        EpochSchemes::new(namespace, PrivateKey::from_seed(0))
    }

    #[test]
    fn answers_with_the_set_of_the_asked_epoch_and_with_no_other() {
        let schemes = schemes();
        schemes.register(Epoch::new(0), &set(0..4)).unwrap();
        schemes.register(Epoch::new(1), &set(1..5)).unwrap();
        assert!(schemes.scheme(Epoch::new(0)).unwrap().is_signer());
        assert!(schemes.scheme(Epoch::new(1)).is_none(), "not a validator, so it cannot sign");
        assert!(schemes.scoped(Epoch::new(1)).is_some(), "but it can verify");
        assert!(schemes.scoped(Epoch::new(2)).is_none());
        assert_eq!(schemes.validators(Epoch::new(1)), Some(set(1..5)));
        assert_eq!(schemes.latest(), Some((Epoch::new(1), set(1..5))));
    }

    #[test]
    fn an_epoch_has_one_set() {
        let schemes = schemes();
        schemes.register(Epoch::new(0), &set(0..4)).unwrap();
        schemes.register(Epoch::new(0), &set(0..4)).unwrap();
        let error = schemes.register(Epoch::new(0), &set(1..5)).unwrap_err();
        assert_eq!(error, RegisterError::Conflict(0));
    }

    #[test]
    fn forgets_the_oldest_beyond_the_limit() {
        let schemes = schemes();
        let count = u64::try_from(EPOCH_SCHEMES_MAX).unwrap() + 3;
        for epoch in 0..count {
            schemes.register(Epoch::new(epoch), &set(0..4)).unwrap();
        }
        assert!(schemes.scoped(Epoch::new(2)).is_none());
        assert!(schemes.scoped(Epoch::new(3)).is_some());
        assert!(schemes.scoped(Epoch::new(count - 1)).is_some());
    }
}
