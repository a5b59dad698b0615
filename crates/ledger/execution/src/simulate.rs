//! Calls without a transaction: `eth_call`, `eth_estimateGas`.
//!
//! They run on the same EVM as blocks, with the same gate and native contracts. What differs: no
//! signature, nonce or sender's code is checked, and values may be pretended.

mod blocks;
mod call;
mod estimate;
mod precompiles;
mod request;
#[cfg(test)]
mod tests;
mod traced;
mod transfers;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy_primitives::{Address, Bytes, Log};
use state::{StateError, StateKey, StateValue};

use crate::{
    AccountOverride, BlockEnvironment, BlockState, ChainRules, InvalidTransaction, ValueSource,
    evm::PrecompilePlaces,
};

pub use blocks::{BlockSimulation, Checks, Outcome};
pub(crate) use precompiles::precompile_places;
pub use request::{BlockOverrides, CallRequest};
pub use traced::After;
pub use transfers::{TRANSFER_EMITTER, TRANSFER_TOPIC, TransferLog};

/// Gas of a simulated call unless configured otherwise.
pub const CALL_GAS_MAX: u64 = 60_000_000;
/// Values that are read where they are missed before anything else is tried: most calls need fewer
/// and so run once.
const FIRST_READS_MAX: usize = 32;
/// Rounds after that in which a run goes on past missing values to find several at once; after them
/// each value is read where it is missed again.
const COLLECTING_ROUNDS_MAX: usize = 16;

/// Pretended accounts.
pub type StateOverrides = BTreeMap<Address, AccountOverride>;

/// What a simulated call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// It succeeded.
    Success {
        /// Return data; the code for a creation.
        output: Bytes,
        /// Gas used after refunds.
        gas_used: u64,
        /// Logs it would have written.
        logs: Vec<Log>,
    },
    /// It reverted.
    Revert {
        /// Revert data.
        output: Bytes,
        /// Gas used.
        gas_used: u64,
    },
    /// It stopped for another reason.
    Halt {
        /// Why, in geth's words.
        reason: String,
        /// Whether more gas might help.
        out_of_gas: bool,
        /// Gas used.
        gas_used: u64,
    },
}

/// Why a simulated call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulateError {
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The call could not be a transaction.
    #[error(transparent)]
    Invalid(#[from] InvalidTransaction),
    /// `gasPrice` together with the fields of EIP-1559.
    #[error("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")]
    FeeFields,
    /// `state` and `stateDiff` for one account.
    #[error("account {0} has both 'state' and 'stateDiff'")]
    OverrideFields(Address),
    /// `movePrecompileToAddress` of an account that is no precompiled contract.
    #[error("account {0} is not a precompile")]
    NotPrecompile(Address),
    /// `movePrecompileToAddress` to where it is.
    #[error("MovePrecompileToAddress referenced itself in replacement: {0}")]
    MovedToItself(Address),
    /// `movePrecompileToAddress` to an account that is overridden itself.
    #[error("account {0} is already overridden")]
    MovedToOverridden(Address),
    /// The simulation took too long.
    #[error("execution aborted (timeout)")]
    TooSlow,
    /// An estimate: it reverts with any gas.
    #[error("execution reverted")]
    Reverted {
        /// Revert data.
        output: Bytes,
    },
    /// An estimate: it fails with any gas.
    #[error("{0}")]
    Halted(String),
    /// An estimate: it needs more gas than allowed.
    #[error("gas required exceeds allowance ({0})")]
    GasAllowance(u64),
    /// The EVM refused the block.
    #[error("block environment: {0}")]
    Environment(String),
}

/// Why a run stopped.
#[derive(Debug)]
pub enum Stopped {
    /// Provide a value (or its absence) for every key, then run again.
    NeedState(Vec<StateKey>),
    /// There will be no result.
    Error(SimulateError),
}

impl<E: Into<SimulateError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Simulates calls on top of one state, without I/O. Values once provided serve all runs.
pub struct Simulation {
    environment: BlockEnvironment,
    rules: ChainRules,
    state: BlockState,
    gas_max: u64,
    rounds: usize,
    places: Arc<PrecompilePlaces>,
}

impl Simulation {
    /// On the state after (or, for a pending block, before) the environment's block. `gas_max`
    /// bounds every run, usually [`CALL_GAS_MAX`].
    pub fn new(
        mut environment: BlockEnvironment,
        rules: ChainRules,
        state_overrides: StateOverrides,
        block_overrides: &BlockOverrides,
        gas_max: u64,
    ) -> Result<Self, SimulateError> {
        let mut state = BlockState::new(rules.block_hashes.clone());
        state.set_parent(environment.number.saturating_sub(1), environment.parent_hash);
        let places = precompile_places(&state_overrides, rules.spec)?;
        for (address, pretended) in state_overrides {
            if pretended.state.is_some() && pretended.state_diff.is_some() {
                return Err(SimulateError::OverrideFields(address));
            }
            state.override_account(address, pretended);
        }
        block_overrides.apply(&mut environment);
        Ok(Self { environment, rules, state, gas_max, rounds: 0, places: Arc::new(places) })
    }

    /// Answers one key of [`Stopped::NeedState`].
    pub fn provide(&mut self, key: StateKey, value: Option<StateValue>) {
        self.state.provide(key, value);
    }

    /// Runs `work` until it stops for another reason than missing values.
    fn drive<T, R: BlockingReader>(
        &mut self,
        reader: &Arc<R>,
        mut work: impl FnMut(&mut Self) -> Result<T, Stopped>,
    ) -> Result<T, SimulateError> {
        self.state.ask(Some(Box::new(OneByOne::up_to(FIRST_READS_MAX, reader))));
        loop {
            match work(self) {
                Ok(result) => return Ok(result),
                Err(Stopped::Error(error)) => return Err(error),
                Err(Stopped::NeedState(keys)) => {
                    let endless = self.rounds >= COLLECTING_ROUNDS_MAX;
                    self.state.ask(endless.then(|| Box::new(OneByOne::endless(reader)) as _));
                    let values = reader.read_many(&keys)?;
                    for (key, value) in keys.into_iter().zip(values) {
                        self.provide(key, value);
                    }
                }
            }
        }
    }

    /// Counts a round of reading.
    fn need(&mut self, keys: BTreeSet<StateKey>) -> Stopped {
        self.rounds += 1;
        Stopped::NeedState(keys.into_iter().collect())
    }
}

/// The state at one height, read in the calling thread.
pub trait BlockingReader: Send + Sync + 'static {
    /// Values in the order of `keys`.
    fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError>;
}

/// Reads each value where it is missed.
pub(crate) struct OneByOne<R> {
    reader: Arc<R>,
    left: usize,
}

impl<R: BlockingReader> OneByOne<R> {
    /// As many values as are missed.
    pub(crate) fn endless(reader: &Arc<R>) -> Self {
        Self::up_to(usize::MAX, reader)
    }

    /// The first `reads` values; the run stops at the next one.
    fn up_to(reads: usize, reader: &Arc<R>) -> Self {
        Self { reader: Arc::clone(reader), left: reads }
    }
}

impl<R: BlockingReader> ValueSource for OneByOne<R> {
    fn value(&mut self, key: StateKey) -> Option<Option<StateValue>> {
        self.left = self.left.checked_sub(1)?;
        // Where reading fails the run stops at this key, and the round that reads it tells why.
        self.reader.read_many(&[key]).ok()?.pop()
    }
}

/// `eth_call` over a reader, in the calling thread.
pub fn call<R: BlockingReader>(
    simulation: &mut Simulation,
    request: &CallRequest,
    reader: &Arc<R>,
) -> Result<CallResult, SimulateError> {
    simulation.drive(reader, |simulation| simulation.call(request))
}

/// `eth_estimateGas` over a reader, in the calling thread.
pub fn estimate_gas<R: BlockingReader>(
    simulation: &mut Simulation,
    request: &CallRequest,
    reader: &Arc<R>,
) -> Result<u64, SimulateError> {
    simulation.drive(reader, |simulation| simulation.estimate_gas(request))
}
