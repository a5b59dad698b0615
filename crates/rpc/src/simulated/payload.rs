//! The first parameter, decoded and bounded.

use serde::{Deserialize, Deserializer};

use crate::{
    call_request::CallObject,
    error::{RpcError, code},
    limits::{
        OVERRIDE_ENTRIES_MAX, SIMULATED_BLOCKS_MAX, SIMULATED_CALLS_MAX, SIMULATED_WITHDRAWALS_MAX,
    },
    object::Object,
    overrides::{BlockFields, StateOverrides},
};

/// What is to be simulated. Unknown fields are ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    block_state_calls: Vec<Object<WireBlock>>,
    trace_transfers: bool,
    validation: bool,
    return_full_transactions: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireBlock {
    block_overrides: Option<BlockFields>,
    state_overrides: Option<StateOverrides>,
    calls: Option<Vec<CallObject>>,
}

/// One block asked for.
#[derive(Clone, Debug, Default)]
pub struct BlockCalls {
    /// Fields of its header.
    pub fields: BlockFields,
    /// Values written before it.
    pub state: StateOverrides,
    /// Its calls.
    pub calls: Vec<CallObject>,
}

/// The payload.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    /// Blocks, the lowest first.
    pub blocks: Vec<BlockCalls>,
    /// Whether moved ether is logged.
    pub trace_transfers: bool,
    /// Whether nonces and fees are checked as of transactions.
    pub validation: bool,
    /// Whether blocks show whole transactions.
    pub full_transactions: bool,
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(wire) = Object::<Wire>::deserialize(deserializer)?;
        let block = |Object(block): Object<WireBlock>| BlockCalls {
            fields: block.block_overrides.unwrap_or_default(),
            state: block.state_overrides.unwrap_or_default(),
            calls: block.calls.unwrap_or_default(),
        };
        Ok(Self {
            blocks: wire.block_state_calls.into_iter().map(block).collect(),
            trace_transfers: wire.trace_transfers,
            validation: wire.validation,
            full_transactions: wire.return_full_transactions,
        })
    }
}

impl Payload {
    /// Refuses what is empty or more than the limits.
    ///
    /// # Errors
    /// The limit that it exceeds.
    pub fn check(&self) -> Result<(), RpcError> {
        if self.blocks.is_empty() {
            return Err(RpcError::invalid_params("empty input"));
        }
        let exceeded = |message| Err(RpcError::new(code::SIMULATION_LIMIT, message));
        if self.blocks.len() as u64 > SIMULATED_BLOCKS_MAX {
            return exceeded(format!("too many blocks, limit {SIMULATED_BLOCKS_MAX}"));
        }
        let calls: usize = self.blocks.iter().map(|block| block.calls.len()).sum();
        if calls > SIMULATED_CALLS_MAX {
            return exceeded(format!("too many calls, limit {SIMULATED_CALLS_MAX}"));
        }
        let entries: usize = self.blocks.iter().map(|block| block.state.entries()).sum();
        if entries > OVERRIDE_ENTRIES_MAX {
            let limit = OVERRIDE_ENTRIES_MAX;
            return exceeded(format!("too many state overrides, limit {limit} entries"));
        }
        let withdrawals: usize =
            self.blocks.iter().map(|block| block.fields.1.withdrawals.len()).sum();
        if withdrawals > SIMULATED_WITHDRAWALS_MAX {
            return exceeded(format!("too many withdrawals, limit {SIMULATED_WITHDRAWALS_MAX}"));
        }
        Ok(())
    }
}
