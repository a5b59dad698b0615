//! Which blocks follow one another: numbers and times that rise, gaps filled with empty blocks.

use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::B256;
use types::Header;

use super::payload::{BlockCalls, Payload};
use crate::{
    call_request::CallObject,
    error::{RpcError, code},
    limits::SIMULATED_BLOCKS_MAX,
    overrides::{BlockExtras, StateOverrides},
};

/// Seconds between blocks whose time is not given (geth's).
const TIME_STEP_SECONDS: u64 = 12;

/// The block below the simulated ones.
#[derive(Clone, Debug)]
pub struct Base {
    /// Its header.
    pub header: Header,
    /// Its hash.
    pub hash: B256,
    /// Height of the state that they begin with.
    pub state_height: u64,
}

/// A block to be simulated.
#[derive(Clone, Debug)]
pub struct PlannedBlock {
    /// Height.
    pub number: u64,
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
    /// Fields asked for, number and time left out.
    pub asked: BlockCalls,
}

impl PlannedBlock {
    /// Its calls, which are taken out.
    pub fn take_calls(&mut self) -> Vec<CallObject> {
        std::mem::take(&mut self.asked.calls)
    }

    /// Values written before it.
    pub fn state(&self) -> &StateOverrides {
        &self.asked.state
    }

    /// Withdrawals asked for.
    pub fn withdrawals(&self) -> &[Withdrawal] {
        let BlockExtras { withdrawals, .. } = &self.asked.fields.1;
        withdrawals
    }
}

/// The blocks in order.
///
/// # Errors
/// Numbers or times that do not rise, more blocks than the limit.
pub fn plan(payload: Payload, base: &Header) -> Result<Vec<PlannedBlock>, RpcError> {
    let mut blocks = Vec::new();
    let (mut number, mut timestamp) = (base.number, base.timestamp);
    for asked in payload.blocks {
        let wanted = asked.fields.0.number.unwrap_or(number.saturating_add(1));
        if wanted <= number {
            let message = format!("block numbers must be in order: {wanted} <= {number}");
            return Err(RpcError::new(code::BLOCK_NUMBERS, message));
        }
        if wanted - base.number > SIMULATED_BLOCKS_MAX {
            let message = format!("too many blocks, limit {SIMULATED_BLOCKS_MAX}");
            return Err(RpcError::new(code::SIMULATION_LIMIT, message));
        }
        for number in number + 1..wanted {
            timestamp = timestamp.saturating_add(TIME_STEP_SECONDS);
            blocks.push(PlannedBlock { number, timestamp, asked: BlockCalls::default() });
        }
        let next = asked.fields.0.time.unwrap_or(timestamp.saturating_add(TIME_STEP_SECONDS));
        if next <= timestamp {
            let message = format!("block timestamps must be in order: {next} <= {timestamp}");
            return Err(RpcError::new(code::BLOCK_TIMES, message));
        }
        (number, timestamp) = (wanted, next);
        blocks.push(PlannedBlock { number, timestamp, asked });
    }
    Ok(blocks)
}
