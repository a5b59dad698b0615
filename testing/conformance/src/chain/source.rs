//! Reads the files of the chain.

use std::path::Path;

use alloy_consensus::{Block, TxEnvelope};
use alloy_rlp::Decodable;
use eyre::{Context, Result, ensure};

use super::genesis::Genesis;

/// More blocks than this are not the chain of the specification (it has 54).
const BLOCKS_MAX: usize = 10_000;

/// The chain as it stands in the files.
#[derive(Debug)]
pub struct Source {
    /// Block 0 and the forks.
    pub genesis: Genesis,
    /// The blocks from 1 on.
    pub blocks: Vec<Block<TxEnvelope>>,
}

impl Source {
    /// Reads `genesis.json` and `chain.rlp` of a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(folder.join("genesis.json")).wrap_err("genesis.json")?;
        let encoded = std::fs::read(folder.join("chain.rlp")).wrap_err("chain.rlp")?;
        Ok(Self {
            genesis: Genesis::from_json(&text)?,
            blocks: decode_blocks(&encoded).wrap_err("chain.rlp")?,
        })
    }
}

fn decode_blocks(mut encoded: &[u8]) -> Result<Vec<Block<TxEnvelope>>> {
    let mut blocks = Vec::new();
    while !encoded.is_empty() {
        ensure!(blocks.len() < BLOCKS_MAX, "more than {BLOCKS_MAX} blocks");
        let block =
            Block::decode(&mut encoded).wrap_err_with(|| format!("block {}", blocks.len() + 1))?;
        blocks.push(block);
    }
    Ok(blocks)
}
