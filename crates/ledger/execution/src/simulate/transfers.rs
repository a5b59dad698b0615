//! Logs of a simulated call, with a log for each movement of ether where that is asked for.
//!
//! They are numbered as they are written, also those that a revert takes away again, as geth
//! numbers them.

use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256, address, b256};
use revm::{
    context_interface::result::ExecutionResult,
    inspector::Inspector,
    interpreter::{CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome},
};

use crate::{
    EvmContext,
    trace::{Costs, Finished, TraceError, TracedContext, Tracer},
};

/// Whom the logs of moved ether seem to come from.
pub const TRANSFER_EMITTER: Address = address!("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
/// `Transfer(address,address,uint256)`.
pub const TRANSFER_TOPIC: B256 =
    b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// A log and its number in the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferLog {
    /// The log.
    pub log: Log,
    /// Its number.
    pub index: u64,
}

/// Collects the logs of one run.
pub(super) struct LogTracer {
    /// Whether moved ether is logged.
    pub(super) transfers: bool,
    /// Number of the first log.
    pub(super) first_index: u64,
}

/// What was collected.
pub(super) struct Collected {
    /// Logs that hold.
    pub(super) logs: Vec<TransferLog>,
    /// Number of the log after the last.
    pub(super) next_index: u64,
    /// What the run came to.
    pub(super) result: ExecutionResult,
}

/// Logs by frame, the running one last.
pub(super) struct LogInspector {
    transfers: bool,
    next_index: u64,
    frames: Vec<Vec<TransferLog>>,
    kept: Vec<TransferLog>,
}

impl LogInspector {
    fn enter(&mut self, moved: Option<(Address, Address, U256)>) {
        self.frames.push(Vec::new());
        if let Some((from, to, value)) = moved {
            self.transfer(from, to, value);
        }
    }

    fn leave(&mut self, held: bool) {
        let logs = self.frames.pop().unwrap_or_default();
        if held {
            self.frames.last_mut().unwrap_or(&mut self.kept).extend(logs);
        }
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) {
        if !self.transfers || value.is_zero() {
            return;
        }
        let topics = vec![TRANSFER_TOPIC, from.into_word(), to.into_word()];
        let data = Bytes::copy_from_slice(&value.to_be_bytes::<32>());
        self.add(Log { address: TRANSFER_EMITTER, data: LogData::new_unchecked(topics, data) });
    }

    fn add(&mut self, log: Log) {
        let index = self.next_index;
        self.next_index += 1;
        self.frames.last_mut().unwrap_or(&mut self.kept).push(TransferLog { log, index });
    }
}

impl<'s> Inspector<TracedContext<'s>> for LogInspector {
    fn log(&mut self, _: &mut EvmContext<&'s mut crate::BlockState>, log: Log) {
        self.add(log);
    }

    fn call(
        &mut self,
        _: &mut EvmContext<&'s mut crate::BlockState>,
        inputs: &mut CallInputs,
    ) -> Option<CallOutcome> {
        let moved = match inputs.scheme {
            CallScheme::DelegateCall | CallScheme::StaticCall => None,
            CallScheme::Call | CallScheme::CallCode => {
                Some((inputs.caller, inputs.bytecode_address, inputs.call_value()))
            }
        };
        self.enter(moved);
        None
    }

    fn call_end(
        &mut self,
        _: &mut EvmContext<&'s mut crate::BlockState>,
        _: &CallInputs,
        outcome: &mut CallOutcome,
    ) {
        self.leave(outcome.result.is_ok());
    }

    fn create(
        &mut self,
        context: &mut EvmContext<&'s mut crate::BlockState>,
        inputs: &mut CreateInputs,
    ) -> Option<CreateOutcome> {
        use revm::context_interface::{ContextTr as _, JournalTr as _};
        let caller = inputs.caller();
        let nonce = match context.journal_mut().load_account(caller) {
            Ok(account) => account.data.info.nonce,
            // The run reads it next and stops for the same reason.
            Err(_) => 0,
        };
        self.enter(Some((caller, inputs.created_address(nonce), inputs.value())));
        None
    }

    fn create_end(
        &mut self,
        _: &mut EvmContext<&'s mut crate::BlockState>,
        _: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        self.leave(outcome.result.is_ok());
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.transfer(contract, target, value);
    }
}

impl Tracer for LogTracer {
    type Inspector = LogInspector;
    type Trace = Collected;

    fn inspector(&self) -> Result<LogInspector, TraceError> {
        Ok(LogInspector {
            transfers: self.transfers,
            next_index: self.first_index,
            frames: Vec::new(),
            kept: Vec::new(),
        })
    }

    fn costs(&self) -> Costs {
        Costs::default()
    }

    fn finish(
        &self,
        inspector: LogInspector,
        finished: Finished<'_, '_>,
    ) -> Result<Collected, TraceError> {
        let LogInspector { next_index, kept, .. } = inspector;
        Ok(Collected { logs: kept, next_index, result: finished.ran.result.clone() })
    }
}
