//! Making the stores of a node out of a snapshot.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc};

use alloy_primitives::{Address, Bytes};
use chain::{ChainError, ChainOptions, ChainStore, FinalizedBlock};
use commonware_glue::stateful::SyncPlan;
use commonware_runtime::buffer::paged::CacheRef;
use consensus::{
    CertificateError, StrictScheme, Variant,
    history::{CertifiedHeader, HistoryError, verify_body, verify_receipts, verify_tip},
    library_finalization,
};
use state::qmdb::{ReadPages, RebuildError, StateConfig, empty_commitment, rebuild};
use types::{Block, Genesis, GenesisError, Receipt, Transaction, ValidatorSet};

use crate::{
    Runtime,
    start::{PAGE_BYTES, namespace},
};

/// The block whose state a snapshot holds, with what a node needs to begin there.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The validators of every epoch, from epoch 0 to that of the block, each proved by the one
    /// before (`consensus::history::verify_steps`).
    pub sets: Vec<ValidatorSet>,
    /// The block's header with its certificate.
    pub block: CertifiedHeader,
    /// Its transactions.
    pub transactions: Vec<Bytes>,
    /// Their receipts.
    pub receipts: Vec<Receipt>,
}

/// Where the stores are made. Nothing may be there yet.
#[derive(Clone, Debug)]
pub struct Place {
    /// The genesis file.
    pub genesis: Genesis,
    /// Folder of the chain store.
    pub chain_folder: PathBuf,
    /// As [`crate::Config::partition_prefix`].
    pub partition_prefix: String,
    /// Threads that hash.
    pub worker_threads: NonZeroUsize,
    /// Page cache of the stores, pages of 4 KiB.
    pub cache_pages: NonZeroUsize,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The genesis file is wrong.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The block is not proved, or its parts are not its.
    #[error(transparent)]
    Block(#[from] HistoryError),
    /// The certificate has no form that consensus knows.
    #[error("certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// A certified transaction does not decode.
    #[error("a transaction of block {0} does not decode")]
    Transaction(u64),
    /// The chain store cannot be written.
    #[error("chain store: {0}")]
    Chain(#[from] ChainError),
    /// The state is not what the block commits to, or cannot be written.
    #[error("state: {0}")]
    State(#[from] RebuildError),
}

/// Makes the stores. A failure, or a crash, leaves some that must be thrown away.
///
/// # Errors
/// Something of the snapshot is wrong, or the disk failed.
pub async fn restore<E: Runtime>(
    context: &E,
    place: &Place,
    beginning: &Beginning,
    pages: Arc<impl ReadPages>,
) -> Result<(), RestoreError> {
    let Beginning { sets, block: certified, transactions, receipts } = beginning;
    let CertifiedHeader { header, extension, certificate } = certified;
    let wrong = |what| HistoryError::Wrong { height: header.number, what };
    let epoch = (sets.len() as u64).checked_sub(1).ok_or(wrong("has no validators"))?;
    let set = sets.last().ok_or(wrong("has no validators"))?;
    let genesis_block = place.genesis.block(empty_commitment())?;
    let signed = namespace(&place.genesis, genesis_block.hash());
    verify_tip(&signed, place.genesis.parameters.epoch_blocks, epoch, set, certified)?;
    verify_body(header, transactions)?;
    verify_receipts(header, receipts)?;
    let floor = library_finalization(certificate, set)?;

    let number = header.number;
    let block = Block::new(header.clone(), extension.clone(), transactions.clone());
    let senders = senders(transactions).ok_or(RestoreError::Transaction(number))?;
    let chain = ChainStore::open(&place.chain_folder, ChainOptions::default())?;
    chain.append(&FinalizedBlock {
        block: Arc::new(genesis_block),
        receipts: Arc::default(),
        senders: Arc::default(),
    })?;
    for (epoch, set) in (0..).zip(sets).skip(1) {
        chain.put_validators(epoch, set)?;
    }
    chain.join(&block)?;
    chain.put_certificate(number, certificate)?;
    chain.backfill_body(&FinalizedBlock {
        block: Arc::new(block),
        receipts: Arc::new(receipts.clone()),
        senders: Arc::new(senders),
    })?;
    chain.persist()?;

    let state = StateConfig {
        prefix: format!("{}-state", place.partition_prefix),
        page_cache: CacheRef::new(PAGE_BYTES, place.cache_pages),
        strategy: context.child("workers").strategy(place.worker_threads),
    };
    drop(rebuild(&context.child("state"), &state, &extension.state, pages).await?);

    // Last, because it makes the stores those of a node that is joining.
    let plan =
        SyncPlan::<E, StrictScheme, Variant>::init(context.child("plan"), &place.partition_prefix);
    drop(plan.await.set_floor(floor).await);
    Ok(())
}

fn senders(transactions: &[Bytes]) -> Option<Vec<Address>> {
    let sender = |encoded: &Bytes| Transaction::decode(encoded.clone()).ok().map(|tx| tx.sender());
    transactions.iter().map(sender).collect()
}
