//! Runs that somebody looks at: traces of transactions of a block, and of simulated calls.
//!
//! A traced run is the run of a block: same EVM, gate and native contracts, same order, system
//! calls included ([`Replay`]), or the run of a simulated call
//! ([`Simulation::trace`](crate::simulate::Simulation::trace)). A [`Tracer`] records what it
//! wants; [`Bounded`] sees to it that no recording takes memory or time without bound.

mod access_list;
mod bounded;
mod error;
mod flat;
mod geth;
mod parity;
mod prestate;
#[cfg(test)]
mod tests;

use std::{cell::RefCell, sync::Arc};

use alloy_primitives::{Address, B256, U256};
use revm::{
    Database as _, DatabaseRef,
    bytecode::Bytecode,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::result::{EVMError, ResultAndState},
    inspector::Inspector,
    primitives::hardfork::SpecId,
    state::AccountInfo,
};

use crate::{
    BlockState, ChainRules, EvmContext, LedgerEvm, Missing, Payment,
    simulate::{BlockingReader, OneByOne},
};

pub use access_list::{AccessListTracer, AccessListing};
pub use alloy_rpc_types_trace::{
    geth::{GethDebugTracingOptions, GethTrace},
    parity::{
        Action, CallType, CreationMethod, LocalizedTransactionTrace, TraceOutput, TraceResults,
        TraceType, TransactionTrace,
    },
};
pub use bounded::{Bounded, Costs, Exceeded, Patience, TRACE_BYTES_MAX};
pub use error::TraceError;
pub use flat::{FlatFrame, FlatOptions};
pub use geth::{GethOutput, GethTracer};
pub use parity::{ParityTracer, TraceTypes};
pub use prestate::{Prestate, PrestateAccount, PrestateAccounts, PrestateOptions};

pub use crate::block::{Replay, Replayed};

/// A database of one stretch of traced runs.
pub type TracedContext<'s> = EvmContext<&'s mut BlockState>;

/// Which transaction of which block a trace is of; all `None` for a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TracePlace {
    /// Hash of the block.
    pub block_hash: Option<B256>,
    /// Height of the block.
    pub block_number: Option<u64>,
    /// Position in the block.
    pub index: Option<usize>,
    /// Hash of the transaction.
    pub hash: Option<B256>,
}

/// A run that is over and has not taken effect yet.
pub struct Finished<'r, 's> {
    /// What ran.
    pub transaction: &'r TxEnv,
    /// In which block.
    pub block: &'r BlockEnv,
    /// What it came to and what it changed.
    pub ran: &'r ResultAndState,
    /// The state before it.
    pub before: Before<'s>,
    /// Its place.
    pub place: TracePlace,
    /// Revision of the EVM.
    pub spec: SpecId,
}

/// What is recorded of a run, and what is made of it.
pub trait Tracer {
    /// Looks on.
    type Inspector: for<'s> Inspector<TracedContext<'s>>;
    /// What is made of it.
    type Trace;

    /// A fresh recorder.
    ///
    /// # Errors
    /// The caller asked for something that there is not.
    fn inspector(&self) -> Result<Self::Inspector, TraceError>;

    /// What recording costs.
    fn costs(&self) -> Costs;

    /// The trace.
    ///
    /// # Errors
    /// The state before the run cannot be read.
    fn finish(
        &self,
        inspector: Self::Inspector,
        finished: Finished<'_, '_>,
    ) -> Result<Self::Trace, TraceError>;
}

/// The state before a traced run.
pub struct Before<'s>(RefCell<&'s mut BlockState>);

impl<'s> Before<'s> {
    fn new(state: &'s mut BlockState) -> Self {
        Self(RefCell::new(state))
    }
}

impl DatabaseRef for Before<'_> {
    type Error = Missing;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Missing> {
        self.0.borrow_mut().basic(address)
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, Missing> {
        self.0.borrow_mut().code_by_hash(hash)
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, Missing> {
        self.0.borrow_mut().storage(address, slot)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Missing> {
        self.0.borrow_mut().block_hash(number)
    }
}

/// A traced run: the trace, and what the run came to.
pub(crate) struct Traced<T> {
    pub(crate) trace: T,
    pub(crate) ran: ResultAndState,
}

/// Runs `transaction` and traces it. Its changes are not applied.
pub(crate) fn run<T: Tracer>(
    evm: &mut LedgerEvm<'_, &mut BlockState>,
    (transaction, payment): (TxEnv, Payment),
    tracer: &T,
    patience: &Patience,
    place: TracePlace,
) -> Result<Traced<T::Trace>, TraceError> {
    let mut bounded = Bounded::new(tracer.inspector()?, tracer.costs(), patience.clone());
    let result = evm.inspect(transaction.clone(), payment, &mut bounded);
    let inspector = bounded.into_inner()?;
    let result = result.map_err(|error| match error {
        EVMError::Database(Missing(key)) => TraceError::Unread(key),
        EVMError::Transaction(reason) => TraceError::Refused(reason),
        error => TraceError::Environment(error.to_string()),
    })?;
    let ran = ResultAndState::new(result, evm.take_changes());
    let (block, spec) = (evm.block_env().clone(), evm.spec());
    let finished = Finished {
        transaction: &transaction,
        block: &block,
        ran: &ran,
        before: Before::new(evm.database()),
        place,
        spec,
    };
    let trace = tracer.finish(inspector, finished)?;
    Ok(Traced { trace, ran })
}

/// One transaction under any configuration, on what `reader` reads, for conformance suites.
///
/// # Errors
/// The transaction is not valid, or the trace exceeds a limit.
pub fn trace_one<T: Tracer, R: BlockingReader>(
    reader: &Arc<R>,
    (configuration, block): (CfgEnv, BlockEnv),
    rules: &ChainRules,
    transaction: TxEnv,
    tracer: &T,
    place: TracePlace,
) -> Result<(T::Trace, Replayed), TraceError> {
    let mut state = BlockState::new(rules.block_hashes.clone());
    state.ask(Some(Box::new(OneByOne::endless(reader))));
    let mut evm = LedgerEvm::with_configuration(
        &mut state,
        configuration,
        block,
        &rules.native,
        &*rules.gate,
    );
    let payment = rules.payment();
    let what = (transaction, payment);
    let Traced { trace, ran } = run(&mut evm, what, tracer, &Patience::endless(), place)?;
    let replayed =
        Replayed { gas_used: ran.result.tx_gas_used(), success: ran.result.is_success() };
    Ok((trace, replayed))
}
