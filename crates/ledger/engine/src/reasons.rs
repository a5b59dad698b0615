//! Why a ledger did not start, and why one that ran stopped.

use chain::ChainError;
use consensus::{BlockError, KeyError, RegisterError, orchestrator::OrchestratorError};
use execution::InvalidBlock;
use types::{GenesisError, UnknownActivation};

/// Why a ledger did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The genesis file is wrong.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// Block 1 cannot be made of the genesis file.
    #[error(transparent)]
    GenesisContent(#[from] InvalidBlock),
    /// Block 0 cannot be made.
    #[error("genesis block: {0}")]
    GenesisBlock(#[from] BlockError),
    /// A validator's key is unusable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The first validator set is unusable.
    #[error(transparent)]
    Validators(#[from] RegisterError),
    /// The chain store does not open.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The folder belongs to another network.
    #[error(
        "the chain store holds a ledger with genesis {found}, the genesis file gives {expected}; \
         use the genesis file of that network or another data folder"
    )]
    OtherGenesis {
        /// Hash of the stored block 0.
        found: String,
        /// Hash of the file's block 0.
        expected: String,
    },
    /// This node is to execute every block, and nobody has the next one.
    #[error("{}", peers_pruned(*next, *tip))]
    PeersPruned {
        /// The block that this node needs.
        next: u64,
        /// The newest block that peers prove.
        tip: u64,
    },
    /// The next block is under a feature of the protocol that this release does not know.
    #[error("protocol activation: {0}")]
    UnknownActivation(#[from] UnknownActivation),
    /// A consensus store does not open.
    #[error("consensus store: {0}")]
    Store(String),
}

/// Why a running ledger stopped.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// Consensus cannot go on.
    #[error(transparent)]
    Consensus(#[from] OrchestratorError),
    /// The state must be fetched anew, which a start does by itself.
    #[error(
        "no peer keeps block {next} any more, the network is at block {tip}; start this node again: \
         it fetches the present state and keeps its blocks"
    )]
    LeftBehind {
        /// The block that this node needs.
        next: u64,
        /// The newest block that peers prove.
        tip: u64,
    },
    /// This node's state is not the others': executing a block that they certified gives something
    /// else here.
    #[error(
        "final block {height} gives something else here than the other validators certified \
         ({rule}): the state of this node is wrong"
    )]
    Diverged {
        /// The block.
        height: u64,
        /// What differs, expected and found.
        rule: String,
    },
    /// The next block is under a feature of the protocol that this release does not know.
    #[error("protocol activation: {0}")]
    UnknownActivation(#[from] UnknownActivation),
    /// The system gave no thread on which to execute a final block.
    #[error("cannot execute final block {height}: no thread: {cause}")]
    NoThread {
        /// The block.
        height: u64,
        /// What the system said.
        cause: String,
    },
    /// The state could not be read or written while a final block was executed.
    #[error("cannot execute final block {height}: {cause}")]
    StateFailed {
        /// The block.
        height: u64,
        /// What the store said.
        cause: String,
    },
    /// As [`StartError::PeersPruned`].
    #[error("{}", peers_pruned(*next, *tip))]
    PeersPruned {
        /// The block that this node needs.
        next: u64,
        /// The newest block that peers prove.
        tip: u64,
    },
}

fn peers_pruned(next: u64, tip: u64) -> String {
    format!(
        "join is `replay`, and no peer retains block {next} (the network is at block {tip}); set \
         join to `auto`, or connect a peer with retained_blocks = \"all\""
    )
}
