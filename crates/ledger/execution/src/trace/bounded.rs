//! A recorder that stops the run when it records too much or takes too long.

use std::{fmt, sync::Arc};

use alloy_primitives::{
    Address, Log, U256,
    map::{AddressMap, HashSet},
};
use revm::{
    bytecode::opcode,
    context_interface::{ContextTr, context::ContextError},
    inspector::Inspector,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter,
        interpreter_types::{InputsTr as _, Jumps as _, LoopControl as _},
    },
};

/// What one trace may take while it is recorded and written out, bytes, as far as it is counted
/// here.
pub const TRACE_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Counted for each frame, bytes, besides its input.
const FRAME_BYTES: usize = 1_024;
/// Counted for each log, bytes, besides its data.
const LOG_BYTES: usize = 512;
/// Counted for each recorded step, bytes.
const STEP_BYTES: usize = 768;
/// Counted for each word on a recorded stack: once recorded, once written out.
const STACK_WORD_BYTES: usize = 64;
/// Counted for each byte of recorded memory: the byte, and two digits of it.
const MEMORY_FACTOR: usize = 4;
/// Counted for each slot that a step shows.
const SLOT_BYTES: usize = 128;
/// Steps between two looks at the caller's patience.
const PATIENCE_STEPS: u64 = 1_024;

/// Asked now and then whether a run has become too slow; execution has no clock of its own.
#[derive(Clone)]
pub struct Patience(Arc<dyn Fn() -> bool + Send + Sync>);

impl Patience {
    /// `is_over` answers true once the run is to stop.
    pub fn new(is_over: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_over))
    }

    /// Never ends.
    pub fn endless() -> Self {
        Self::new(|| false)
    }

    /// Whether to stop.
    pub fn is_over(&self) -> bool {
        self.0()
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patience")
    }
}

/// Which limit a recording exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// Memory.
    #[error(
        "trace too large, limit {TRACE_BYTES_MAX} bytes: record less (disableStack, \
             disableStorage, limit) or use callTracer"
    )]
    Bytes,
    /// Time.
    #[error("execution timeout")]
    Time,
}

/// What a recorder keeps of each step. Frames and logs are counted always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Steps that are recorded; further ones cost nothing. 0 where none is.
    pub steps_max: u64,
    /// Whether steps keep the stack.
    pub stack: bool,
    /// Whether steps keep the memory.
    pub memory: bool,
    /// Whether steps keep the slots seen so far.
    pub storage: bool,
}

/// `inner`, stopped at the limits.
#[derive(Debug)]
pub struct Bounded<I> {
    inner: I,
    costs: Costs,
    patience: Patience,
    steps: u64,
    bytes: usize,
    slots: AddressMap<HashSet<U256>>,
    exceeded: Option<Exceeded>,
}

impl<I> Bounded<I> {
    /// Nothing recorded yet.
    pub fn new(inner: I, costs: Costs, patience: Patience) -> Self {
        let slots = AddressMap::default();
        Self { inner, costs, patience, steps: 0, bytes: 0, slots, exceeded: None }
    }

    /// The recorder, if it stayed within the limits.
    ///
    /// # Errors
    /// The limit that it exceeded.
    pub fn into_inner(self) -> Result<I, Exceeded> {
        match self.exceeded {
            None => Ok(self.inner),
            Some(exceeded) => Err(exceeded),
        }
    }

    fn count(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > TRACE_BYTES_MAX && self.exceeded.is_none() {
            self.exceeded = Some(Exceeded::Bytes);
        }
    }

    fn count_step(&mut self, interpreter: &Interpreter) {
        self.steps += 1;
        if self.steps.is_multiple_of(PATIENCE_STEPS) && self.patience.is_over() {
            self.exceeded = self.exceeded.or(Some(Exceeded::Time));
        }
        if self.steps > self.costs.steps_max {
            return;
        }
        let mut bytes = STEP_BYTES;
        if self.costs.stack {
            bytes += interpreter.stack.len() * STACK_WORD_BYTES;
        }
        if self.costs.memory {
            bytes = bytes.saturating_add(interpreter.memory.len().saturating_mul(MEMORY_FACTOR));
        }
        let opcode = interpreter.bytecode.opcode();
        if self.costs.storage
            && matches!(opcode, opcode::SLOAD | opcode::SSTORE)
            && let Ok(slot) = interpreter.stack.peek(0)
        {
            let seen = self.slots.entry(interpreter.input.target_address()).or_default();
            seen.insert(slot);
            bytes += seen.len() * SLOT_BYTES;
        }
        self.count(bytes);
    }

    /// Ends the run with an error if a limit is exceeded.
    fn check<C: ContextTr>(&self, context: &mut C, interpreter: Option<&mut Interpreter>) {
        let Some(exceeded) = self.exceeded else {
            return;
        };
        if context.error().is_ok() {
            *context.error() = Err(ContextError::Custom(exceeded.to_string()));
        }
        if let Some(interpreter) = interpreter {
            // In place of a call or return that may be pending.
            interpreter.bytecode.action().take();
            interpreter.bytecode.reset_action();
            interpreter.halt_fatal();
        }
    }
}

impl<C: ContextTr, I: Inspector<C>> Inspector<C> for Bounded<I> {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, context: &mut C) {
        self.inner.initialize_interp(interpreter, context);
        self.check(context, Some(interpreter));
    }

    fn step(&mut self, interpreter: &mut Interpreter, context: &mut C) {
        if self.exceeded.is_none() {
            self.count_step(interpreter);
        }
        self.inner.step(interpreter, context);
        self.check(context, Some(interpreter));
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut C) {
        self.inner.step_end(interpreter, context);
        self.check(context, Some(interpreter));
    }

    fn log(&mut self, context: &mut C, log: Log) {
        self.count(LOG_BYTES + log.data.data.len());
        self.inner.log(context, log);
    }

    fn log_full(&mut self, interpreter: &mut Interpreter, context: &mut C, log: Log) {
        self.count(LOG_BYTES + log.data.data.len());
        self.inner.log_full(interpreter, context, log);
    }

    fn call(&mut self, context: &mut C, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.count(FRAME_BYTES.saturating_add(inputs.input.len()));
        self.check(context, None);
        self.inner.call(context, inputs)
    }

    fn call_end(&mut self, context: &mut C, inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.inner.call_end(context, inputs, outcome);
    }

    fn create(&mut self, context: &mut C, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.count(FRAME_BYTES.saturating_add(inputs.init_code().len()));
        self.check(context, None);
        self.inner.create(context, inputs)
    }

    fn create_end(&mut self, context: &mut C, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        self.inner.create_end(context, inputs, outcome);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.inner.selfdestruct(contract, target, value);
    }
}
