//! The ledger's EVM under the rules of any Ethereum fork, on the in-memory Merkle Patricia state.
//!
//! Nothing of the EVM is built here: [`execution::LedgerEvm`] with
//! [`execution::evm_configuration`] executes, [`execution::BlockState`] holds what it reads and
//! writes and says what the block changed. This module chooses the revision, adds what only
//! Ethereum has (blobs, EIP-1283), and answers reads at once.

mod code_hash;
mod net_gas_metering;
mod reading;
mod rules;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, Log, TxKind};
use execution::{BlockState, ChainRules, LedgerEvm, Payment};
use eyre::Result;
use revm::{
    context::{
        BlockEnv, TxEnv,
        result::{EVMError, ExecutionResult, InvalidTransaction},
    },
    handler::SYSTEM_ADDRESS,
};
use state::{StateDiff, mpt::MptState};

pub use rules::Rules;

use reading::Reading;

/// Gas of a call at a block's boundary (EIP-4788, EIP-2935, EIP-7002, EIP-7251).
const SYSTEM_CALL_GAS: u64 = 30_000_000;

/// What the transactions of one block run in.
#[derive(Debug)]
pub struct Frame {
    /// The fork.
    pub rules: Rules,
    chain: ChainRules,
    block: BlockEnv,
}

/// What a valid transaction or a system call did.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it ended without revert or halt.
    pub success: bool,
    /// Gas used, refunds deducted.
    pub gas_used: u64,
    /// Logs, none unless it succeeded.
    pub logs: Vec<Log>,
    /// Returned data.
    pub output: Bytes,
}

impl Frame {
    /// A block under the rules of a fork; `block_hashes` are those that `BLOCKHASH` may find.
    pub fn new(
        rules: Rules,
        chain_id: u64,
        block: BlockEnv,
        block_hashes: BTreeMap<u64, B256>,
    ) -> Self {
        let chain = ChainRules::ethereum(chain_id, rules.spec, block_hashes);
        Self { rules, chain, block }
    }

    /// The EVM over the state at the beginning of the block, which stays as it is.
    pub fn machine<'a>(&'a self, state: &'a MptState) -> Machine<'a> {
        let block_state = BlockState::new(self.chain.block_hashes.clone());
        let mut evm = LedgerEvm::with_configuration(
            Reading { state, block_state },
            self.rules.configuration(self.chain.chain_id),
            self.block.clone(),
            &self.chain.native,
            &*self.chain.gate,
        );
        code_hash::install(&mut evm);
        if self.rules.net_gas_metering {
            net_gas_metering::install(&mut evm);
        }
        Machine { evm, payment: Payment::Block { base_fee_burnt: self.chain.base_fee_burnt } }
    }
}

/// The EVM in the middle of a block.
pub struct Machine<'a> {
    evm: LedgerEvm<'a, Reading<'a>>,
    payment: Payment,
}

impl Machine<'_> {
    /// Executes the block's next transaction.
    ///
    /// # Errors
    /// The outer error is a failure of the machine, the inner one says why the transaction is
    /// invalid; then nothing has changed.
    pub fn transact(&mut self, transaction: TxEnv) -> Result<Result<Outcome, InvalidTransaction>> {
        match self.evm.transact(transaction, self.payment) {
            Ok(result) => Ok(Ok(self.commit(result))),
            Err(EVMError::Transaction(invalid)) => Ok(Err(invalid)),
            Err(error) => Err(eyre::eyre!("{error:?}")),
        }
    }

    /// Calls a system contract as the system address does at a block's boundaries.
    pub fn system_call(&mut self, contract: Address, data: Bytes) -> Result<Outcome> {
        let transaction = TxEnv {
            caller: SYSTEM_ADDRESS,
            kind: TxKind::Call(contract),
            data,
            gas_limit: SYSTEM_CALL_GAS,
            gas_price: 0,
            ..TxEnv::default()
        };
        let result = self.evm.system_call(transaction).map_err(|error| eyre::eyre!("{error:?}"))?;
        Ok(self.commit(result))
    }

    /// What the block has changed so far.
    pub fn diff(&mut self) -> StateDiff {
        self.evm.database().diff()
    }

    fn commit(&mut self, result: ExecutionResult) -> Outcome {
        let changes = self.evm.take_changes();
        let spec = self.evm.spec();
        self.evm.database().block_state.commit(changes, spec);
        Outcome {
            success: result.is_success(),
            gas_used: result.tx_gas_used(),
            output: result.output().cloned().unwrap_or_default(),
            logs: result.into_logs(),
        }
    }
}
