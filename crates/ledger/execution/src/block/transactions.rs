//! The transactions of a block, one after the other.

use std::sync::Arc;

use alloy_consensus::Transaction as _;
use alloy_primitives::Bytes;
use revm::{
    context_interface::result::{EVMError, ExecutionResult},
    state::EvmState,
};
use state::{StateDiff, StateKey};
use types::{Receipt, Transaction, ValidatorSet, receipts_root_and_bloom, transactions_root};

use super::{
    BlockExecutor, BlockOutcome, BuildLimits, InvalidBlock, Mode, Pause, Rejected,
    TransactionResult,
    look_ahead::{TRIED_GAS_MAX, Tries},
    outcome::FAILURE_OUTPUT_BYTES_MAX,
};
use crate::{
    AccessPatterns, BlockState, InvalidTransaction, LedgerEvm, Missing, TransactionRules,
    ValueSource, check_transaction, effective_gas_price, environment::transaction_env, halt,
    validate::refused_by_evm,
};

/// Gas that transactions use between two pauses.
const PAUSE_GAS: u64 = 3_000_000;
/// No transaction fits into less gas.
const TRANSACTION_GAS_MIN: u64 = 21_000;

/// How far the block has come.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) next: usize,
    /// Transactions before this position have been looked at for what they need.
    pub(super) window: usize,
    /// Position at which the block ends, whether there are more candidates or not.
    end: usize,
    pub(super) gas_used: u64,
    bytes: usize,
    included: Vec<usize>,
    results: Vec<TransactionResult>,
    receipts: Vec<Receipt>,
    rejected: Vec<Rejected>,
    /// What the next transaction came to on a run with a source.
    loaded: Option<Ran>,
    /// Gas used at the last pause.
    paused_at: u64,
    pub(super) tries: Tries,
    /// The transaction that missed a value last.
    missed: Option<usize>,
    /// Accounts and slots wanted by the window's transactions, once they are known.
    pub(super) wanted: Option<Vec<StateKey>>,
}

/// A run whose effects are not applied yet.
pub(super) type Ran = Result<(ExecutionResult, EvmState), EVMError<Missing>>;

impl Progress {
    pub(super) fn new(transactions: usize) -> Self {
        Self {
            next: 0,
            window: 0,
            end: transactions,
            gas_used: 0,
            bytes: 0,
            included: Vec::new(),
            results: Vec::new(),
            receipts: Vec::new(),
            rejected: Vec::new(),
            loaded: None,
            paused_at: 0,
            tries: Tries::new(transactions),
            missed: None,
            wanted: None,
        }
    }

    /// The outcome, taken out: the executor has done its work.
    pub(super) fn outcome(
        &mut self,
        transactions: &[Arc<Transaction>],
        diff: StateDiff,
        next_validators: Option<ValidatorSet>,
    ) -> BlockOutcome {
        let encoded: Vec<Bytes> =
            self.included.iter().map(|index| transactions[*index].encoded().clone()).collect();
        let receipts = Arc::new(std::mem::take(&mut self.receipts));
        let (receipts_root, logs_bloom) = receipts_root_and_bloom(&receipts);
        BlockOutcome {
            included: std::mem::take(&mut self.included),
            results: std::mem::take(&mut self.results),
            receipts,
            rejected: std::mem::take(&mut self.rejected),
            gas_used: self.gas_used,
            logs_bloom,
            transactions_root: transactions_root(&encoded),
            receipts_root,
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

    /// Answers [`Step::NeedSource`](super::Step::NeedSource): runs the next transaction, asking
    /// `source` for every value that it misses; the next step applies what it did. Where the source
    /// gives no answer, the next step needs it again.
    pub fn load_next(&mut self, source: Box<dyn ValueSource>) {
        self.state.ask(Some(source));
        self.with_run(|run, transactions| {
            let Some(transaction) = transactions.get(run.progress.next) else {
                return;
            };
            let ran = run.run(transaction);
            let unanswered = matches!(ran, Err(EVMError::Database(_)));
            run.progress.loaded = (!unanswered).then_some(ran);
        });
        self.state.ask(None);
    }

    /// Leaves out the transaction that was just loaded. Only for building.
    pub fn refuse_next(&mut self, reason: InvalidTransaction) {
        self.progress.loaded = None;
        self.progress.rejected.push(Rejected { index: self.progress.next, reason });
        self.progress.next += 1;
    }

    /// Lets the block end here: no further candidate is tried, except one that is loaded and the
    /// first, without which a slow node would never include anything. Only for building.
    pub fn close(&mut self) {
        let handled = self.progress.next + usize::from(self.progress.loaded.is_some());
        self.progress.end = self.progress.end.min(handled.max(1));
    }

    fn with_run<R>(
        &mut self,
        work: impl FnOnce(&mut Run<'_, '_, '_>, &[Arc<Transaction>]) -> R,
    ) -> R {
        let rules = self.rules.clone();
        let transaction_rules = rules.transaction_rules(&self.environment);
        let patterns = Arc::clone(&self.patterns);
        let transactions = std::mem::take(&mut self.transactions);
        let mode = self.mode;
        let result = self.with_evm(|evm, progress| {
            let mut run =
                Run { rules: &rules, transaction_rules, patterns: &patterns, mode, evm, progress };
            work(&mut run, &transactions)
        });
        self.transactions = transactions;
        result
    }
}

/// One stretch of transactions on one EVM.
pub(super) struct Run<'r, 'e, 's> {
    rules: &'r crate::ChainRules,
    pub(super) transaction_rules: TransactionRules,
    patterns: &'r AccessPatterns,
    mode: Mode,
    pub(super) evm: &'r mut LedgerEvm<'e, &'s mut BlockState>,
    pub(super) progress: &'r mut Progress,
}

impl Run<'_, '_, '_> {
    fn all(&mut self, transactions: &[Arc<Transaction>]) -> Result<(), Pause> {
        let transactions = &transactions[..self.progress.end];
        while let Some(transaction) = transactions.get(self.progress.next) {
            let limit = self.transaction_rules.block_gas_limit;
            let remaining = limit.saturating_sub(self.progress.gas_used);
            if self.mode != Mode::Verify && remaining < TRANSACTION_GAS_MIN {
                break;
            }
            if self.progress.next == self.progress.window {
                return Err(Pause::Window);
            }
            match self.one(transaction, remaining) {
                Err(Pause::Need(keys)) => {
                    self.progress.missed = Some(self.progress.next);
                    return Err(match self.look_ahead(transactions, keys) {
                        Some(keys) => Pause::Need(keys),
                        None => Pause::NeedSource,
                    });
                }
                result => result?,
            }
            self.progress.next += 1;
            if self.progress.gas_used - self.progress.paused_at >= PAUSE_GAS {
                self.progress.paused_at = self.progress.gas_used;
                return Err(Pause::Breath);
            }
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
        let ran = match self.progress.loaded.take() {
            Some(ran) => ran,
            // Too large to be run again after every miss.
            None if gas > TRIED_GAS_MAX => return Err(Pause::NeedSource),
            None => self.run(transaction),
        };
        match ran {
            Ok((result, changes)) => {
                if self.progress.missed == Some(index) && result.is_success() {
                    self.patterns.learn(transaction, &changes, self.evm.preimages());
                }
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

    pub(super) fn run(&mut self, transaction: &Transaction) -> Ran {
        let payment = self.rules.payment();
        let result = self.evm.transact(transaction_env(transaction, self.rules), payment)?;
        Ok((result, self.evm.take_changes()))
    }
}
