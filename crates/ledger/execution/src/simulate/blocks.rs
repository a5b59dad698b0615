//! Blocks that never were, one after the other: `eth_simulateV1`.
//!
//! A simulated block is a block of the ledger: the same EVM, gate and native contracts, the calls
//! that the ledger makes itself before and after the transactions. What differs: nothing is signed,
//! senders may have code, and values of the state may be written between blocks.

use std::sync::Arc;

use alloy_consensus::Transaction as _;
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::{Address, B256, Bytes, U256};
use revm::{
    Database as _,
    context_interface::result::{EVMError, ExecutionResult, HaltReason},
    primitives::{eip3860::MAX_INITCODE_SIZE, hardfork::SpecId},
};
use state::{StateDiff, StateKey};
use types::{FeeMode, Transaction};

use super::{
    BlockingReader, CallResult, OneByOne, SimulateError, StateOverrides, TransferLog,
    call::refused,
    precompile_places,
    transfers::{Collected, LogTracer},
};
use crate::{
    BlockEnvironment, BlockHashes, BlockState, ChainRules, InvalidTransaction, LedgerEvm, Missing,
    Payment,
    block::{SystemCall, system_calls_after, system_calls_before},
    environment::transaction_env,
    evm::PrecompilePlaces,
    halt,
    trace::{Exceeded, Patience, TraceError, TracePlace, Traced, run},
};

/// How calls are checked and what is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Whether nonce and fees must be those of a transaction; balance and gas always must.
    pub validation: bool,
    /// Whether moved ether is logged.
    pub trace_transfers: bool,
}

/// What a call of a simulated block came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its end.
    pub result: CallResult,
    /// Gas used before refunds.
    pub gas_used_max: u64,
    /// Logs with those of moved ether; none unless it succeeded.
    pub logs: Vec<TransferLog>,
}

/// Simulated blocks on the state after a real one.
pub struct BlockSimulation<R> {
    state: BlockState,
    reader: Arc<R>,
    patience: Patience,
    checks: Checks,
    /// Revision of the block below, whose precompiled contracts may be moved.
    base: SpecId,
    block: Option<(BlockEnvironment, ChainRules, Arc<PrecompilePlaces>)>,
    logs: u64,
}

impl<R: BlockingReader> BlockSimulation<R> {
    /// Nothing simulated yet. `reader` reads the state after the block below, whose rules are given.
    pub fn new(
        block_hashes: BlockHashes,
        base: SpecId,
        reader: Arc<R>,
        patience: Patience,
        checks: Checks,
    ) -> Self {
        let mut state = BlockState::new(block_hashes);
        state.ask(Some(Box::new(OneByOne::endless(&reader))));
        Self { state, reader, patience, checks, base, block: None, logs: 0 }
    }

    /// Begins a block: writes the overrides, then makes the ledger's own calls.
    ///
    /// # Errors
    /// The overrides contradict each other, or the state cannot be read.
    pub fn begin(
        &mut self,
        environment: BlockEnvironment,
        rules: ChainRules,
        overrides: &StateOverrides,
    ) -> Result<(), SimulateError> {
        let places = Arc::new(precompile_places(overrides, self.base)?);
        self.state.add_parent(environment.number.saturating_sub(1), environment.parent_hash);
        for (address, written) in overrides {
            if written.state.is_some() && written.state_diff.is_some() {
                return Err(SimulateError::OverrideFields(*address));
            }
            self.state
                .write_override(*address, written)
                .map_err(|missing| self.unread(missing.0))?;
        }
        let calls = system_calls_before(&rules, &environment);
        self.block = Some((environment, rules, places));
        self.logs = 0;
        for call in calls {
            self.system_call(&call)?;
        }
        Ok(())
    }

    /// Next nonce of an account.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn nonce(&mut self, address: Address) -> Result<u64, SimulateError> {
        let info = self.state.basic(address).map_err(|missing| self.unread(missing.0))?;
        Ok(info.map_or(0, |info| info.nonce))
    }

    /// Runs a call as a transaction of the block that was begun.
    ///
    /// # Errors
    /// It could not be a transaction, the state cannot be read, or the time is over.
    pub fn call(&mut self, transaction: &Transaction) -> Result<Outcome, SimulateError> {
        if self.patience.is_over() {
            return Err(SimulateError::TooSlow);
        }
        self.check(transaction)?;
        let (environment, rules, places) = self.block()?;
        let what = (
            transaction_env(transaction, rules),
            Payment::Simulated { base_fee_burnt: rules.base_fee_burnt },
        );
        let place = TracePlace { block_number: Some(environment.number), ..TracePlace::default() };
        let (environment, rules, places) = (environment.clone(), rules.clone(), places.clone());
        let tracer = LogTracer { transfers: self.checks.trace_transfers, first_index: self.logs };
        let mut evm: LedgerEvm<'_, &mut BlockState> =
            LedgerEvm::new(&mut self.state, &rules, environment.block_env());
        evm.move_precompiles(places);
        let ran = run(&mut evm, what, &tracer, &self.patience, place).map(|traced| {
            let Traced { trace, ran } = traced;
            let spec = evm.spec();
            evm.database().commit(ran.state, spec);
            trace
        });
        let Collected { logs, next_index, result } =
            ran.map_err(|error| self.explained(error, transaction))?;
        self.logs = next_index;
        Ok(outcome(result, logs))
    }

    /// Ends the block: the ledger's own calls, then what is credited out of nothing. Answers what
    /// the chain's contracts request of a consensus layer (EIP-7685), each with its type.
    ///
    /// # Errors
    /// The state cannot be read, or a call failed.
    pub fn end(&mut self, credits: &[(Address, U256)]) -> Result<Vec<Bytes>, SimulateError> {
        for (address, wei) in credits {
            if !wei.is_zero() {
                self.state.credit(*address, *wei).map_err(|missing| self.unread(missing.0))?;
            }
        }
        let (environment, rules, _) = self.block()?;
        let calls = system_calls_after(rules, environment);
        let mut requests = Vec::new();
        for call in calls {
            let output = self.system_call(&call)?;
            if let Some(kind) = call.request_type.filter(|_| !output.is_empty()) {
                requests.push([&[kind][..], &output[..]].concat().into());
            }
        }
        Ok(requests)
    }

    /// What all blocks so far, and the overrides, changed of the state below them.
    pub fn diff(&self) -> StateDiff {
        self.state.diff()
    }

    fn block(
        &self,
    ) -> Result<&(BlockEnvironment, ChainRules, Arc<PrecompilePlaces>), SimulateError> {
        let missing = || SimulateError::Environment("no block was begun".to_owned());
        self.block.as_ref().ok_or_else(missing)
    }

    fn system_call(&mut self, call: &SystemCall) -> Result<Bytes, SimulateError> {
        let (environment, rules, _) = self.block()?;
        let (environment, rules) = (environment.clone(), rules.clone());
        let mut evm: LedgerEvm<'_, &mut BlockState> =
            LedgerEvm::new(&mut self.state, &rules, environment.block_env());
        let result = evm.system_call(call.transaction.clone());
        let changes = evm.take_changes();
        let spec = evm.spec();
        match result {
            Ok(ExecutionResult::Success { output, .. }) => {
                self.state.commit(changes, spec);
                Ok(output.into_data())
            }
            Ok(other) => {
                let said = format!("{}: {other:?}", call.name);
                Err(SimulateError::Environment(said))
            }
            Err(EVMError::Database(Missing(key))) => Err(self.unread(key)),
            Err(error) => Err(SimulateError::Environment(error.to_string())),
        }
    }

    /// What geth asks of a call before it runs it, in geth's order.
    fn check(&mut self, transaction: &Transaction) -> Result<(), SimulateError> {
        let sender = transaction.sender();
        let info = self.state.basic(sender).map_err(|missing| self.unread(missing.0))?;
        let (next, balance) = info.map_or((0, U256::ZERO), |info| (info.nonce, info.balance));
        if self.checks.validation {
            check_nonce(transaction, next)?;
        }
        let (environment, rules, _) = self.block()?;
        let charged = rules.fee_mode == FeeMode::Metered;
        if charged {
            check_fees(transaction, environment, self.checks.validation, rules.spec)?;
        }
        let cost = cost_max(transaction, charged);
        if balance < cost {
            return Err(InvalidTransaction::InsufficientFunds { balance, cost }.into());
        }
        let envelope = transaction.envelope();
        let bytes = envelope.input().len();
        if rules.spec.is_enabled_in(SpecId::SHANGHAI)
            && !rules.relaxed.code_size
            && envelope.is_create()
            && bytes > MAX_INITCODE_SIZE
        {
            let limit = MAX_INITCODE_SIZE;
            return Err(InvalidTransaction::InitCodeTooLarge { bytes, limit }.into());
        }
        Ok(())
    }

    fn explained(&self, error: TraceError, transaction: &Transaction) -> SimulateError {
        match error {
            TraceError::Unread(key) => self.unread(key),
            TraceError::Refused(refusal) => refused(refusal, transaction.envelope().value()).into(),
            TraceError::Exceeded(Exceeded::Time) => SimulateError::TooSlow,
            other => SimulateError::Environment(other.to_string()),
        }
    }

    /// Why a value could not be read.
    fn unread(&self, key: StateKey) -> SimulateError {
        match self.reader.read_many(&[key]) {
            Err(error) => error.into(),
            Ok(_) => SimulateError::Environment(TraceError::Unread(key).to_string()),
        }
    }
}

fn check_nonce(transaction: &Transaction, next: u64) -> Result<(), InvalidTransaction> {
    let (nonce, sender) = (transaction.nonce(), transaction.sender());
    if nonce < next {
        return Err(InvalidTransaction::NonceTooLow { next, nonce });
    }
    if nonce > next {
        return Err(InvalidTransaction::NonceTooHigh { sender, nonce, next });
    }
    if nonce == u64::MAX {
        return Err(InvalidTransaction::NonceMaximum);
    }
    Ok(())
}

fn check_fees(
    transaction: &Transaction,
    environment: &BlockEnvironment,
    validation: bool,
    spec: SpecId,
) -> Result<(), InvalidTransaction> {
    let envelope = transaction.envelope();
    let fee_max = envelope.max_fee_per_gas();
    let tip = envelope.max_priority_fee_per_gas().unwrap_or(fee_max);
    let offers_nothing = fee_max == 0 && tip == 0;
    if validation || !offers_nothing {
        if tip > fee_max {
            return Err(InvalidTransaction::TipAboveFeeCap { tip, fee_max });
        }
        let base_fee = u128::from(environment.base_fee);
        if spec.is_enabled_in(SpecId::LONDON) && fee_max < base_fee {
            let sender = transaction.sender();
            return Err(InvalidTransaction::FeeCapTooLow { sender, fee_max, base_fee });
        }
    }
    if let Some(offered) = envelope.max_fee_per_blob_gas()
        && (validation || offered > 0)
        && offered < environment.blob_base_fee
    {
        let price = environment.blob_base_fee;
        let said = format!(
            "max fee per blob gas less than block blob gas fee: address {}, blobGasFeeCap: \
             {offered}, blobBaseFee: {price}",
            transaction.sender()
        );
        return Err(InvalidTransaction::Other(said));
    }
    Ok(())
}

/// The most that a call may take from its sender, wei.
fn cost_max(transaction: &Transaction, charged: bool) -> U256 {
    let envelope = transaction.envelope();
    let mut cost = envelope.value();
    if charged {
        let gas = U256::from(envelope.gas_limit());
        cost = cost.saturating_add(gas.saturating_mul(U256::from(envelope.max_fee_per_gas())));
        let blobs = envelope.blob_versioned_hashes().map_or(0, <[B256]>::len);
        let blob_gas = U256::from(blobs).saturating_mul(U256::from(DATA_GAS_PER_BLOB));
        let blob_fee = U256::from(envelope.max_fee_per_blob_gas().unwrap_or_default());
        cost = cost.saturating_add(blob_gas.saturating_mul(blob_fee));
    }
    cost
}

fn outcome(result: ExecutionResult, logs: Vec<TransferLog>) -> Outcome {
    let gas_used = result.tx_gas_used();
    let gas_used_max = result.gas().total_gas_spent().max(gas_used);
    match result {
        ExecutionResult::Success { output, logs: written, .. } => Outcome {
            result: CallResult::Success { output: output.into_data(), gas_used, logs: written },
            gas_used_max,
            logs,
        },
        ExecutionResult::Revert { output, .. } => Outcome {
            result: CallResult::Revert { output, gas_used },
            gas_used_max,
            logs: Vec::new(),
        },
        ExecutionResult::Halt { reason, .. } => Outcome {
            result: CallResult::Halt {
                out_of_gas: matches!(reason, HaltReason::OutOfGas(_)),
                reason: halt::describe(&reason),
                gas_used,
            },
            gas_used_max,
            logs: Vec::new(),
        },
    }
}
