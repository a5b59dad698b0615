//! Where Heqi's transactions differ from Ethereum's before and after execution: who is paid, and
//! what a simulated call need not fulfil.

use std::marker::PhantomData;

use alloy_primitives::U256;
use revm::{
    Database,
    context::{BlockEnv, ContextTr, TxEnv},
    context_interface::{
        Block as _, JournalTr, Transaction as _,
        journaled_state::account::JournaledAccountTr,
        result::{EVMError, HaltReason},
    },
    handler::{
        FrameResult, Handler, post_execution,
        pre_execution::{calculate_caller_fee, validate_against_state_and_deduct_caller},
        validation,
    },
    interpreter::InitialAndFloorGas,
};

use super::{LedgerEvm, Payment};

pub(super) struct LedgerHandler<'a, DB> {
    payment: Payment,
    kind: PhantomData<(&'a (), DB)>,
}

impl<DB> LedgerHandler<'_, DB> {
    pub(super) fn new(payment: Payment) -> Self {
        Self { payment, kind: PhantomData }
    }
}

impl<'a, DB: Database> Handler for LedgerHandler<'a, DB> {
    type Evm = LedgerEvm<'a, DB>;
    type Error = EVMError<DB::Error>;
    type HaltReason = HaltReason;

    fn validate_env(&self, evm: &mut Self::Evm) -> Result<(), Self::Error> {
        match self.payment {
            Payment::Block { .. } => validation::validate_env(evm.context()),
            Payment::Call => Ok(()),
        }
    }

    fn validate_against_state_and_deduct_caller(
        &self,
        evm: &mut Self::Evm,
        _gas: &mut InitialAndFloorGas,
    ) -> Result<(), Self::Error> {
        match self.payment {
            Payment::Block { .. } => validate_against_state_and_deduct_caller(evm.context()),
            Payment::Call => deduct_caller(evm.context()),
        }
    }

    fn reward_beneficiary(
        &self,
        evm: &mut Self::Evm,
        result: &mut FrameResult,
    ) -> Result<(), Self::Error> {
        let context = evm.context();
        if self.payment == (Payment::Block { base_fee_burnt: true }) {
            return post_execution::reward_beneficiary(context, result.gas()).map_err(From::from);
        }
        let price = effective_price(context.tx(), context.block());
        if price == 0 {
            return Ok(());
        }
        let gas = result.gas();
        let used = gas.used().saturating_sub(gas.reservoir());
        let beneficiary = context.block().beneficiary();
        let fee = U256::from(price).saturating_mul(U256::from(used));
        context.journal_mut().load_account_mut(beneficiary)?.incr_balance(fee);
        Ok(())
    }
}

fn effective_price(transaction: &TxEnv, block: &BlockEnv) -> u128 {
    transaction.effective_gas_price(u128::from(block.basefee()))
}

/// Value and offered fees must be owned; nothing else about the sender matters in a call.
fn deduct_caller<DB: Database>(
    context: &mut super::EvmContext<DB>,
) -> Result<(), EVMError<DB::Error>> {
    let (block, tx, cfg, journal, _, _) = context.all_mut();
    let mut caller = journal.load_account_with_code_mut(tx.caller())?.data;
    let balance = calculate_caller_fee(*caller.balance(), tx, block, cfg)?;
    caller.set_balance(balance);
    if tx.kind().is_call() {
        caller.bump_nonce();
    }
    Ok(())
}
