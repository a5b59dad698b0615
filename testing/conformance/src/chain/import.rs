//! The import, and the imported chain as something to ask.

use std::collections::BTreeMap;

use alloy_consensus::Block;
use alloy_primitives::{B256, U256};
use eyre::{Report, Result};

use super::{
    block::{Ground, ImportedBlock, execute},
    genesis::Genesis,
    header,
    schedule::{ForkConfiguration, Position},
    source::Source,
};

/// The chain as far as it was imported. Block 0 is always there.
#[derive(Debug)]
pub struct Chain {
    /// When which fork begins.
    pub configuration: ForkConfiguration,
    /// Blocks by number.
    pub blocks: Vec<ImportedBlock>,
    numbers: BTreeMap<B256, usize>,
    transactions: BTreeMap<B256, (usize, usize)>,
}

/// Imports all blocks up to the first that disagrees; why it does is the second value.
pub fn import(source: Source) -> (Chain, Option<Report>) {
    let mut chain = Chain::new(source.genesis);
    for block in source.blocks {
        if let Err(failure) = chain.append(block) {
            return (chain, Some(failure));
        }
    }
    (chain, None)
}

impl Chain {
    fn new(genesis: Genesis) -> Self {
        let hash = genesis.header.hash_slow();
        let first = ImportedBlock {
            hash,
            total_difficulty: genesis.header.difficulty,
            block: Block::new(genesis.header, Default::default()),
            senders: Vec::new(),
            receipts: Vec::new(),
            successes: Vec::new(),
            requests: None,
            diff: state::mpt::MptState::new().diff_to(&genesis.state),
            state: genesis.state,
        };
        Self {
            configuration: genesis.configuration,
            blocks: vec![first],
            numbers: BTreeMap::from([(hash, 0)]),
            transactions: BTreeMap::new(),
        }
    }

    /// The last block.
    pub fn head(&self) -> &ImportedBlock {
        self.blocks.last().expect("block 0 is always there")
    }

    /// A block by hash.
    pub fn block_by_hash(&self, hash: B256) -> Option<&ImportedBlock> {
        self.blocks.get(*self.numbers.get(&hash)?)
    }

    /// Number of the block that holds a transaction, and the transaction's index in it.
    pub fn transaction_position(&self, hash: B256) -> Option<(usize, usize)> {
        self.transactions.get(&hash).copied()
    }

    fn append(&mut self, block: Block<alloy_consensus::TxEnvelope>) -> Result<()> {
        let parent = self.head();
        let schedule = self.configuration.schedule(Position {
            number: block.header.number,
            timestamp: block.header.timestamp,
            difficulty_before: parent.total_difficulty,
        });
        header::check(&block.header, &parent.block.header, &schedule)?;
        let block_hashes =
            self.blocks.iter().map(|block| (block.block.header.number, block.hash)).collect();
        let executed = execute(
            &block,
            &Ground {
                schedule: &schedule,
                chain_id: self.configuration.chain_id,
                deposit_contract: self.configuration.deposit_contract_address,
                state: &parent.state,
                block_hashes,
            },
        )?;
        let imported = ImportedBlock {
            hash: block.header.hash_slow(),
            senders: executed.senders,
            receipts: executed.receipts,
            successes: executed.successes,
            requests: executed.requests,
            total_difficulty: total_difficulty(parent, &block),
            diff: parent.state.diff_to(&executed.state),
            state: executed.state,
            block,
        };
        self.index(imported);
        Ok(())
    }

    fn index(&mut self, imported: ImportedBlock) {
        let number = self.blocks.len();
        self.numbers.insert(imported.hash, number);
        for (index, transaction) in imported.block.body.transactions.iter().enumerate() {
            self.transactions.insert(*transaction.tx_hash(), (number, index));
        }
        self.blocks.push(imported);
    }
}

fn total_difficulty(parent: &ImportedBlock, block: &Block<alloy_consensus::TxEnvelope>) -> U256 {
    parent.total_difficulty.saturating_add(block.header.difficulty)
}
