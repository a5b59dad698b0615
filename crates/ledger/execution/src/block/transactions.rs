//! The transactions of a block, one after the other.

use std::{collections::BTreeSet, sync::Arc};

use alloy_consensus::Transaction as _;
use alloy_primitives::{Bloom, Bytes};
use revm::context_interface::result::{EVMError, ExecutionResult};
use state::{StateDiff, StateKey};
use types::{Receipt, Transaction, ValidatorSet, receipts_root, transactions_root};

use super::{
    BlockExecutor, BlockOutcome, BuildLimits, InvalidBlock, Mode, Pause, Rejected,
    TransactionResult, outcome::FAILURE_OUTPUT_BYTES_MAX,
};
use crate::{
    BlockState, InvalidTransaction, LedgerEvm, Payment, TransactionRules, ValueSource,
    check_transaction, effective_gas_price, environment::transaction_env, halt,
    validate::refused_by_evm,
};

/// After a miss, so many transactions are tried at once to find out what they
/// will miss.
const LOOK_AHEAD_TRANSACTIONS_MAX: usize = 256;
/// Transactions with a higher gas limit are not tried ahead: running them twice would cost more
/// than waiting for their values.
const LOOK_AHEAD_GAS_MAX: u64 = 1_000_000;
/// How often one transaction is tried ahead; after that its values are asked for where it reads
/// them.
const LOOK_AHEAD_TRIES_MAX: u8 = 4;
/// No transaction fits into less gas.
const TRANSACTION_GAS_MIN: u64 = 21_000;

/// How far the block has come.
#[derive(Debug)]
pub(super) struct Progress {
    next: usize,
    gas_used: u64,
    bytes: usize,
    included: Vec<usize>,
    results: Vec<TransactionResult>,
    receipts: Vec<Receipt>,
    rejected: Vec<Rejected>,
    /// How often each transaction was tried ahead.
    tries: Vec<u8>,
}

impl Progress {
    pub(super) fn new(transactions: usize) -> Self {
        Self {
            next: 0,
            gas_used: 0,
            bytes: 0,
            included: Vec::new(),
            results: Vec::new(),
            receipts: Vec::new(),
            rejected: Vec::new(),
            tries: vec![0; transactions],
        }
    }

    /// The outcome; the executor stays as it is, so a repeated step answers the same.
    pub(super) fn outcome(
        &self,
        transactions: &[Arc<Transaction>],
        diff: StateDiff,
        next_validators: Option<ValidatorSet>,
    ) -> BlockOutcome {
        let encoded: Vec<Bytes> =
            self.included.iter().map(|index| transactions[*index].encoded().clone()).collect();
        let mut logs_bloom = Bloom::ZERO;
        for receipt in &self.receipts {
            logs_bloom.accrue_bloom(&receipt.bloom());
        }
        BlockOutcome {
            included: self.included.clone(),
            results: self.results.clone(),
            receipts: self.receipts.clone(),
            rejected: self.rejected.clone(),
            gas_used: self.gas_used,
            logs_bloom,
            transactions_root: transactions_root(&encoded),
            receipts_root: receipts_root(&self.receipts),
            diff,
            next_validators,
        }
    }

    fn fits(&self, transaction: &Transaction, limits: &BuildLimits) -> bool {
        let bytes = self.bytes.saturating_add(transaction.encoded().len());
        bytes <= limits.transaction_bytes_max && self.included.len() < limits.transactions_max
    }

    fn include(
        &mut self,
        index: usize,
        transaction: &Transaction,
        result: ExecutionResult,
        rules: &TransactionRules,
    ) {
        let gas_used = result.tx_gas_used();
        self.gas_used = self.gas_used.saturating_add(gas_used);
        self.bytes = self.bytes.saturating_add(transaction.encoded().len());
        let success = result.is_success();
        let (failure_output, halt) = match &result {
            ExecutionResult::Success { .. } => (Bytes::new(), None),
            ExecutionResult::Revert { output, .. } => {
                let kept = output.len().min(FAILURE_OUTPUT_BYTES_MAX);
                (Bytes::copy_from_slice(&output[..kept]), None)
            }
            ExecutionResult::Halt { reason, .. } => (Bytes::new(), Some(halt::describe(reason))),
        };
        let created = transaction.envelope().is_create();
        self.results.push(TransactionResult {
            gas_used,
            effective_gas_price: effective_gas_price(transaction, rules),
            success,
            contract_address: created.then(|| transaction.sender().create(transaction.nonce())),
            failure_output,
            halt,
        });
        self.receipts.push(Receipt {
            transaction_type: transaction.type_byte(),
            success,
            cumulative_gas_used: self.gas_used,
            logs: if success { result.into_logs() } else { Vec::new() },
        });
        self.included.push(index);
    }
}

impl BlockExecutor {
    /// Runs transactions until one misses a value or none is left.
    pub(super) fn run_transactions(&mut self) -> Result<(), Pause> {
        self.with_run(|run, transactions| run.all(transactions))
    }

    pub(super) fn load_next_transaction(&mut self, source: Box<dyn ValueSource>) {
        self.state.ask(Some(source));
        self.with_run(|run, transactions| {
            if let Some(transaction) = transactions.get(run.progress.next) {
                run.run_without_effect(transaction);
            }
        });
        self.state.ask(None);
    }

    fn with_run<R>(
        &mut self,
        work: impl FnOnce(&mut Run<'_, '_, '_>, &[Arc<Transaction>]) -> R,
    ) -> R {
        let rules = self.rules.clone();
        let transaction_rules = rules.transaction_rules(&self.environment);
        let transactions = std::mem::take(&mut self.transactions);
        let mode = self.mode;
        let result = self.with_evm(|evm, progress| {
            let mut run = Run { rules: &rules, transaction_rules, mode, evm, progress };
            work(&mut run, &transactions)
        });
        self.transactions = transactions;
        result
    }
}

/// One stretch of transactions on one EVM.
struct Run<'r, 'e, 's> {
    rules: &'r crate::ChainRules,
    transaction_rules: TransactionRules,
    mode: Mode,
    evm: &'r mut LedgerEvm<'e, &'s mut BlockState>,
    progress: &'r mut Progress,
}

impl Run<'_, '_, '_> {
    fn all(&mut self, transactions: &[Arc<Transaction>]) -> Result<(), Pause> {
        while let Some(transaction) = transactions.get(self.progress.next) {
            let limit = self.transaction_rules.block_gas_limit;
            let remaining = limit.saturating_sub(self.progress.gas_used);
            if self.mode != Mode::Verify && remaining < TRANSACTION_GAS_MIN {
                break;
            }
            match self.one(transaction, remaining) {
                Err(Pause::Need(keys)) => {
                    if !self.worth_trying(self.progress.next, transaction) {
                        return Err(Pause::NeedSource);
                    }
                    return Err(Pause::Need(self.look_ahead(transactions, keys)));
                }
                result => result?,
            }
            self.progress.next += 1;
        }
        Ok(())
    }

    fn one(&mut self, transaction: &Transaction, remaining: u64) -> Result<(), Pause> {
        let index = self.progress.next;
        if self.rules.transaction_checks
            && let Err(reason) = check_transaction(transaction, &self.transaction_rules)
        {
            return self.reject(reason);
        }
        let gas = transaction.gas_limit();
        match self.mode {
            Mode::Verify if gas > remaining => {
                let limit = self.transaction_rules.block_gas_limit;
                return Err(InvalidBlock::Gas { index, gas, remaining, limit }.into());
            }
            Mode::Build(limits) if gas > remaining || !self.progress.fits(transaction, &limits) => {
                return Ok(());
            }
            _ => {}
        }
        let payment = Payment::Block { base_fee_burnt: self.rules.base_fee_burnt };
        match self.evm.transact(transaction_env(transaction, self.rules), payment) {
            Ok(result) => {
                let changes = self.evm.take_changes();
                let spec = self.evm.spec();
                self.evm.database().commit(changes, spec);
                self.progress.include(index, transaction, result, &self.transaction_rules);
                Ok(())
            }
            Err(EVMError::Database(missing)) => Err(missing.into()),
            Err(EVMError::Transaction(reason)) => {
                let reason = refused_by_evm(reason, transaction, &self.transaction_rules);
                self.reject(reason)
            }
            Err(error) => Err(InvalidBlock::Environment(error.to_string()).into()),
        }
    }

    fn reject(&mut self, reason: InvalidTransaction) -> Result<(), Pause> {
        let index = self.progress.next;
        if self.mode == Mode::Verify {
            return Err(InvalidBlock::Transaction { index, reason }.into());
        }
        self.progress.rejected.push(Rejected { index, reason });
        Ok(())
    }

    /// Adds what this and the following transactions would miss, so that one round of reading
    /// serves many. They run on the state as it is now, with absent values where some are missing,
    /// and without effect; a wrong guess costs only time, and each transaction's number of tries is
    /// limited.
    fn look_ahead(
        &mut self,
        transactions: &[Arc<Transaction>],
        missed: Vec<StateKey>,
    ) -> Vec<StateKey> {
        let current = self.progress.next;
        let ahead = transactions.iter().enumerate().skip(current).take(LOOK_AHEAD_TRANSACTIONS_MAX);
        self.evm.ignore_nonces(true);
        self.evm.database().begin_collecting();
        for (index, transaction) in ahead {
            if self.worth_trying(index, transaction) {
                self.try_ahead(index, transaction);
            }
        }
        self.evm.ignore_nonces(false);
        let mut keys: BTreeSet<StateKey> = self.evm.database().end_collecting();
        keys.extend(missed);
        keys.into_iter().collect()
    }

    fn worth_trying(&self, index: usize, transaction: &Transaction) -> bool {
        transaction.gas_limit() <= LOOK_AHEAD_GAS_MAX
            && self.progress.tries[index] < LOOK_AHEAD_TRIES_MAX
    }

    fn try_ahead(&mut self, index: usize, transaction: &Transaction) {
        let before = self.evm.database().collected();
        self.run_without_effect(transaction);
        let missed_nothing = self.evm.database().collected() == before;
        let tries = &mut self.progress.tries[index];
        *tries = if missed_nothing { LOOK_AHEAD_TRIES_MAX } else { *tries + 1 };
    }

    fn run_without_effect(&mut self, transaction: &Transaction) {
        let payment = Payment::Block { base_fee_burnt: self.rules.base_fee_burnt };
        let _ = self.evm.transact(transaction_env(transaction, self.rules), payment);
        let _ = self.evm.take_changes();
    }
}
