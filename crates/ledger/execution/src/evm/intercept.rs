//! The start of a frame: gate, then native contracts.

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::{SolError, sol};
use native::{BlockContext, CallContext, Context as NativeContext, Failure, NativeContract};
use revm::{
    Database,
    context::ContextTr,
    context_interface::{CreateScheme, JournalTr, context::ContextError},
    handler::FrameResult,
    interpreter::{
        CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, FrameInput, Gas,
        InstructionResult, InterpreterResult, interpreter_action::FrameInit,
    },
    primitives::constants::CALL_STACK_LIMIT,
};

use super::{LedgerEvm, journal_host::JournalHost};
use crate::{FrameKind, FrameStart};

sol! {
    /// Native code cannot run in the storage of another contract.
    error NativeDelegateCall();
    /// Addresses of native contracts take no value.
    error NativeTakesNoValue();
}

type Intercepted<DB> = Result<Option<FrameResult>, ContextError<<DB as Database>::Error>>;

impl<DB: Database> LedgerEvm<'_, DB> {
    /// The frame's result where no bytecode is to run.
    pub(super) fn intercept(&mut self, frame: &FrameInit) -> Intercepted<DB> {
        match &frame.frame_input {
            FrameInput::Call(inputs) => self.intercept_call(inputs, frame.depth),
            FrameInput::Create(inputs) => Ok(self.intercept_create(inputs, frame.depth)),
            FrameInput::Empty => Ok(None),
        }
    }

    fn intercept_create(&self, inputs: &CreateInputs, depth: usize) -> Option<FrameResult> {
        let start = FrameStart {
            caller: inputs.caller(),
            target: None,
            selector: None,
            value: inputs.value(),
            kind: match inputs.scheme() {
                CreateScheme::Create2 { .. } => FrameKind::Create2,
                _ => FrameKind::Create,
            },
            depth,
        };
        let refusal = self.gate.check(&start).err()?;
        let gas = Gas::new_with_regular_gas_and_reservoir(inputs.gas_limit(), inputs.reservoir());
        let result = InterpreterResult::new(InstructionResult::Revert, refusal.output, gas);
        let mut outcome = CreateOutcome::new(result, None);
        outcome.charged_create_state_gas = inputs.charged_create_state_gas();
        Some(FrameResult::Create(outcome))
    }

    fn intercept_call(&mut self, inputs: &CallInputs, depth: usize) -> Intercepted<DB> {
        let start = FrameStart {
            caller: inputs.caller,
            target: Some(inputs.bytecode_address),
            selector: inputs.input.as_bytes(self.context()).first_chunk().copied(),
            value: inputs.call_value(),
            kind: frame_kind(inputs.scheme),
            depth,
        };
        if let Err(refusal) = self.gate.check(&start) {
            return Ok(Some(reverted(inputs, refusal.output)));
        }
        let reserved = native::is_reserved(inputs.bytecode_address);
        if !reserved && !native::is_reserved(inputs.target_address) {
            return Ok(None);
        }
        if inputs.value.transfer().is_some_and(|value| value > U256::ZERO) {
            return Ok(Some(reverted(inputs, NativeTakesNoValue {}.abi_encode().into())));
        }
        match self.native.get(&inputs.bytecode_address).cloned() {
            None => Ok(None),
            Some(_) if inputs.bytecode_address != inputs.target_address => {
                Ok(Some(reverted(inputs, NativeDelegateCall {}.abi_encode().into())))
            }
            Some(contract) => self.run_native(&*contract, inputs, depth).map(Some),
        }
    }

    fn run_native(
        &mut self,
        contract: &dyn NativeContract,
        inputs: &CallInputs,
        depth: usize,
    ) -> Result<FrameResult, ContextError<DB::Error>> {
        if depth > CALL_STACK_LIMIT as usize {
            return Ok(outcome(inputs, InstructionResult::CallTooDeep, Bytes::new(), 0));
        }
        let context = self.context();
        let input = inputs.input.bytes(context);
        let block = BlockContext {
            number: context.block.number.saturating_to(),
            timestamp: context.block.timestamp.saturating_to(),
            chain_id: context.cfg.chain_id,
        };
        let call = CallContext {
            caller: inputs.caller,
            target: inputs.target_address,
            is_static: inputs.is_static,
            gas_limit: inputs.gas_limit,
        };
        let journal = context.journal_mut();
        journal.load_account(inputs.target_address).map_err(ContextError::Db)?;
        let checkpoint = journal.checkpoint();
        let mut host = JournalHost::new(journal);
        let mut native = NativeContext::new(call, block, &mut host);
        let answer = contract.call(&mut native, &input);
        let gas_remaining = native.gas_remaining();
        let error = host.error.take();
        let journal = context.journal_mut();
        if answer.is_ok() && error.is_none() {
            journal.checkpoint_commit();
        } else {
            journal.checkpoint_revert(checkpoint);
        }
        if let Some(error) = error {
            return Err(ContextError::Db(error));
        }
        let (result, output) = match answer {
            Ok(output) => (InstructionResult::Return, output),
            Err(Failure::Revert(output)) => (InstructionResult::Revert, output),
            Err(Failure::StaticViolation) => {
                (InstructionResult::StateChangeDuringStaticCall, Bytes::new())
            }
            // `Failure::Host` without an error of the host would be a contract's own invention.
            Err(Failure::OutOfGas | Failure::Host) => (InstructionResult::OutOfGas, Bytes::new()),
        };
        Ok(outcome(inputs, result, output, gas_remaining))
    }
}

fn frame_kind(scheme: CallScheme) -> FrameKind {
    match scheme {
        CallScheme::Call => FrameKind::Call,
        CallScheme::StaticCall => FrameKind::StaticCall,
        CallScheme::DelegateCall => FrameKind::DelegateCall,
        CallScheme::CallCode => FrameKind::CallCode,
    }
}

fn reverted(inputs: &CallInputs, output: Bytes) -> FrameResult {
    outcome(inputs, InstructionResult::Revert, output, inputs.gas_limit)
}

fn outcome(
    inputs: &CallInputs,
    result: InstructionResult,
    output: Bytes,
    gas_remaining: u64,
) -> FrameResult {
    let mut gas = Gas::new_with_regular_gas_and_reservoir(inputs.gas_limit, inputs.reservoir);
    let kept = if result.is_ok_or_revert() { gas_remaining } else { 0 };
    gas.set_remaining(kept);
    let result = InterpreterResult::new(result, output, gas);
    let mut outcome = CallOutcome::new(result, inputs.return_memory_offset.clone());
    outcome.charged_new_account_state_gas = inputs.charged_new_account_state_gas;
    FrameResult::Call(outcome)
}
