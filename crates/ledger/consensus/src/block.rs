//! The ledger's block as the consensus library sees it.
//!
//! Its digest is the block hash, so validators sign what wallets show. The consensus context
//! (round, leader, parent) is rebuilt from the header and its extension; the hash covers both.
//!
//! On the wire and in the archives: `length (4, big endian) || RLP of types::Block`.

use std::{ops::Deref, sync::Arc};

use alloy_rlp::Encodable as _;
use bytes::BufMut;
use commonware_codec::{Buf, EncodeSize, Error as CodecError, Read, ReadExt as _, Write};
use commonware_consensus::{
    Block as LibraryBlock, BoundedBlock, CertifiableBlock, Heightable,
    types::{Epoch, Height, Round, View},
};
use commonware_cryptography::Digestible;
use types::{Block, DecodeError, limits::BLOCK_BYTES_MAX};

use crate::{Context, Digest, KeyError, keys};

const LENGTH_BYTES: usize = 4;

/// Why a block cannot enter consensus.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The bytes are no block.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The leader's key is no curve point.
    #[error("block leader: {0}")]
    Leader(#[from] KeyError),
    /// More than [`BLOCK_BYTES_MAX`] bytes.
    #[error("block of {0} bytes exceeds the limit of {BLOCK_BYTES_MAX}")]
    TooLarge(usize),
}

/// A block that can be proposed, voted on and stored. Cloning shares it.
#[derive(Clone, Debug)]
pub struct ConsensusBlock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    block: Block,
    context: Context,
    rlp_bytes: usize,
}

impl ConsensusBlock {
    /// Wraps a block; refuses one that no peer would read.
    pub fn new(block: Block) -> Result<Self, BlockError> {
        let rlp_bytes = block.length();
        if rlp_bytes > BLOCK_BYTES_MAX {
            return Err(BlockError::TooLarge(rlp_bytes));
        }
        let context = context_of(&block)?;
        Ok(Self(Arc::new(Inner { block, context, rlp_bytes })))
    }

    /// The ledger's block.
    pub fn block(&self) -> &Block {
        &self.0.block
    }

    /// Height.
    pub fn number(&self) -> u64 {
        self.0.block.number()
    }

    /// Block time, milliseconds since the Unix epoch.
    pub fn time_ms(&self) -> u64 {
        self.0.block.extension().time_ms
    }
}

fn context_of(block: &Block) -> Result<Context, BlockError> {
    let extension = block.extension();
    Ok(Context {
        round: Round::new(Epoch::new(extension.epoch), View::new(extension.view)),
        leader: keys::decoded(&extension.leader)?,
        parent: (View::new(extension.parent_view), Digest::from(block.header().parent_hash.0)),
    })
}

impl Deref for ConsensusBlock {
    type Target = Block;

    fn deref(&self) -> &Block {
        self.block()
    }
}

impl PartialEq for ConsensusBlock {
    fn eq(&self, other: &Self) -> bool {
        self.0.block == other.0.block
    }
}

impl Eq for ConsensusBlock {}

impl Write for ConsensusBlock {
    fn write(&self, buf: &mut impl BufMut) {
        let mut rlp = Vec::with_capacity(self.0.rlp_bytes);
        self.0.block.encode(&mut rlp);
        let length = u32::try_from(rlp.len()).expect("bounded by BLOCK_BYTES_MAX in `new`");
        buf.put_u32(length);
        buf.put_slice(&rlp);
    }
}

impl EncodeSize for ConsensusBlock {
    fn encode_size(&self) -> usize {
        LENGTH_BYTES + self.0.rlp_bytes
    }
}

impl Read for ConsensusBlock {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, CodecError> {
        let length = u32::read(buf)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > BLOCK_BYTES_MAX {
            return Err(CodecError::InvalidLength(length));
        }
        if length > buf.remaining() {
            return Err(CodecError::EndOfBuffer);
        }
        let mut rlp = vec![0u8; length];
        buf.copy_to_slice(&mut rlp);
        let wrapped = |error: BlockError| CodecError::Wrapped("block", Box::new(error));
        let block = Block::decode(&rlp).map_err(|error| wrapped(error.into()))?;
        Self::new(block).map_err(wrapped)
    }
}

impl Digestible for ConsensusBlock {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        Digest::from(self.0.block.hash().0)
    }
}

impl Heightable for ConsensusBlock {
    fn height(&self) -> Height {
        Height::new(self.number())
    }
}

impl LibraryBlock for ConsensusBlock {
    fn parent(&self) -> Digest {
        self.0.context.parent.1
    }
}

impl CertifiableBlock for ConsensusBlock {
    type Context = Context;

    fn context(&self) -> Context {
        self.0.context.clone()
    }
}

impl BoundedBlock for ConsensusBlock {
    fn max_encode_size(_: &()) -> usize {
        LENGTH_BYTES + BLOCK_BYTES_MAX
    }
}

#[cfg(test)]
mod tests;
