//! The least gas limit with which a call succeeds, found by bisection as geth does.

use alloy_primitives::{Bytes, KECCAK256_EMPTY, U256};
use revm::Database;
use types::FeeMode;

use super::{CallRequest, CallResult, SimulateError, Simulation, Stopped, call::Run};
use crate::{InvalidTransaction, transaction_gas_max};

/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;
/// Gas that a call with value hands on for free.
const CALL_STIPEND: u64 = 2_300;
/// How far the estimate may exceed the least gas, thousandths (geth's `estimateGasErrorRatio`).
const TOLERANCE_THOUSANDTHS: u64 = 15;

/// One attempt with a given gas limit.
enum Attempt {
    Succeeds(Run),
    /// With more gas it may succeed.
    OutOfGas,
    Fails(SimulateError),
}

impl Simulation {
    /// `eth_estimateGas`. In free mode offered fees and what they would cost are ignored.
    pub fn estimate_gas(&mut self, request: &CallRequest) -> Result<u64, Stopped> {
        let mut high = self.allowance(request)?;
        if self.is_transfer(request)?
            && let Attempt::Succeeds(_) = self.attempt(request, TRANSFER_GAS)?
        {
            return Ok(TRANSFER_GAS);
        }
        let run = match self.attempt(request, high)? {
            Attempt::Succeeds(run) => run,
            Attempt::OutOfGas => return Err(SimulateError::GasAllowance(high).into()),
            Attempt::Fails(error) => return Err(error.into()),
        };
        let mut low = used(&run.result).saturating_sub(1);
        // Calls keep 1/64 of their gas; most calls succeed with what they used plus that.
        let likely = (run.gas_before_refunds + CALL_STIPEND).saturating_mul(64) / 63;
        if likely < high {
            self.narrow(request, likely, &mut low, &mut high)?;
        }
        while low + 1 < high {
            if (high - low).saturating_mul(1000) / high < TOLERANCE_THOUSANDTHS {
                break;
            }
            // Most gas limits are close to the low end.
            let middle = (low + (high - low) / 2).min(low.saturating_mul(2).max(low + 1));
            self.narrow(request, middle, &mut low, &mut high)?;
        }
        Ok(high)
    }

    fn narrow(
        &mut self,
        request: &CallRequest,
        gas: u64,
        low: &mut u64,
        high: &mut u64,
    ) -> Result<(), Stopped> {
        match self.attempt(request, gas)? {
            Attempt::Succeeds(_) => *high = gas,
            _ => *low = gas,
        }
        Ok(())
    }

    /// The highest gas limit to try.
    fn allowance(&mut self, request: &CallRequest) -> Result<u64, Stopped> {
        let asked = request.gas.filter(|gas| *gas >= TRANSFER_GAS);
        let cap = transaction_gas_max(self.rules.spec);
        let high = asked.unwrap_or(self.environment.gas_limit).min(self.gas_max).min(cap);
        let price = request.gas_price.or(request.max_fee_per_gas).unwrap_or_default();
        if self.rules.fee_mode == FeeMode::Free || price == 0 {
            return Ok(high);
        }
        let sender = request.from.unwrap_or_default();
        let balance = match self.state.basic(sender) {
            Ok(info) => info.map_or(U256::ZERO, |info| info.balance),
            Err(missing) => return Err(self.need([missing.0].into())),
        };
        let Some(available) = balance.checked_sub(request.value) else {
            let cost = request.value;
            return Err(InvalidTransaction::InsufficientFunds { balance, cost }.into());
        };
        Ok(high.min((available / U256::from(price)).saturating_to()))
    }

    fn is_transfer(&mut self, request: &CallRequest) -> Result<bool, Stopped> {
        let Some(recipient) = request.to else {
            return Ok(false);
        };
        if !request.data.is_empty() || !request.authorization_list.is_empty() {
            return Ok(false);
        }
        match self.state.basic(recipient) {
            Ok(info) => Ok(info.is_none_or(|info| info.code_hash == KECCAK256_EMPTY)),
            Err(missing) => Err(self.need([missing.0].into())),
        }
    }

    fn attempt(&mut self, request: &CallRequest, gas: u64) -> Result<Attempt, Stopped> {
        use InvalidTransaction::{FloorDataGas, IntrinsicGas};
        let run = match self.run(request, gas) {
            Ok(run) => run,
            Err(Stopped::Error(SimulateError::Invalid(
                IntrinsicGas { .. } | FloorDataGas { .. },
            ))) => return Ok(Attempt::OutOfGas),
            Err(stopped) => return Err(stopped),
        };
        Ok(match &run.result {
            CallResult::Success { .. } => Attempt::Succeeds(run),
            CallResult::Halt { out_of_gas: true, .. } => Attempt::OutOfGas,
            CallResult::Halt { reason, .. } => {
                Attempt::Fails(SimulateError::Halted(reason.clone()))
            }
            CallResult::Revert { output, .. } => {
                let output: Bytes = output.clone();
                Attempt::Fails(SimulateError::Reverted { output })
            }
        })
    }
}

fn used(result: &CallResult) -> u64 {
    match result {
        CallResult::Success { gas_used, .. }
        | CallResult::Revert { gas_used, .. }
        | CallResult::Halt { gas_used, .. } => *gas_used,
    }
}
