//! From the validators of the genesis file to the block of a snapshot.

use alloy_primitives::{B256, Bytes};
use consensus::history::{
    Bodies, CertifiedHeader, HistoryError, Receipts, Sets, verify_body, verify_receipts,
    verify_steps, verify_tip,
};
use state::qmdb::empty_commitment;
use types::{Genesis, Namespace, Receipt, ValidatorSet};

use crate::SnapshotError;

/// What is proved so far.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    namespace: Namespace,
    epoch_blocks: u64,
    sets: Vec<ValidatorSet>,
}

/// A block that is proved from the genesis file, with the state that it commits to.
#[derive(Clone, Debug)]
pub struct Proved {
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// The validators of every epoch, from epoch 0 to that of the block.
    pub sets: Vec<ValidatorSet>,
    /// The block's header with its certificate.
    pub block: CertifiedHeader,
}

impl Walk {
    /// Knows the validators of the genesis file.
    pub(crate) fn new(genesis: &Genesis) -> Result<Self, SnapshotError> {
        let wrong = |cause: &dyn std::fmt::Display| SnapshotError::Genesis(cause.to_string());
        let block = genesis.block(empty_commitment()).map_err(|error| wrong(&error))?;
        let set = genesis.validator_set().map_err(|error| wrong(&error))?;
        let namespace = Namespace {
            chain_id: genesis.chain_id,
            genesis_hash: block.hash(),
            ledger_id: genesis.ledger_id,
            incarnation: 0,
        };
        let epoch_blocks = genesis.parameters.epoch_blocks;
        Ok(Self { namespace, epoch_blocks, sets: vec![set] })
    }

    pub(crate) fn genesis_hash(&self) -> B256 {
        self.namespace.genesis_hash
    }

    /// The newest epoch whose validators are known.
    pub(crate) fn epoch(&self) -> u64 {
        (self.sets.len() as u64).saturating_sub(1)
    }

    /// Takes an answer about validator sets; gives the block once there is one.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<Option<Proved>, HistoryError> {
        let Sets { steps, tip } = Sets::decode(bytes)?;
        let epoch = self.epoch();
        if let Some(set) = self.sets.last() {
            let further = verify_steps(&self.namespace, self.epoch_blocks, epoch, set, &steps)?;
            self.sets.extend(further);
        }
        let Some(block) = tip else { return Ok(None) };
        let (epoch, height) = (block.certificate.epoch, block.header.number);
        let wrong = |what| HistoryError::Wrong { height, what };
        let at = usize::try_from(epoch).ok().filter(|at| *at < self.sets.len());
        let at = at.ok_or(wrong("is of an unproved epoch"))?;
        verify_tip(&self.namespace, self.epoch_blocks, epoch, &self.sets[at], &block)?;
        if block.extension.state.state_root() != block.header.state_root {
            return Err(wrong("has another state root than its extension"));
        }
        let sets = self.sets[..=at].to_vec();
        Ok(Some(Proved { genesis_hash: self.genesis_hash(), sets, block }))
    }
}

impl Proved {
    /// Reads the block's transactions.
    pub(crate) fn body(&self, bytes: &[u8]) -> Result<Vec<Bytes>, HistoryError> {
        let mut found = Bodies::decode(bytes)?.0;
        let body = found.pop().filter(|_| found.is_empty()).ok_or(self.wrong("not one body"))?;
        verify_body(&self.block.header, &body)?;
        Ok(body)
    }

    /// Reads the block's receipts.
    pub(crate) fn receipts(&self, bytes: &[u8]) -> Result<Vec<Receipt>, HistoryError> {
        let mut found = Receipts::decode(bytes)?.0;
        let receipts = found
            .pop()
            .filter(|_| found.is_empty())
            .ok_or(self.wrong("not one block's receipts"))?;
        verify_receipts(&self.block.header, &receipts)?;
        Ok(receipts)
    }

    fn wrong(&self, what: &'static str) -> HistoryError {
        HistoryError::Wrong { height: self.block.header.number, what }
    }
}
