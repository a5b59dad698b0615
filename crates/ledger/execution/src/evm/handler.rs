//! Where Heqi's transactions differ from Ethereum's before and after execution: who is paid, and
//! what a simulated call need not fulfil.

use std::marker::PhantomData;

use alloy_primitives::U256;
use revm::{
    Database,
    context::{BlockEnv, ContextTr, TxEnv},
    context_interface::{
        Block as _, Cfg as _, JournalTr, Transaction as _,
        journaled_state::account::JournaledAccountTr,
        result::{EVMError, HaltReason},
    },
    handler::{
        EthFrame, EvmTr, FrameResult, Handler, post_execution,
        pre_execution::{
            calculate_caller_fee, validate_account_nonce_and_code,
            validate_against_state_and_deduct_caller,
        },
        validation,
    },
    interpreter::{InitialAndFloorGas, interpreter::EthInterpreter},
};

use super::{EvmContext, Payment};

/// For the ledger's EVM, looked on or not.
pub(super) struct LedgerHandler<E> {
    payment: Payment,
    kind: PhantomData<E>,
}

impl<E> LedgerHandler<E> {
    pub(super) fn new(payment: Payment) -> Self {
        Self { payment, kind: PhantomData }
    }
}

impl<DB, E> Handler for LedgerHandler<E>
where
    DB: Database,
    E: EvmTr<Context = EvmContext<DB>, Frame = EthFrame<EthInterpreter>>,
{
    type Evm = E;
    type Error = EVMError<DB::Error>;
    type HaltReason = HaltReason;

    fn validate_env(&self, evm: &mut Self::Evm) -> Result<(), Self::Error> {
        self.payment.validate_env(evm.ctx())
    }

    fn validate_against_state_and_deduct_caller(
        &self,
        evm: &mut Self::Evm,
        _gas: &mut InitialAndFloorGas,
    ) -> Result<(), Self::Error> {
        self.payment.deduct_caller(evm.ctx())
    }

    fn reward_beneficiary(
        &self,
        evm: &mut Self::Evm,
        result: &mut FrameResult,
    ) -> Result<(), Self::Error> {
        self.payment.reward_beneficiary(evm.ctx(), result)
    }
}

impl Payment {
    fn validate_env<DB: Database>(
        self,
        context: &mut EvmContext<DB>,
    ) -> Result<(), EVMError<DB::Error>> {
        match self {
            Self::Block { .. } | Self::AnySender => validation::validate_env(context),
            Self::Call | Self::Simulated { .. } => Ok(()),
        }
    }

    fn deduct_caller<DB: Database>(
        self,
        context: &mut EvmContext<DB>,
    ) -> Result<(), EVMError<DB::Error>> {
        match self {
            Self::Block { .. } => validate_against_state_and_deduct_caller(context),
            Self::AnySender => deduct_any_sender(context),
            Self::Call | Self::Simulated { .. } => deduct_caller(context),
        }
    }

    fn reward_beneficiary<DB: Database>(
        self,
        context: &mut EvmContext<DB>,
        result: &mut FrameResult,
    ) -> Result<(), EVMError<DB::Error>> {
        let burnt = match self {
            Self::Block { base_fee_burnt } | Self::Simulated { base_fee_burnt } => base_fee_burnt,
            Self::AnySender | Self::Call => false,
        };
        if burnt {
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

/// As revm's own, without EIP-3607's question whether the sender has code.
fn deduct_any_sender<DB: Database>(
    context: &mut EvmContext<DB>,
) -> Result<(), EVMError<DB::Error>> {
    let (block, tx, cfg, journal, _, _) = context.all_mut();
    let mut caller = journal.load_account_with_code_mut(tx.caller())?.data;
    let ignores_nonces = cfg.is_nonce_check_disabled();
    validate_account_nonce_and_code(&caller.account().info, tx.nonce(), true, ignores_nonces)?;
    let balance = calculate_caller_fee(*caller.balance(), tx, block, cfg)?;
    caller.set_balance(balance);
    if tx.kind().is_call() {
        caller.bump_nonce();
    }
    Ok(())
}

/// Value and offered fees must be owned; nothing else about the sender matters in a call.
fn deduct_caller<DB: Database>(context: &mut EvmContext<DB>) -> Result<(), EVMError<DB::Error>> {
    let (block, tx, cfg, journal, _, _) = context.all_mut();
    let mut caller = journal.load_account_with_code_mut(tx.caller())?.data;
    let balance = calculate_caller_fee(*caller.balance(), tx, block, cfg)?;
    caller.set_balance(balance);
    if tx.kind().is_call() && !caller.bump_nonce() {
        // As geth, which lets the largest nonce be followed by the smallest in simulations.
        caller.set_nonce(0);
    }
    Ok(())
}
