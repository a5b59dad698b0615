//! Validators that lie: the consensus library's mocks in place of a node's consensus, and real
//! nodes whose proposals are forged on their way out.

mod forger;
mod mocks;
mod sender;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use commonware_consensus::types::Epoch;
use consensus::PeerSets;
use types::ValidatorSet;

pub use self::{
    forger::{Forged, Forger, Forgery},
    mocks::start_mock,
    sender::{Tamper, TamperedSender},
};

/// How a validator lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lie {
    /// Votes for what was proposed and for something else.
    Conflicter,
    /// As a leader, proposes one block to one validator and another one to the others.
    Equivocator,
    /// Votes in the name of others.
    Impersonator,
    /// Passes and finalizes the same view.
    Nuller,
    /// Passes every view.
    NullifyOnly,
    /// Votes for what is long past.
    Outdated,
    /// Votes in another epoch.
    Reconfigurer,
    /// Runs the product, but the signatures of its votes are wrong.
    BadSignatures,
    /// Runs the product, but what it proposes is forged.
    Forger(Forgery),
}

/// What a real node does to its messages on their way out.
#[derive(Clone)]
pub enum Tampering {
    /// Signatures of votes are spoiled.
    Signatures,
    /// Proposals are forged.
    Proposals(Arc<Forger>),
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Conflicter,
        Self::Equivocator,
        Self::Impersonator,
        Self::Nuller,
        Self::NullifyOnly,
        Self::Outdated,
        Self::Reconfigurer,
        Self::BadSignatures,
        Self::Forger(Forgery::StateRoot),
        Self::Forger(Forgery::ReceiptsRoot),
        Self::Forger(Forgery::InvalidTransaction),
        Self::Forger(Forgery::RepeatedTransaction),
        Self::Forger(Forgery::TimeOfParent),
        Self::Forger(Forgery::NextValidators),
    ];

    /// Its name in summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conflicter => "byzantine conflicter",
            Self::Equivocator => "byzantine equivocator",
            Self::Impersonator => "byzantine impersonator",
            Self::Nuller => "byzantine nuller",
            Self::NullifyOnly => "byzantine nullify only",
            Self::Outdated => "byzantine outdated",
            Self::Reconfigurer => "byzantine reconfigurer",
            Self::BadSignatures => "bad signatures",
            Self::Forger(Forgery::StateRoot) => "forged state root",
            Self::Forger(Forgery::ReceiptsRoot) => "forged receipts root",
            Self::Forger(Forgery::InvalidTransaction) => "forged invalid transaction",
            Self::Forger(Forgery::RepeatedTransaction) => "forged repeated transaction",
            Self::Forger(Forgery::TimeOfParent) => "forged time",
            Self::Forger(Forgery::NextValidators) => "forged next validators",
        }
    }

    /// The lie with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lie| lie.name() == name)
    }
}

/// The validators of each epoch, as the nodes tell their network. Cloning shares it.
#[derive(Clone, Default)]
pub struct Sets(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    by_epoch: BTreeMap<u64, ValidatorSet>,
    conflict: Option<u64>,
}

impl Sets {
    /// The set of an epoch, if a node has entered it.
    pub fn of(&self, epoch: u64) -> Option<ValidatorSet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_epoch.get(&epoch).cloned()
    }

    /// The newest epoch that a node has entered.
    pub fn newest(&self) -> u64 {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.by_epoch.last_key_value().map_or(0, |(epoch, _)| *epoch)
    }

    /// An epoch for which two nodes had different sets.
    pub fn conflict(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).conflict
    }
}

impl PeerSets for Sets {
    fn track(&mut self, epoch: Epoch, validators: &ValidatorSet) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.by_epoch.entry(epoch.get()).or_insert_with(|| validators.clone());
        if known != validators {
            seen.conflict = Some(epoch.get());
        }
    }
}
