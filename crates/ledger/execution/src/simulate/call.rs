//! One simulated call.

use std::{collections::BTreeSet, sync::Arc};

use alloy_primitives::{TxKind, U256};
use revm::{
    context::{BlockEnv, TxEnv},
    context_interface::{
        either::Either,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction as Refusal},
    },
    primitives::eip3860::MAX_INITCODE_SIZE,
};
use types::FeeMode;

use super::{COLLECTING_ROUNDS_MAX, CallRequest, CallResult, SimulateError, Simulation, Stopped};
use crate::{BlockState, InvalidTransaction, LedgerEvm, Missing, Payment, halt};

/// One run: the result as users see it, and the gas spent before refunds.
pub(super) struct Run {
    pub(super) result: CallResult,
    pub(super) gas_before_refunds: u64,
}

impl Simulation {
    /// `eth_call`.
    pub fn call(&mut self, request: &CallRequest) -> Result<CallResult, Stopped> {
        let gas = request.gas.unwrap_or(self.gas_max).min(self.gas_max);
        Ok(self.run(request, gas)?.result)
    }

    pub(super) fn run(&mut self, request: &CallRequest, gas: u64) -> Result<Run, Stopped> {
        self.check(request)?;
        let transaction = self.transaction_env(request, gas);
        let mut block = self.environment.block_env();
        if transaction.gas_price == 0 {
            // As geth: a call that offers nothing sees no base fee.
            block.basefee = 0;
        }
        let collecting = (1..COLLECTING_ROUNDS_MAX).contains(&self.rounds);
        if collecting {
            self.state.begin_collecting();
        }
        let outcome = self.transact(transaction, block);
        let mut missing: BTreeSet<_> = self.state.end_collecting();
        if let Err(EVMError::Database(Missing(key))) = &outcome {
            missing.insert(*key);
        }
        if !missing.is_empty() {
            return Err(self.need(missing));
        }
        match outcome {
            Ok(result) => {
                Ok(Run { gas_before_refunds: result.gas().total_gas_spent(), result: seen(result) })
            }
            Err(EVMError::Transaction(refusal)) => Err(refused(refusal, request.value).into()),
            Err(error) => Err(SimulateError::Environment(error.to_string()).into()),
        }
    }

    fn transact(
        &mut self,
        transaction: TxEnv,
        block: BlockEnv,
    ) -> Result<ExecutionResult, EVMError<Missing>> {
        let mut evm: LedgerEvm<'_, &mut BlockState> =
            LedgerEvm::new(&mut self.state, &self.rules, block);
        evm.move_precompiles(Arc::clone(&self.places));
        evm.transact(transaction, Payment::Call)
    }

    pub(super) fn check(&self, request: &CallRequest) -> Result<(), SimulateError> {
        let modern =
            request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
        if request.gas_price.is_some() && modern {
            return Err(SimulateError::FeeFields);
        }
        if request.to.is_none() && request.data.len() > MAX_INITCODE_SIZE {
            return Err(InvalidTransaction::InitCodeTooLarge {
                bytes: request.data.len(),
                limit: MAX_INITCODE_SIZE,
            }
            .into());
        }
        if self.rules.fee_mode == FeeMode::Free {
            return Ok(());
        }
        let (fee_max, tip) = fees(request);
        if tip > fee_max && request.max_fee_per_gas.is_some() {
            return Err(InvalidTransaction::TipAboveFeeCap { tip, fee_max }.into());
        }
        let base_fee = u128::from(self.environment.base_fee);
        if fee_max > 0 && fee_max < base_fee {
            let sender = request.from.unwrap_or_default();
            return Err(InvalidTransaction::FeeCapTooLow { sender, fee_max, base_fee }.into());
        }
        Ok(())
    }

    pub(super) fn transaction_env(&self, request: &CallRequest, gas: u64) -> TxEnv {
        let (fee_max, tip) = match self.rules.fee_mode {
            FeeMode::Free => (0, 0),
            FeeMode::Metered => fees(request),
        };
        let modern =
            request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
        let tx_type = if !request.authorization_list.is_empty() {
            4
        } else if !request.blob_versioned_hashes.is_empty() {
            3
        } else if modern {
            2
        } else {
            u8::from(request.access_list.is_some())
        };
        TxEnv {
            tx_type,
            caller: request.from.unwrap_or_default(),
            gas_limit: gas,
            gas_price: fee_max,
            gas_priority_fee: (tx_type >= 2).then_some(tip),
            kind: request.to.map_or(TxKind::Create, TxKind::Call),
            value: request.value,
            data: request.data.clone(),
            nonce: 0,
            chain_id: Some(self.rules.chain_id),
            access_list: request.access_list.clone().unwrap_or_default(),
            blob_hashes: request.blob_versioned_hashes.clone(),
            max_fee_per_blob_gas: request.max_fee_per_blob_gas.unwrap_or_default(),
            authorization_list: request
                .authorization_list
                .iter()
                .cloned()
                .map(Either::Left)
                .collect(),
        }
    }
}

/// Offered maximum and tip, wei per gas.
fn fees(request: &CallRequest) -> (u128, u128) {
    match request.gas_price {
        Some(price) => (price, price),
        None => {
            let tip = request.max_priority_fee_per_gas.unwrap_or_default();
            (request.max_fee_per_gas.unwrap_or_default(), tip)
        }
    }
}

fn seen(result: ExecutionResult) -> CallResult {
    let gas_used = result.tx_gas_used();
    match result {
        ExecutionResult::Success { output, logs, .. } => {
            CallResult::Success { output: output.into_data(), gas_used, logs }
        }
        ExecutionResult::Revert { output, .. } => CallResult::Revert { output, gas_used },
        ExecutionResult::Halt { reason, .. } => CallResult::Halt {
            out_of_gas: matches!(reason, HaltReason::OutOfGas(_)),
            reason: halt::describe(&reason),
            gas_used,
        },
    }
}

/// What the EVM refused, of a call or transaction that moves `value` wei.
pub(super) fn refused(refusal: Refusal, value: U256) -> InvalidTransaction {
    match refusal {
        Refusal::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            InvalidTransaction::IntrinsicGas { gas: gas_limit, needed: initial_gas }
        }
        Refusal::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            InvalidTransaction::FloorDataGas { gas: gas_limit, needed: gas_floor }
        }
        Refusal::LackOfFundForMaxFee { fee, balance } => InvalidTransaction::InsufficientFunds {
            balance: *balance,
            cost: U256::max(*fee, value),
        },
        other => InvalidTransaction::Other(other.to_string()),
    }
}
