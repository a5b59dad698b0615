//! Simulated calls that are traced, one after the other on the same state.

use std::sync::Arc;

use revm::context_interface::result::InvalidTransaction as Refusal;

use super::{
    BlockOverrides, BlockingReader, CallRequest, OneByOne, SimulateError, Simulation,
    StateOverrides, call::refused, precompile_places,
};
use crate::{
    BlockState, LedgerEvm, Payment,
    trace::{Patience, Replay, TraceError, TracePlace, Traced, Tracer, run},
};

/// How a traced call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Its changes are forgotten.
    Forget,
    /// Its changes hold for the calls that follow.
    Keep,
}

impl Simulation {
    /// Calls in the middle of a block: after the transactions that `replay` has run. The second
    /// value reads what the block began with.
    ///
    /// # Errors
    /// The state cannot be read, or the overrides contradict themselves.
    pub fn within<R: BlockingReader>(
        replay: Replay<R>,
        state_overrides: StateOverrides,
        block_overrides: &BlockOverrides,
        gas_max: u64,
    ) -> Result<(Self, Arc<R>), TraceError> {
        let (mut state, mut environment, rules, reader) = replay.into_parts();
        let places = precompile_places(&state_overrides, rules.spec)?;
        for (address, pretended) in state_overrides {
            if pretended.state.is_some() && pretended.state_diff.is_some() {
                return Err(SimulateError::OverrideFields(address).into());
            }
            let done = state.override_present(address, pretended);
            done.map_err(|missing| TraceError::Unread(missing.0))?;
        }
        block_overrides.apply(&mut environment);
        let places = Arc::new(places);
        Ok((Self { environment, rules, state, gas_max, rounds: 0, places }, reader))
    }

    /// Runs a call and traces it; values are read where they are missed.
    ///
    /// # Errors
    /// The call cannot be simulated, or its trace exceeds a limit.
    pub fn trace<T: Tracer, R: BlockingReader>(
        &mut self,
        request: &CallRequest,
        tracer: &T,
        reader: &Arc<R>,
        patience: &Patience,
        after: After,
    ) -> Result<T::Trace, TraceError> {
        self.check(request)?;
        let gas = request.gas.unwrap_or(self.gas_max).min(self.gas_max);
        let transaction = self.transaction_env(request, gas);
        let mut block = self.environment.block_env();
        if transaction.gas_price == 0 {
            // As geth: a call that offers nothing sees no base fee.
            block.basefee = 0;
        }
        self.state.ask(Some(Box::new(OneByOne::endless(reader))));
        let place =
            TracePlace { block_number: Some(self.environment.number), ..TracePlace::default() };
        let mut evm: LedgerEvm<'_, &mut BlockState> =
            LedgerEvm::new(&mut self.state, &self.rules, block);
        evm.move_precompiles(Arc::clone(&self.places));
        let what = (transaction, Payment::Call);
        let result = run(&mut evm, what, tracer, patience, place).map(|Traced { trace, ran }| {
            if after == After::Keep {
                let spec = evm.spec();
                evm.database().commit(ran.state, spec);
            }
            trace
        });
        result.map_err(|error| explained(error, request, reader))
    }
}

/// The reason in a caller's words, and why a value could not be read.
fn explained<R: BlockingReader>(
    error: TraceError,
    request: &CallRequest,
    reader: &Arc<R>,
) -> TraceError {
    match error {
        TraceError::Refused(refusal) => {
            let refusal: Refusal = refusal;
            SimulateError::Invalid(refused(refusal, request.value)).into()
        }
        TraceError::Unread(key) => match reader.read_many(&[key]) {
            Err(error) => error.into(),
            Ok(_) => TraceError::Unread(key),
        },
        other => other,
    }
}
